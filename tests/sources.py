"""The checkout's own Python files, for tests that read them."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]


def sources(*packages: str) -> list[Path]:
    """Every Python file of these top folders."""
    return sorted(path for package in packages for path in (ROOT / package).rglob("*.py"))


def module_of(path: Path) -> tuple[str, ...]:
    """blender_addon/core/errors.py -> (blender_addon, core, errors); a package: its folder and __init__."""
    return path.relative_to(ROOT).with_suffix("").parts


def imports(path: Path) -> Iterator[tuple[int, bool, tuple[str, ...]]]:
    """(line, is relative, full dotted name in parts) of each import, inside functions too."""
    package = module_of(path)[:-1]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, False, tuple(alias.name.split("."))
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            stem = (*base, *(node.module.split(".") if node.module else ()))
            for alias in node.names:
                yield node.lineno, bool(node.level), (*stem, alias.name)


def named(path: Path) -> str:
    """A file's path in the checkout, for a sentence."""
    return path.relative_to(ROOT).as_posix()


def where(path: Path, line: int) -> str:
    """A place in a file, for a sentence."""
    return f"{named(path)}:{line}"
