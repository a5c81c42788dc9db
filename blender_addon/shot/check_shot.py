"""What keeps a shot from being made, found before anything is rendered."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import bpy
import numpy as np
from numpy.typing import ArrayLike

from ..core.camera.frame_fit import FrameFit
from ..core.errors import CameraError, ShotError
from ..core.file_paths import nearest_existing
from ..core.payloads.coverage import check_seen
from ..core.printable import is_storable
from ..scene.edited_mesh import mesh_edits
from ..scene.photo_scene import PhotoScene, find_photo_scene, instanced_photo
from .camera_sample import lens_of_camera, render_frame, scene_rate
from .shot_camera import cut_sentence, shot_camera

LOW_COVERAGE = 0.2
"""Share of a frame that the photo sees, below which there is a warning."""

SLIDE_SHOW = 6.0
"""Pictures a second below which a clip is seen as single pictures. Drawn animation on fours has as many."""
LOW_SHARE = 0.7
"""Share of a clip's pixels that are seen in the render, below which there is a warning."""


NO_PHOTO = "There is no photo in this scene. Import a photo with its depth."


def as_an_instance(instance: bpy.types.Object) -> str:
    """What is told of an object that shows a photo of another file as an instance."""
    return (
        f"{instance.name} shows a photo as an instance, whose mesh is not in this scene. Select it and choose Object > "
        "Library Override > Make: then it makes shots here."
    )


@dataclass(frozen=True)
class Problem:
    """Something that is wrong with a shot.

    Attributes:
        sentence: What is wrong and what to do.
        severity: An "error" keeps the shot from being made, a "warning" does not.
    """

    sentence: str
    severity: Literal["error", "warning"] = "error"


def check_shot(
    scene: bpy.types.Scene, frame_start: int, frame_end: int, coverage: ArrayLike | None = None
) -> list[Problem]:
    """What is wrong with the scene's photo, its rendered camera and a frame range. Fast enough for a panel's draw.

    Args:
        scene: The scene.
        frame_start: First frame of the shot.
        frame_end: Last frame of the shot, included.
        coverage: [F] share of each frame that the photo sees, 0 to 1; None when it is not known.

    Returns:
        The problems, errors first; empty when there are none.
    """
    problems = [
        *_photo_problems(scene, find_photo_scene(scene)),
        *_camera_problems(shot_camera(scene, frame_start)),
        *_cut_problems(scene, frame_start, frame_end),
        *_range_problems(frame_start, frame_end),
        *coverage_problems(coverage),
    ]
    return sorted(problems, key=lambda problem: problem.severity != "error")


def check_file_name() -> None:
    """Refuse a .blend whose path no job, record or take can hold.

    Raises:
        ShotError: It has bytes that are no UTF-8, as only Linux has them.
    """
    if not is_storable(bpy.data.filepath):
        raise ShotError(
            "No job can be kept for this file",
            f"its path {bpy.data.filepath} has bytes that are no UTF-8",
            "Save it under another name or in another folder.",
        )


def check_output(folder: Path) -> list[Problem]:
    """What keeps clips from being kept in a folder.

    Args:
        folder: Need not exist yet.

    Returns:
        The problems; empty when there are none.
    """
    existing = nearest_existing(folder)
    if existing is None:
        return [
            Problem(
                f"Clips cannot be kept in {folder}: its drive is not there. Connect it, or save the .blend elsewhere."
            )
        ]
    if not existing.is_dir():
        return [Problem(f"Clips cannot be kept in {folder}: {existing} is a file. Move it away.")]
    if not os.access(existing, os.W_OK | os.X_OK):
        return [Problem(f"Clips cannot be kept in {folder}: {existing} is not writable. Save the .blend elsewhere.")]
    return []


def _photo_problems(scene: bpy.types.Scene, photo_scene: PhotoScene | None) -> Iterator[Problem]:
    if photo_scene is None:
        instance = instanced_photo(scene)
        yield Problem(NO_PHOTO if instance is None else as_an_instance(instance))
    elif photo_scene.faces == 0:
        yield Problem("The photo's mesh has no faces. Raise the depth edge or import the photo again.")
    else:
        for edit in mesh_edits(scene, photo_scene):
            if edit.prevents or edit.changes_shot:
                yield Problem(edit.sentence, "error" if edit.prevents else "warning")


def _camera_problems(camera: bpy.types.Object | None) -> Iterator[Problem]:
    if camera is None:
        yield Problem("There is no active camera. Add a camera and make it the scene's active one.")
        return
    try:
        lens_of_camera(camera)
    except CameraError as error:
        yield Problem(error.sentence)


def _cut_problems(scene: bpy.types.Scene, frame_start: int, frame_end: int) -> Iterator[Problem]:
    cut = cut_sentence(scene, frame_start, frame_end)
    if cut is not None:
        yield Problem(ShotError(*cut).sentence)


def _range_problems(frame_start: int, frame_end: int) -> Iterator[Problem]:
    if frame_end < frame_start:
        yield Problem(f"The frame range is reversed: it goes from {frame_start} to {frame_end}. Swap its ends.")
    elif frame_end == frame_start:
        yield Problem(f"The shot is one frame long (frame {frame_start}). A clip needs at least two.")


def coverage_problems(coverage: ArrayLike | None) -> Iterator[Problem]:
    """What is wrong with a shot's coverage.

    Args:
        coverage: [F] share of each frame that the photo sees, 0 to 1; None when it is not known.

    Yields:
        At most one problem.
    """
    if coverage is None:
        return
    shares = np.asarray(coverage, dtype=np.float64)
    blind = np.flatnonzero(shares == 0)
    try:
        check_seen(shares)
    except ShotError as error:
        yield Problem(error.sentence)
        return
    if len(blind):
        yield Problem(f"The camera sees nothing of the photo in {len(blind)} of {len(shares)} frames.", "warning")
    elif shares.min() < LOW_COVERAGE:
        yield Problem(
            f"At its worst the camera sees {shares.min():.0%} of the photo's scene; the engine invents the rest.",
            "warning",
        )


def pictures_a_second(scene: bpy.types.Scene, frames: int, frame_start: int, frame_end: int) -> float:
    """How many of a clip's pictures are seen in a second when they are spread over a range of the scene's frames.

    Args:
        scene: For its frames per second.
        frames: Pictures of the clip.
        frame_start: First scene frame.
        frame_end: Last scene frame, included; not before the first.
    """
    return frames / (frame_end - frame_start + 1) * scene_rate(scene)


def share_seen(scene: bpy.types.Scene, size: tuple[int, int]) -> float:
    """The share of a clip's pixels that are seen in the scene's render, 0 to 1.

    Args:
        scene: The scene.
        size: (width, height) of the clip in pixels.
    """
    frame = render_frame(scene)
    return FrameFit((frame.width, frame.height), size, (frame.aspect_x, frame.aspect_y)).share_seen
