"""Which of a clip's frames is shown at each frame of the shot.

An engine makes a few frames (16, say) of a shot that may last many (96): frame i of N was sampled at
`first + i * (last - first) / (N - 1)`. Every scene frame shows the clip frame sampled nearest to it, so that the clip
never leads or lags the artist's camera by more than half a step.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from ..core.errors import TimelineError
from ..core.held_files import discard, rename_path
from .take import frame_file

SPREAD = "frames_in_shot"
"""The folder, inside a take's, with one picture for each scene frame."""


def shown_frames(frames: int, duration: int) -> tuple[int, ...]:
    """The index of the clip frame shown at each scene frame of the shot; halves go to the later frame.

    Args:
        frames: How many frames the clip has.
        duration: How many scene frames the shot lasts.

    Returns:
        `duration` indices, 0 to frames - 1.
    """
    if duration == 1:
        return (0,)
    steps = duration - 1
    return tuple((2 * i * (frames - 1) + steps) // (2 * steps) for i in range(duration))


def spread_file(frames: int, duration: int) -> str:
    """The first file, relative to a take's folder, of the image sequence with one picture for each scene frame."""
    return frame_file(0) if frames == duration else f"{SPREAD}/0000.png"


def write_spread(folder: Path, frames: int, duration: int) -> None:
    """Make sure that the sequence of `spread_file` is in a take's folder.

    Blender's image users have no speed, and a driver on their offset is evaluated too late every other time (measured),
    so the frames are repeated on disk, as hard links; where the file system knows none they are copied.

    Args:
        folder: The take's folder.
        frames: How many frames the clip has.
        duration: How many scene frames the shot lasts.

    Raises:
        TimelineError: The disk refuses.
    """
    whole, made = folder / SPREAD, folder / f"{SPREAD}.tmp"
    if frames == duration or whole.is_dir():
        return
    try:
        discard(made)
        made.mkdir()
        for place, index in enumerate(shown_frames(frames, duration)):
            _link(folder / frame_file(index), made / f"{place:04d}.png")
        rename_path(made, whole)
    except OSError as error:
        discard(made)
        raise TimelineError(
            "The clip's frames cannot be spread over the shot",
            f"{made}: {error.strerror or error}",
            "Free some space, or choose only the sequencer strip.",
        ) from error


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)
