"""Which datablock: a name is unique only among those of its kind that come from the same file.

Within a session a datablock is known by its session_uid, which survives undo and renaming and is never given twice. In
files it is known by its name and the library that it is linked from.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, TypeVar

import bpy

B = TypeVar("B", bound=bpy.types.ID)


@dataclass(frozen=True)
class Reference:
    """A datablock that is found again later, where a pointer would not survive an undo.

    Attributes:
        name: Its name when it was referred to.
        library: The file that it is linked from, as Blender writes it; "" for one of the open file.
        session_uid: Blender's number for it in this session.
    """

    name: str
    library: str
    session_uid: int


def reference(block: bpy.types.ID) -> Reference:
    """What finds the datablock again in this session."""
    return Reference(block.name, library_of(block), block.session_uid)


def library_of(block: bpy.types.ID) -> str:
    """The file that a datablock is linked from, as Blender writes it; "" for one of the open file."""
    return "" if block.library is None else str(block.library.filepath)


def in_session(blocks: Iterable[B], session_uid: int) -> B | None:
    """The datablock with this session_uid, None when it is not there."""
    return next((block for block in blocks if block.session_uid == session_uid), None)


def named(blocks: Any, name: str, library: str) -> Any | None:
    """The datablock of a name that comes from a library, None when it is not there.

    Args:
        blocks: Datablocks of one kind: of `bpy.data`, or a scene's objects.
        name: Its name.
        library: The file that it is linked from, as Blender writes it; "" for one of the open file.
    """
    return next((block for block in blocks if block.name == name and library_of(block) == library), None)


def holds(blocks: Any, block: bpy.types.ID) -> bool:
    """Whether a scene's or a layer's objects hold this one, and not only another one of its name."""
    return bool(blocks.get(block.name) == block or any(other == block for other in blocks))
