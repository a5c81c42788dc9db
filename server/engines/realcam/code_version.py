"""Which code made a clip: a hash of the sources that its numbers depend on."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[3]
SOURCES = ("blender_addon/core", "server/diffusion", "server/geometry", "server/model", "server/engines/realcam")


@cache
def code_version() -> str:
    """12 hex digits, the same wherever the sources are installed."""
    return sources_digest(ROOT)[:12]


def sources_digest(root: Path) -> str:
    """SHA-256 of the engine's Python files below `root`, in hex."""
    digest = hashlib.sha256()
    for folder in SOURCES:
        for path in sorted((root / folder).rglob("*.py")):
            data = path.read_bytes()
            digest.update(f"{path.relative_to(root).as_posix()} {len(data)}\n".encode() + data)
    return digest.hexdigest()
