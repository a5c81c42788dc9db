"""Which of the files that an artist selected, or dropped, is the photo, and which its depth."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import bpy

from ...core.depth.depth_file import DEPTH_SUFFIXES
from ...core.errors import PhotoError
from ...core.photo.photo_file import PHOTO_SUFFIXES
from .import_fields import DEPTH_NAMES

THUMBNAILS = (
    ("DEFAULT", "Default", "As the browser was used last", 0),
    ("LIST_VERTICAL", "Vertical List", "A list", 1),
    ("LIST_HORIZONTAL", "Horizontal List", "Lists beside each other", 2),
    ("THUMBNAIL", "Thumbnails", "Pictures", 3),
)
"""How a file browser shows files: Blender's own numbers for a property `display_type`."""

DEPTH_GLOB = ";".join(f"*{suffix}" for suffix in DEPTH_SUFFIXES)
PHOTO_AND_DEPTH_GLOB = ";".join(f"*{suffix}" for suffix in dict.fromkeys((*PHOTO_SUFFIXES, *DEPTH_SUFFIXES)))


def selected_files(operator: Any) -> list[Path]:
    """The files that a file browser or a drop gave an operator with `filepath`, `directory` and `files`."""
    names = [entry.name for entry in operator.files if entry.name]
    if operator.directory and names:
        return [Path(operator.directory) / name for name in names]
    return [Path(bpy.path.abspath(operator.filepath))] if operator.filepath else []


def photo_and_depth(paths: Sequence[Path]) -> tuple[Path, Path | None]:
    """The photo among one or two files, and the depth when there are two.

    Of two files the depth is the one that no photo can be, else the one that is called like a depth of the other.

    Raises:
        PhotoError: There are more than two, or it cannot be told which of the two is the depth.
    """
    if len(paths) == 1:
        return paths[0], None
    if len(paths) == 2:
        for photo, depth in (paths, paths[::-1]):
            if _no_photo(depth) and not _no_photo(photo):
                return photo, depth
        for photo, depth in (paths, paths[::-1]):
            if any(depth.stem == name.format(photo.stem) for name in DEPTH_NAMES if name != "{}"):
                return photo, depth
        raise PhotoError(
            "It cannot be told which of the two files is the depth",
            f"{paths[0].name}, {paths[1].name}",
            "Select the photo alone; its depth is asked for then.",
        )
    raise PhotoError("Only one photo is imported at a time", f"{len(paths)} files", "Select it, or it and its depth.")


def _no_photo(path: Path) -> bool:
    return path.suffix.lower() not in PHOTO_SUFFIXES
