"""Paths that stand in a .blend, also as another system wrote them."""

from __future__ import annotations

from pathlib import Path

import bpy


def blend_path(text: str) -> Path:
    r"""The absolute path of what a field for a file names: `//end.png`, or `//refs\end.png` as Windows writes it."""
    return Path(bpy.path.abspath(bpy.path.native_pathsep(text) if text.startswith("//") else text))
