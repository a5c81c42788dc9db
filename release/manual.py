"""The manual that the extension carries: HTML pages made of docs/*.md, with a page that leads to each heading.

`manual/artist.html#4-generate` is a heading of a page, named as GitHub names it. A browser that is started with a file
and an anchor drops the anchor on some systems, so that Blender opens `manual/at/artist.4-generate.html`, which leads
there.
"""

from __future__ import annotations

import html
import posixpath
import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token

from blender_addon.core.foreign_files import is_foreign
from release.project import PROJECT_ADDRESS

DOCS = Path(__file__).parents[1] / "docs"
FOR_DEVELOPERS = {"architecture", "development", "how-to"}
"""Pages that the extension does not carry."""

_STYLE = """
body { max-width: 52em; margin: 2em auto; padding: 0 1em; font: 16px/1.5 sans-serif; color: #222; background: #fff }
img { max-width: 100% } pre, code { background: #f2f2f2 } pre { padding: .6em; overflow-x: auto }
table { border-collapse: collapse } td, th { border: 1px solid #ccc; padding: .3em .6em; text-align: left }
@media (prefers-color-scheme: dark) { body { color: #ddd; background: #222 } pre, code { background: #333 }
  a { color: #8bf } }
"""


def manual_files(docs: Path = DOCS) -> dict[str, bytes]:
    """Every file of the manual by its path in the extension, `manual/...`: pages, their pictures, leads to headings.

    Args:
        docs: the folder of the Markdown pages and their pictures.
    """
    carried = {page.stem for page in docs.glob("*.md") if not is_foreign(page.name)} - FOR_DEVELOPERS
    files: dict[str, bytes] = {}
    for name in sorted(carried):
        body, anchors, pictures = _page((docs / f"{name}.md").read_text("utf-8"), carried)
        title = html.escape(re.sub(r"<[^>]*>", "", body.partition("</h1>")[0]).strip() or name)
        files[f"manual/{name}.html"] = _html(title, body).encode()
        files |= {f"manual/{picture}": (docs / picture).read_bytes() for picture in pictures}
        files |= {f"manual/at/{name}.{anchor}.html": _lead(f"../{name}.html#{anchor}") for anchor in anchors}
    return files


def _page(text: str, carried: set[str]) -> tuple[str, list[str], list[str]]:
    """(HTML of a page's body, the anchors of its headings, the pictures it shows)."""
    markdown = MarkdownIt("commonmark").enable("table")
    tokens = markdown.parse(text)
    anchors: list[str] = []
    pictures: list[str] = []
    for heading, content in pairwise(tokens):
        if heading.type == "heading_open":
            anchor = _anchor(content, anchors)
            anchors.append(anchor)
            heading.attrSet("id", anchor)
    for token in _inline(tokens):
        if token.type == "link_open":
            token.attrSet("href", _target(str(token.attrGet("href")), carried))
        elif token.type == "image":
            pictures.append(str(token.attrGet("src")))
    return str(markdown.renderer.render(tokens, markdown.options, {})), anchors, pictures


def _inline(tokens: list[Token]) -> Iterator[Token]:
    """Every token inside a line of text."""
    for token in tokens:
        yield from token.children or ()


def _anchor(heading: Token, before: list[str]) -> str:
    """A heading's name as GitHub makes it: small letters, no punctuation, a number where it stands twice."""
    words = "".join(token.content for token in heading.children or () if token.type in ("text", "code_inline"))
    plain = re.sub(r"[^\w\- ]", "", words.lower()).replace(" ", "-")
    return next(name for name in (plain, *(f"{plain}-{n}" for n in range(1, 100))) if name not in before)


def _target(link: str, carried: set[str]) -> str:
    """Where a link of docs/ leads in the manual: another page; for what is not carried, the project's address."""
    path, _, anchor = link.partition("#")
    if "://" in link or not path:
        return link
    page = path.removesuffix(".md")
    if page in carried:
        return f"{page}.html" + (f"#{anchor}" if anchor else "")
    if not PROJECT_ADDRESS:
        return "#"
    return f"{PROJECT_ADDRESS.rstrip('/')}/{posixpath.normpath(posixpath.join('docs', link))}"


def _html(title: str, body: str) -> str:
    """A whole page."""
    head = f'<meta charset="utf-8"><title>{title}</title><style>{_STYLE}</style>'
    return f'<!DOCTYPE html>\n<html lang="en"><head>{head}</head>\n<body>\n{body}</body></html>\n'


def _lead(target: str) -> bytes:
    """A page that leads to another at once."""
    target = html.escape(target)
    head = f'<meta charset="utf-8"><meta http-equiv="refresh" content="0; url={target}">'
    body = f'<a href="{target}">The manual</a>'
    return f'<!DOCTYPE html>\n<html lang="en"><head>{head}</head><body>{body}</body></html>\n'.encode()
