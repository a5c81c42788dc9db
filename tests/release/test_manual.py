"""The manual that the extension carries: whole, with every link and picture, and a heading for everything of ours."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path
from posixpath import dirname, join, normpath

import pytest

from release.manual import DOCS, manual_files


class _Page(HTMLParser):
    """What a page links to, shows and names."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.targets: list[str] = []
        self.anchors: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        told = dict(attrs)
        self.targets += [value for name in ("href", "src") if (value := told.get(name))]
        self.anchors += [value for value in [told.get("id")] if value]


@pytest.fixture(scope="module")
def files() -> dict[str, bytes]:
    return manual_files()


def test_every_link_and_picture_leads_somewhere(files: dict[str, bytes]) -> None:
    pages = {name: _Page(data.decode()) for name, data in files.items() if name.endswith(".html")}
    wrong = []
    for name, page in pages.items():
        for target in page.targets:
            path, _, anchor = target.partition("#")
            if "://" in target or target == "#":
                continue
            other = normpath(join(dirname(name), path)) if path else name
            if other not in files or (anchor and anchor not in pages[other].anchors):
                wrong.append(f"{name}: {target}")
    assert wrong == []


def test_it_has_the_pages_for_artists_and_their_pictures_but_not_the_developers(files: dict[str, bytes]) -> None:
    assert {"manual/artist.html", "manual/server.html", "manual/pictures/window_imported.jpg"} <= set(files)
    assert "manual/architecture.html" not in files
    assert "<table>" in files["manual/artist.html"].decode()
    assert sum(map(len, files.values())) < 4e6


def test_a_heading_that_stands_twice_has_two_names(tmp_path: Path) -> None:
    (tmp_path / "page.md").write_text("# A `b` & c!\n\n## Same\n\n## Same\n")
    assert [name for name in manual_files(tmp_path) if "/at/" in name] == [
        "manual/at/page.a-b--c.html",
        "manual/at/page.same.html",
        "manual/at/page.same-1.html",
    ]


def test_the_headings_that_are_opened_are_there(files: dict[str, bytes]) -> None:
    """Read from the source: this needs no Blender."""
    source = (DOCS.parent / "blender_addon" / "ui" / "manual_map.py").read_text("utf-8")
    named = set(re.findall(r'"((?:artist|server)\.[\w-]+)"', source))
    assert len(named) > 5
    assert {name for name in named if f"manual/at/{name}.html" not in files} == set()
