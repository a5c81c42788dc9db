"""Errors of networks. Needs no torch, so that the command line can show them before torch is loaded."""

from __future__ import annotations

from collections.abc import Iterable

from blender_addon.core.errors import EngineError

SHOWN = 4
"""Keys that the error's message names."""


class CheckpointError(EngineError):
    """A checkpoint that cannot be used: damaged, incomplete, or of another model.

    Args:
        what: what happened.
        why: the cause; the first few keys are added to it.
        remedy: what to do.
        keys: every tensor that is missing or has no place.

    Attributes:
        keys: the same, sorted.
    """

    def __init__(self, what: str, why: str = "", remedy: str = "", keys: Iterable[str] = ()) -> None:
        self.keys = tuple(sorted(keys))
        if self.keys:
            named = ", ".join(self.keys[:SHOWN]) + (" ..." if len(self.keys) > SHOWN else "")
            why = f"{why}: {named}"
        super().__init__(what, why, remedy)


def no_numbers(frame: int, frames: int) -> EngineError:
    """The error for a picture with values that are not numbers, which would become black without a word.

    Args:
        frame: the first such, from 0.
        frames: how many there are.
    """
    return EngineError(
        "The network's picture is not made of numbers",
        f"frame {frame + 1} of {frames} has values that are none: its arithmetic overflowed",
        "Generate again with another seed or less prompt guidance; if it stays, run `realcam weights check`.",
    )
