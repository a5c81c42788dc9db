"""Every file that the documentation links to or names is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").glob("*.md"))]
BASES = [ROOT, ROOT / "blender_addon", ROOT / "server", ROOT / "server" / "service"]
"""What a path in the text may be relative to."""
_LINK = re.compile(r"\]\(([^)#\s]+)")
_SOURCE = re.compile(r"`([\w/.-]+/(?:[\w-]+\.py|[\w-]+/)?)`")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    links = [link for link in _LINK.findall(page.read_text(encoding="utf-8")) if "://" not in link]
    assert [link for link in links if not (page.parent / link).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_source_files_and_folders_that_are_named_are_there(page: Path) -> None:
    named = {name for name in _SOURCE.findall(page.read_text(encoding="utf-8")) if name.count("/") > name.endswith("/")}
    named = {name for name in named if not name.startswith("out/")}
    assert sorted(name for name in named if not any((base / name).exists() for base in BASES)) == []


def test_make_has_every_target_that_is_named() -> None:
    text = "\n".join(page.read_text(encoding="utf-8") for page in PAGES)
    named = set(re.findall(r"(?:`|^)make ([a-z][\w.-]*)", text, re.MULTILINE))
    targets = set(re.findall(r"^([\w.-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    assert {"demo", "test"} <= named
    assert named - targets == set()


def test_every_picture_is_shown_somewhere() -> None:
    text = "".join(page.read_text(encoding="utf-8") for page in PAGES)
    assert [picture.name for picture in (ROOT / "docs" / "pictures").iterdir() if picture.name not in text] == []
