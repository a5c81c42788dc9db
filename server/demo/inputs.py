"""The demo's input: the motorcycle that scikit-image ships, or the user's own photo and depth."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from blender_addon.core.errors import PhotoError
from blender_addon.core.payloads.headless_plan import PlannedMove
from blender_addon.core.payloads.import_request import DepthFile
from server.demo.motorcycle import BASELINE, DISPARITY_OFFSET, FOCAL, motorcycle
from server.depth.photo_files import read_depth, read_photo


@dataclass(frozen=True)
class DemoInput:
    """Files inside the output folder, so that the .blend made there can be moved together with them.

    Attributes:
        name: of the scene, also of the .blend.
        photo, depth: the files.
        moves: of the camera.
        disparity: (focal length px, baseline m, offset px) when the depth file holds disparity; else None.
        intrinsics: 3 rows of 3, in pixels of the photo; None when not calibrated.
    """

    name: str
    photo: Path
    depth: Path
    moves: tuple[PlannedMove, ...]
    disparity: tuple[float, float, float] | None = None
    intrinsics: list[list[float]] | None = None


def motorcycle_input(folder: Path, first: int, last: int) -> DemoInput:
    """The motorcycle photo, its disparity and its calibration.

    Args:
        folder: is made and gets the files.
        first, last: frames of the scene.
    """
    folder.mkdir(parents=True, exist_ok=True)
    photo, disparity, _, intrinsics = motorcycle()
    Image.fromarray(photo).save(folder / "motorcycle.png")
    np.savez_compressed(folder / "motorcycle_disparity.npz", disparity=disparity)
    return DemoInput(
        name="motorcycle",
        photo=folder / "motorcycle.png",
        depth=folder / "motorcycle_disparity.npz",
        moves=arc_with_dolly_zoom(first, last),
        disparity=(FOCAL, BASELINE, DISPARITY_OFFSET),
        intrinsics=intrinsics.tolist(),
    )


def own_input(folder: Path, photo: Path, depth_file: DepthFile, trust_unit: bool, first: int, last: int) -> DemoInput:
    """The user's files, copied and checked.

    Args:
        folder: is made and gets the copies.
        photo: the photo's file.
        depth_file: its depth.
        trust_unit: do not doubt the depth's unit.
        first, last: frames of the scene.

    Raises:
        DepthQuestionError: it is not certain what the depth's numbers mean.
        PhotoError: a file is not there or cannot be read.
    """
    folder.mkdir(parents=True, exist_ok=True)
    depth = depth_file.path
    # Data sets give a photo and its depth the same name, in folders of their own.
    copies = {photo: folder / f"photo{photo.suffix.lower()}", depth: folder / f"depth{depth.suffix.lower()}"}
    for file, copy in copies.items():
        if not file.is_file():
            raise PhotoError("There is no such file", str(file))
        shutil.copy2(file, copy)
    # Here, where a complaint names the reader's file and not the copy.
    read_photo(photo)
    read_depth(depth, depth_file.format, trust_unit=trust_unit)
    return DemoInput(name=photo.stem, photo=copies[photo], depth=copies[depth], moves=arc_with_dolly_zoom(first, last))


def arc_with_dolly_zoom(first: int, last: int) -> tuple[PlannedMove, ...]:
    """An arc around the subject, then a dolly zoom that keeps the subject's size, over the frames first to last."""
    turn = first + round((last - first) * 0.6)
    return (
        PlannedMove(name="orbit", first=first, last=turn, values={"angle": 16.0}),
        PlannedMove(name="dolly_zoom", first=turn, last=last, values={"distance": 0.6}),
    )
