"""The line that installs what is missing, for each kind of installation."""

from __future__ import annotations

import json
import os
import tomllib
from collections.abc import Iterator
from importlib.metadata import Distribution, PathDistribution
from pathlib import Path
from typing import Any

import pytest
from packaging.markers import Marker
from packaging.utils import parse_wheel_filename

from server import packages
from server.packages import (
    MODELS_DOWNLOAD,
    OLDEST,
    ROOT,
    absent_packages,
    cuda_command,
    install_command,
    unfit_torchvision,
)

SYSTEMS = {
    "linux": ("Linux", "x86_64", "manylinux"),
    "win32": ("Windows", "AMD64", "win"),
    "darwin": ("Darwin", "arm64", "macosx"),
}
"""platform_system, platform_machine, and how the wheels' platform tags begin."""

Q = '"' if os.name == "nt" else "'"
"""What a terminal of this system takes a path with blanks in."""


@pytest.fixture(autouse=True)
def no_extras(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packages, "EXTRAS", {"models": "no_such_package", "evaluation": "neither_this"})


def test_a_checkout_is_synced() -> None:
    assert install_command("models") == "uv sync --inexact --extra models"


def test_the_zips_server_installs_the_wheel_beside_it(tmp_path: Path) -> None:
    wheel = tmp_path / "my extensions" / "realcam-0.1.0-py3-none-any.whl"
    wheel.parent.mkdir()
    wheel.touch()
    assert install_command("models", wheel.parent) == (
        f"uv tool install --reinstall {Q}realcam[models] @ {tmp_path.as_uri()}/my%20extensions/{wheel.name}{Q}"
    )


@pytest.mark.parametrize(
    ("origin", "source"),
    [
        ({"url": "file:///home/me/realcam.whl", "archive_info": {}}, "file:///home/me/realcam.whl"),
        ({"url": "https://example.org/r", "vcs_info": {"vcs": "git", "commit_id": "1"}}, "git+https://example.org/r"),
        (None, "FILE-OR-GIT-URL"),
    ],
)
def test_a_tool_is_installed_anew_from_where_it_came_with_what_it_has(
    origin: dict[str, Any] | None, source: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "realcam-0.1.0.dist-info"
    folder.mkdir()
    if origin is not None:
        (folder / "direct_url.json").write_text(json.dumps(origin))

    def installed(_name: str) -> Distribution:
        return PathDistribution(folder)

    monkeypatch.setattr("importlib.metadata.distribution", installed)
    monkeypatch.setattr(packages, "EXTRAS", {"evaluation": "json"})
    expected = f"uv tool install --reinstall {Q}realcam[evaluation,models] @ {source}{Q}"
    assert install_command("models", tmp_path) == expected
    assert cuda_command(tmp_path) == expected.replace("--reinstall", "--reinstall --torch-backend auto")


@pytest.mark.parametrize("system", SYSTEMS)
def test_the_size_that_is_told_is_that_of_the_locked_wheels(system: str) -> None:
    """For Python 3.13: PyTorch from the registry, and everything else that the extra brings."""
    counted = sum(smallest_wheel(package, system) for package in needed(system))
    assert counted == pytest.approx(MODELS_DOWNLOAD[system], rel=0.15)


def needed(system: str) -> Iterator[dict[str, Any]]:
    """The entries of uv.lock that `realcam[models]` needs on a system, each once."""
    platform, machine, _ = SYSTEMS[system]
    environment = {
        "sys_platform": system,
        "platform_system": platform,
        "platform_machine": machine,
        "python_version": "3.13",
        "python_full_version": "3.13.0",
        "platform_python_implementation": "CPython",
        "implementation_name": "cpython",
        "os_name": "nt" if system == "win32" else "posix",
        "extra": "",
    }
    lock = tomllib.loads((ROOT / "uv.lock").read_text("utf-8"))["package"]
    waiting = [{"name": "realcam", "extra": ["models"]}]
    seen = set()
    while waiting:
        wanted = waiting.pop()
        entries = [one for one in lock if one["name"] == wanted["name"]]
        entry = next((one for one in entries if one["version"] == wanted.get("version")), entries[0])
        asked = (entry["name"], *wanted.get("extra", ()))
        if asked in seen:
            continue
        if not any(name == entry["name"] for name, *_ in seen) and entry["name"] != "realcam":
            yield entry
        seen.add(asked)
        extras = [entry.get("optional-dependencies", {}).get(extra, []) for extra in wanted.get("extra", ())]
        waiting += [
            dependency
            for dependency in sum(extras, entry.get("dependencies", []))
            if "marker" not in dependency or Marker(dependency["marker"]).evaluate(environment)
        ]


def smallest_wheel(entry: dict[str, Any], system: str) -> int:
    """Bytes of the wheel of an entry of uv.lock that Python 3.13 takes on a system; 0 where there is only source."""
    _, machine, begins = SYSTEMS[system]
    sizes = []
    for wheel in entry.get("wheels", ()):
        tags = parse_wheel_filename(wheel["url"].rpartition("/")[2])[3]
        fitting = [
            tag
            for tag in tags
            if (tag.interpreter in ("py3", "cp313") or tag.abi == "abi3") and not tag.abi.endswith("t")
            if tag.platform == "any" or (tag.platform.startswith(begins) and machine.lower() in tag.platform)
        ]
        sizes += [wheel["size"]] if fitting else []
    return min(sizes, default=0)


@pytest.mark.parametrize(
    ("version", "old"), [("0.41.2", True), ("0.9", True), ("0.42.0.dev0", False), ("0.42.1", False), ("1", False)]
)
def test_a_diffusers_that_is_too_old_is_said_before_its_import_fails(
    version: str, old: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of whoever installed it by hand; every engine that needs it is unavailable with these words."""
    (tmp_path / "diffusers").mkdir()
    (tmp_path / "diffusers" / "__init__.py").touch()
    about = tmp_path / f"diffusers-{version}.dist-info" / "METADATA"
    about.parent.mkdir()
    about.write_text(f"Metadata-Version: 2.1\nName: diffusers\nVersion: {version}\n", encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    said = absent_packages(("diffusers",), "models")
    assert said == (
        f"the installed diffusers {version} is too old for the networks, which need 0.42 or later: "
        "run `uv sync --inexact --extra models` on the server"
        if old
        else ""
    )


def test_the_oldest_versions_are_those_that_the_extra_asks_for() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["optional-dependencies"]
    for name, oldest in OLDEST.items():
        assert f"{name}>={'.'.join(map(str, oldest))}" in extras["models"]


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("raise RuntimeError('operator torchvision::nms does not exist')", "operator torchvision::nms does not exist"),
        ("import os; os.abort()", "it ended without a word"),
        ("", ""),
    ],
)
def test_a_torchvision_that_does_not_fit_is_said(
    code: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It breaks every import of transformers. It is tried in another process, whose end is not this one's."""
    for name, content in (("torch", ""), ("torchvision", code)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text(content, encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr(packages.importlib.util, "find_spec", lambda name: object())
    unfit_torchvision.cache_clear()
    try:
        found = unfit_torchvision()
    finally:
        unfit_torchvision.cache_clear()
    assert said in found
    assert ("uv pip uninstall torchvision" in found) is bool(said)


def test_without_a_torchvision_nothing_is_started(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packages.importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(packages.subprocess, "run", None)
    unfit_torchvision.cache_clear()
    assert unfit_torchvision() == ""
    unfit_torchvision.cache_clear()
