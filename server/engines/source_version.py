"""The version of the code that made a clip: a hash of the sources that its numbers depend on.

These are the files that an engine imports, and what they import in turn, in functions too: a change in the service,
in the add-on's windows or in a camera format leaves the version as it is, and with it the checkpoints of clips that
are half done. Whole files are hashed, comments and all: Python's syntax trees and tokens differ between its versions,
files do not.
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = ("server", "blender_addon/core")
"""Where our own files are looked for; the server imports nothing else of the add-on."""


@cache
def source_version(entries: tuple[str, ...]) -> str:
    """12 hex digits, the same wherever the sources are installed.

    Args:
        entries: the modules of the engine, and of what it loads when it generates.
    """
    return sources_digest(ROOT, entries)[:12]


def sources_digest(root: Path, entries: tuple[str, ...]) -> str:
    """SHA-256 of the engine's Python files below `root`, in hex. The kind of line endings does not count.

    Args:
        root: of the sources.
        entries: the modules of the engine, and of what it loads when it generates.
    """
    digest = hashlib.sha256()
    for path, text in sorted(engine_sources(root, entries).items()):
        data = text.encode()
        digest.update(f"{path} {len(data)}\n".encode() + data)
    return digest.hexdigest()


def engine_sources(root: Path, entries: tuple[str, ...]) -> dict[str, str]:
    """The text of every file of ours that the engine imports, itself included, by path below `root` (with slashes).

    An import for type checkers alone is one as well: the name of a type says what a function computes with.

    Args:
        root: of the sources.
        entries: the modules of the engine, and of what it loads when it generates.
    """
    found: dict[str, str] = {}
    waiting = list(entries)
    seen = set(waiting)
    while waiting:
        module = waiting.pop()
        path = _file_of(root, module)
        if path is None:
            continue
        text = path.read_text(encoding="utf-8")
        found[path.relative_to(root).as_posix()] = text
        package = module if path.name == "__init__.py" else module.rpartition(".")[0]
        for imported in _imports(text, package):
            new = set(_with_packages(imported)) - seen
            seen |= new
            waiting += new
    return found


def _file_of(root: Path, module: str) -> Path | None:
    """The file of a module of ours; None for libraries, and for a name that is defined in a module."""
    place = module.replace(".", "/")
    if not f"{place}/".startswith(tuple(f"{package}/" for package in PACKAGES)):
        return None
    return next((path for path in (root / f"{place}.py", root / place / "__init__.py") if path.is_file()), None)


def _imports(text: str, package: str) -> Iterator[str]:
    """The full dotted names that a file imports; the last part may be a module or a name in one."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            parts = package.split(".")
            base = parts[: len(parts) - node.level + 1] if node.level else []
            stem = ".".join([*base, *([node.module] if node.module else [])])
            yield from (f"{stem}.{alias.name}" for alias in node.names)


def _with_packages(module: str) -> Iterator[str]:
    """a, a.b and a.b.c of a.b.c: importing the last runs the `__init__` of all."""
    parts = module.split(".")
    yield from (".".join(parts[: n + 1]) for n in range(len(parts)))
