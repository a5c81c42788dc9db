"""The demo's input: scikit-image's motorcycle, a frame of a rendered world, or the user's own photo and depth."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from blender_addon.core.depth.depth_format import DepthFormat
from blender_addon.core.errors import PhotoError
from blender_addon.core.payloads.headless_plan import PlannedMove
from blender_addon.core.payloads.import_request import DepthFile
from server.demo.motorcycle import BASELINE, DISPARITY_OFFSET, FOCAL, motorcycle
from server.demo.rendered_world import DEPTH, PHOTO, world_intrinsics
from server.depth.photo_files import read_depth, read_photo


@dataclass(frozen=True)
class DemoInput:
    """Files inside the output folder, so that the .blend made there can be moved together with them.

    Attributes:
        name: of the scene, also of the .blend.
        photo, depth: the files.
        moves: of the camera.
        depth_format: what the depth file's numbers mean; None where `disparity` says it.
        disparity: (focal length px, baseline m, offset px) when the depth file holds disparity; else None.
        intrinsics: 3 rows of 3, in pixels of the photo; None when not calibrated.
        render_size: (width, height) of the scene's render.
    """

    name: str
    photo: Path
    depth: Path
    moves: tuple[PlannedMove, ...]
    depth_format: DepthFormat | None = None
    disparity: tuple[float, float, float] | None = None
    intrinsics: list[list[float]] | None = None
    render_size: tuple[int, int] = (1280, 800)


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


def world_input(folder: Path, first: int, last: int) -> DemoInput:
    """A frame of a rendered world with its exact depth, for the nano network.

    Args:
        folder: is made and gets the files.
        first, last: frames of the scene.
    """
    folder.mkdir(parents=True, exist_ok=True)
    turn = first + round((last - first) * 0.4)
    return DemoInput(
        name="world",
        photo=Path(shutil.copy2(PHOTO, folder / "world.png")),
        depth=Path(shutil.copy2(DEPTH, folder / "world_depth.png")),
        moves=(
            PlannedMove(name="truck", first=first, last=turn, values={"distance": 0.5}),
            PlannedMove(name="dolly", first=turn, last=last, values={"distance": 0.5}),
        ),
        depth_format=DepthFormat(scale=0.001),
        intrinsics=world_intrinsics().tolist(),
        render_size=(960, 960),
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
    return DemoInput(
        name=photo.stem,
        photo=copies[photo],
        depth=copies[depth],
        moves=arc_with_dolly_zoom(first, last),
        depth_format=depth_file.format,
    )


def arc_with_dolly_zoom(first: int, last: int) -> tuple[PlannedMove, ...]:
    """An arc around the subject, then a dolly zoom that keeps the subject's size, over the frames first to last."""
    turn = first + round((last - first) * 0.6)
    return (
        PlannedMove(name="orbit", first=first, last=turn, values={"angle": 16.0}),
        PlannedMove(name="dolly_zoom", first=turn, last=last, values={"distance": 0.6}),
    )
