"""Takes whose files lie beside an older place of the .blend, copied to where it is now."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Generator
from pathlib import Path

import bpy
import msgspec

from ..core.errors import TimelineError
from ..core.held_files import discard, rename_path
from ..core.progress import JobProgress
from .clip_image import IMAGE_PROPERTY
from .frame_mapping import SPREAD, spread_file, write_spread
from .strip import STRIP_PROPERTY, shot_strips
from .take import Take
from .take_folders import blender_path, take_folder_path, write_record
from .takes import blend_folder, take_place, takes_of, write_takes


def takes_elsewhere(scene: bpy.types.Scene, place_of: Callable[[Take], Path | None] = take_place) -> tuple[Take, ...]:
    """The scene's takes whose files are there, but not below the folder of the .blend; none for an unsaved .blend.

    Args:
        scene: The scene.
        place_of: Gives a take's folder, None when it is at neither place.

    Raises:
        TimelineError: The list of takes cannot be read.
    """
    if not bpy.data.filepath:
        return ()
    here = blend_folder()
    places = ((take, place_of(take)) for take in takes_of(scene))
    return tuple(take for take, place in places if place is not None and not place.is_relative_to(here))


def copied_takes(scene: bpy.types.Scene) -> Generator[JobProgress, None, tuple[Take, ...]]:
    """Copies takes from elsewhere to beside the .blend, a file a slice, and lets strips and images show the copies.

    A take keeps its number. One whose number another take has there stays where it is. The files copied from stay too.

    Returns:
        The takes that stayed where they are.

    Raises:
        TimelineError: The disk refuses. Takes that were copied before are the scene's, of the rest nothing is left.
    """
    here = blend_folder()
    takes = takes_elsewhere(scene)
    stay = []
    for done, take in enumerate(takes):
        source, target = take_place(take), take_folder_path(here, take.shot, take.number)
        if source is None or target.exists():
            stay.append(take)
            continue
        for _ in _copy(source, target):
            yield JobProgress(done, len(takes), take.label)
        copy = msgspec.structs.replace(take, folder=blender_path(target, here), folder_when_made=str(target))
        write_record(target, copy)
        _use_copy(take, copy)
        yield JobProgress(done + 1, len(takes), take.label)
    return tuple(stay)


def _copy(source: Path, target: Path) -> Generator[None, None, None]:
    """Copies a take's folder, a file a slice. The target appears when it is whole."""
    made = target.with_name(f"{target.name}.copying")
    try:
        discard(made)
        made.mkdir(parents=True)
        for path in sorted(source.rglob("*")):
            place = made / path.relative_to(source)
            if place.relative_to(made).parts[0].startswith(SPREAD):
                continue
            if path.is_dir():
                place.mkdir()
            else:
                shutil.copy2(path, place)
            yield
        rename_path(made, target)
    except OSError as error:
        raise TimelineError(
            "The takes cannot be copied", f"{target}: {error.strerror or error}", "Free some space and try again."
        ) from error
    finally:
        discard(made)


def _use_copy(take: Take, copy: Take) -> None:
    """Put the copy in the place of the take, in the list, the strips and the images of every scene that knows it."""
    for scene in bpy.data.scenes:
        known = takes_of(scene)
        if take not in known:
            continue
        write_takes(scene, tuple(copy if other == take else other for other in known))
        for strip in shot_strips(scene, take.shot):
            if strip[STRIP_PROPERTY]["take"] == take.number:
                strip.directory = f"{copy.folder}/frames/"
    for image in bpy.data.images:
        shown = image.get(IMAGE_PROPERTY)
        if shown is not None and (shown["shot"], shown["take"]) == (take.shot, take.number):
            write_spread(Path(copy.folder_when_made), copy.frames, copy.duration)
            image.filepath = f"{copy.folder}/{spread_file(copy.frames, copy.duration)}"
