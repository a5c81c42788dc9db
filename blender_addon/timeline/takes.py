"""The takes that a scene remembers.

The list lives on the Scene as one JSON text property: it is saved, appended, copied and undone with the scene, and
needs no registration. The same record stands as take.json beside the clip, so that the folder alone tells what it is.
"""

from __future__ import annotations

from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Any

import bpy
import msgspec

from ..core.errors import TimelineError
from ..user_folder import unsaved_folder
from .take import Take, frame_file
from .take_folders import RECORD, ROOT, folder_with_picture, found_takes, holds_another_take, take_number, write_record

SCENE_PROPERTY = "realcam_takes"
"""Custom property of the scene: its takes as JSON."""


def takes_of(scene: bpy.types.Scene, shot: str | None = None) -> tuple[Take, ...]:
    """The takes that the scene remembers, in the order they were made.

    Args:
        scene: The scene.
        shot: The name of the shot whose takes are wanted, None for all.

    Raises:
        TimelineError: The list was written by another version of the add-on and cannot be read.
    """
    text = scene.get(SCENE_PROPERTY, "[]")
    try:
        takes = _decoded(text)
    except (msgspec.DecodeError, TypeError) as error:
        raise TimelineError(
            f"The takes of scene {scene.name!r} cannot be read",
            str(error),
            "Use Find Takes to read them from their folders again; no clip is lost.",
        ) from error
    return takes if shot is None else tuple(take for take in takes if take.shot == shot)


def remember_take(scene: bpy.types.Scene, take: Take) -> None:
    """Add a take to the scene's list; one of the same shot and number is replaced.

    Raises:
        TimelineError: The list cannot be read.
    """
    others = [other for other in takes_of(scene) if (other.shot, other.number) != (take.shot, take.number)]
    write_takes(scene, (*others, take))


def forget_take(scene: bpy.types.Scene, take: Take) -> None:
    """Remove a take from the scene's list. Its files stay.

    Raises:
        TimelineError: The list cannot be read.
    """
    write_takes(scene, tuple(other for other in takes_of(scene) if other != take))


def change_take(scene: bpy.types.Scene, take: Take, **changes: Any) -> Take:
    """Give a take of the scene's list other values (name, rating), also in the record beside its clip.

    A record that cannot be written stays as it was: the scene's list goes before it.

    Returns:
        The changed take.

    Raises:
        TimelineError: The list cannot be read.
    """
    changed = msgspec.structs.replace(take, **changes)
    write_takes(scene, tuple(changed if other == take else other for other in takes_of(scene)))
    for _, folder in _places(take):
        if (folder / RECORD).is_file():
            with suppress(TimelineError):
                write_record(folder, changed)
            break
    return changed


def write_takes(scene: bpy.types.Scene, takes: tuple[Take, ...]) -> None:
    """Replace the scene's list."""
    scene[SCENE_PROPERTY] = msgspec.json.encode(takes).decode("utf-8")


@lru_cache(maxsize=16)
def _decoded(text: str) -> tuple[Take, ...]:
    """The takes in a scene's list; a panel asks for them at each row it draws."""
    return msgspec.json.decode(text, type=tuple[Take, ...])


def folder_of_this_file(take: Take) -> Path | None:
    """The take's folder if it lies beside the open .blend, where no other file's takes are; else None.

    Raises:
        TimelineError: The .blend is not saved.
    """
    folder = Path(bpy.path.abspath(take.folder)).resolve()
    own = folder.is_relative_to((blend_folder() / ROOT).resolve()) and take_number(folder) == take.number
    return folder if own and folder.is_dir() and not holds_another_take(folder, take) else None


def take_folder(take: Take) -> str:
    """The take's folder as Blender writes it: beside the .blend if its frames are there, else where it was made.

    Raises:
        TimelineError: Some of the clip's frames are at neither place.
    """
    missing = 0
    for place, folder in _places(take):
        absent = sum(not (folder / frame_file(index)).is_file() for index in range(take.frames))
        if absent == 0:
            return place
        missing = missing or absent
    raise TimelineError(
        f"The pictures of {take.label} are not there",
        f"{missing or take.frames} of {take.frames} frames are missing in {bpy.path.abspath(take.folder)}",
        "Put the folder back beside the .blend file, or generate the shot again.",
    )


def take_place(take: Take) -> Path | None:
    """The take's folder by the same rule, None when it is at neither place; looks for one picture only, for a draw."""
    return folder_with_picture(possible_folders(take), take)


def possible_folders(take: Take) -> tuple[Path, ...]:
    """Where the take's folder may be: beside the .blend, or where it was made. No disk is asked."""
    return tuple(Path(bpy.path.abspath(place)) for place in (take.folder, take.folder_when_made))


def _places(take: Take) -> list[tuple[str, Path]]:
    """Where the take may be, as Blender writes it and as a path; without folders that are another take's."""
    places = zip((take.folder, take.folder_when_made), possible_folders(take), strict=True)
    return [(place, folder) for place, folder in places if not holds_another_take(folder, take)]


def highest_number(shot: str) -> int:
    """The highest number of the shot's takes that any scene of the file knows; 0 for none."""
    numbers = [0]
    for scene in bpy.data.scenes:
        # A list that cannot be read is said where the takes are shown.
        with suppress(TimelineError):
            numbers += [take.number for take in takes_of(scene, shot)]
    return max(numbers)


def recover_takes(scene: bpy.types.Scene) -> tuple[Take, ...]:
    """Read the takes of the folders beside the .blend and add those that the scene does not know.

    A list that cannot be read is replaced.

    Returns:
        The takes that were added.

    Raises:
        TimelineError: The .blend is not saved; or see found_takes.
    """
    try:
        known = takes_of(scene)
    except TimelineError:
        known = ()
    render = scene.render
    width, height = (
        max(side * render.resolution_percentage // 100, 1) for side in (render.resolution_x, render.resolution_y)
    )
    found = found_takes(
        blend_folder(),
        frame_start=scene.frame_start,
        artist_size=(width, height),
        pixel_aspect=render.pixel_aspect_x / render.pixel_aspect_y,
    )
    have = {(take.shot, take.number) for take in known}
    new = tuple(take for take in found if (take.shot, take.number) not in have)
    write_takes(scene, (*known, *new))
    return new


def clips_folder() -> Path:
    """The folder that the open file's clips are kept in: beside the .blend, or the add-on's own for an unsaved one."""
    return Path(bpy.data.filepath).parent if bpy.data.filepath else unsaved_folder()


def blend_folder() -> Path:
    """The folder of the saved .blend.

    Raises:
        TimelineError: It is not saved.
    """
    if not bpy.data.filepath:
        raise TimelineError("The .blend is not saved", "it has no folder yet", "Save the file first.")
    return Path(bpy.data.filepath).parent
