"""What is there of a take's files, for a draw: asked of the disk for a while, not at each redraw."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from ...core.payloads.background import BACKGROUND_FILE
from ...disk_looks import looks
from ...timeline.take import Take
from ...timeline.take_folders import folder_with_picture
from ...timeline.takes import possible_folders


class TakeFiles(NamedTuple):
    """A take's files.

    Attributes:
        folder: Where they are, None when they are at neither place.
        has_background: Whether the engine's background is among them.
    """

    folder: Path | None
    has_background: bool


def take_files(take: Take) -> TakeFiles | None:
    """What is there of a take's files; None while the disk has not answered."""
    folders = possible_folders(take)

    def look() -> TakeFiles | None:
        folder = folder_with_picture(folders, take)
        return TakeFiles(folder, folder is not None and (folder / BACKGROUND_FILE).is_file())

    return looks.answer(("take", folders, take.job_id, take.created), look, None)


def take_folder_seen(take: Take) -> Path | None:
    """The take's folder; None when it is at neither place, or the disk has not answered."""
    files = take_files(take)
    return None if files is None else files.folder
