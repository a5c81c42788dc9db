"""A release: its number in every place, the changelog's section, what stands in its way, and checksums."""

from __future__ import annotations

import datetime
import hashlib
import shutil
import subprocess
from pathlib import Path

import pytest

from release.make_release import ready, write_sums
from release.numbers import CHANGELOG, PLACES, ROOT, ReleaseError, changelog_section, numbers, set_version

DAY = datetime.date(2026, 12, 1)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """The real files that hold the number, in a repository of their own."""
    for name in (*PLACES, CHANGELOG):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, tmp_path / name)
    text = (tmp_path / CHANGELOG).read_text("utf-8").replace("## Unreleased\n", "## Unreleased\n\n- News.\n", 1)
    (tmp_path / CHANGELOG).write_text(text, "utf-8")
    git(tmp_path, "init", "-q")
    commit(tmp_path)
    return tmp_path


def git(folder: Path, *arguments: str) -> None:
    who = ("-c", "user.name=x", "-c", "user.email=x@example.org", "-c", "commit.gpgsign=false")
    subprocess.run(["git", *who, *arguments], cwd=folder, check=True)


def commit(folder: Path) -> None:
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", "x", "--no-verify")


def test_the_number_is_written_everywhere_and_the_news_go_under_it(checkout: Path) -> None:
    before = {name: (checkout / name).read_text("utf-8").splitlines() for name in PLACES}
    set_version("98.0.1", DAY, checkout)
    assert set(numbers(checkout).values()) == {"98.0.1"}
    for name, lines in before.items():
        after = (checkout / name).read_text("utf-8").splitlines()
        assert sum(old != new for old, new in zip(lines, after, strict=True)) == 1, name
    changelog = (checkout / CHANGELOG).read_text("utf-8")
    assert "## 98.0.1 (2026-12-01)\n" in changelog
    assert changelog_section(changelog, "98.0.1").startswith("- News.")
    assert changelog_section(changelog, "Unreleased") == ""


@pytest.mark.parametrize(
    ("version", "why"), [("1.0", "three numbers are needed"), ("0.0.1", "is not above .* Blender would not offer it")]
)
def test_a_number_that_would_not_be_offered_is_refused(checkout: Path, version: str, why: str) -> None:
    before = numbers(checkout)
    with pytest.raises(ReleaseError, match=why):
        set_version(version, DAY, checkout)
    assert numbers(checkout) == before


def test_a_number_that_stands_but_was_never_released_can_be(checkout: Path) -> None:
    set_version("98.0.1", DAY, checkout)
    with pytest.raises(ReleaseError, match=r"98\.0\.1 is not above 98\.0\.1"):
        set_version("98.0.1", DAY, checkout)
    text = (checkout / CHANGELOG).read_text("utf-8")
    (checkout / CHANGELOG).write_text(text.replace("\n## 98.0.1 (2026-12-01)\n", ""), "utf-8")
    set_version("98.0.1", DAY, checkout)
    assert set(numbers(checkout).values()) == {"98.0.1"}


def test_what_stands_in_the_way_of_a_release_is_said(checkout: Path) -> None:
    set_version("98.0.1", DAY, checkout)
    with pytest.raises(ReleaseError, match=rf"Not everything is committed:\n.*{CHANGELOG}"):
        ready(checkout)
    commit(checkout)
    assert ready(checkout) == "98.0.1"
    with pytest.raises(ReleaseError, match="says nothing under Unreleased"):
        set_version("98.0.2", DAY, checkout)
    text = (checkout / CHANGELOG).read_text("utf-8")
    (checkout / CHANGELOG).write_text(text.replace("## 98.0.1", "## 98"), "utf-8")
    commit(checkout)
    with pytest.raises(ReleaseError, match=r"has no section 98\.0\.1"):
        ready(checkout)
    project = checkout / "pyproject.toml"
    project.write_text(project.read_text("utf-8").replace("98.0.1", "98.0.9"), "utf-8")
    commit(checkout)
    with pytest.raises(ReleaseError, match="not the same everywhere"):
        ready(checkout)


def test_the_sums_are_what_sha256sum_checks(tmp_path: Path) -> None:
    (tmp_path / "b.zip").write_bytes(b"b")
    (tmp_path / "a.whl").write_bytes(b"a")
    sums = write_sums(tmp_path, [tmp_path / "b.zip", tmp_path / "a.whl"])
    a, b = (hashlib.sha256(data).hexdigest() for data in (b"a", b"b"))
    assert sums.read_text("utf-8") == f"{a}  a.whl\n{b}  b.zip\n"
