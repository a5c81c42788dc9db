"""One photo with the same numbers has one camera: imported in Blender, estimated by a server, on the command line."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import ExifTags, Image

from blender_addon.core.camera.focal_length import PhotoLens
from blender_addon.core.camera.formats import write_trajectory
from blender_addon.core.camera.projection import intrinsics_matrix
from blender_addon.core.camera.trajectory import Trajectory
from blender_addon.core.payloads.import_request import DepthFile, ImportSettings
from server.terminal.generate import GenerateRequest, read_inputs
from tests.support.engines.depth import WALL, WALL_WITH_LENS

if TYPE_CHECKING:
    from blender_addon.scene import PhotoScene

pytestmark = pytest.mark.blender

CALIBRATION = (260.0, 260.0, 121.0, 80.0)
NO_CALIBRATION = (0.0, 0.0, 0.0, 0.0)


@pytest.fixture
def photo(small_bike: Path, exif_mm: int | None) -> Path:
    """The motorcycle whose EXIF tells this focal length, or none."""
    exif = Image.Exif()
    if exif_mm is not None:
        exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.FocalLengthIn35mmFilm] = exif_mm
    Image.open(small_bike).save(small_bike.with_suffix(".jpg"), exif=exif)
    return small_bike.with_suffix(".jpg")


def the_scene(bpy: ModuleType) -> PhotoScene:
    from blender_addon.scene import find_photo_scene

    found = find_photo_scene(bpy.context.scene)
    assert found is not None
    return found


def imported(bpy: ModuleType, photo: Path, calibration: tuple[float, ...], typed: float) -> PhotoScene:
    """By the operator, depth from the file beside the photo."""
    # A script of before this rule may still say which of the two it prefers.
    bpy.ops.realcam.import_photo(filepath=str(photo), calibration=calibration, focal_mm=typed, prefer_focal_mm=False)
    return the_scene(bpy)


def estimated(bpy: ModuleType, photo: Path, calibration: tuple[float, ...], typed: float, by: str) -> PhotoScene:
    """By the operator, depth from the server."""
    fields = bpy.context.scene.realcam.photo
    fields.photo_path, fields.calibration, fields.focal_mm = str(photo), calibration, typed
    bpy.context.scene.realcam.predictor_name = by
    bpy.ops.realcam.estimate_depth()
    return the_scene(bpy)


def generated(photo: Path, calibration: tuple[float, ...], typed: float) -> PhotoLens:
    """The lens of `realcam generate`, whose camera file stands still."""
    poses = photo.with_name("poses.txt")
    write_trajectory(
        poses, Trajectory(np.eye(4)[None], intrinsics_matrix(200.0, 200.0, 123.5, 83.5), 247, 167, fps=8.0)
    )
    told = ImportSettings(
        focal_mm=typed or None,
        intrinsics=intrinsics_matrix(*calibration).tolist() if any(calibration) else None,
    )
    depth = DepthFile(photo.with_name("bike_depth.npy"))
    return read_inputs(GenerateRequest(photo, depth, poses, photo.with_name("clip.mp4"), told)).lens


@pytest.mark.parametrize(
    ("calibration", "typed", "exif_mm", "words"),
    [
        (CALIBRATION, 48.25, 35, "calibrated, 37.73 mm (35 mm eq.)"),
        (CALIBRATION, 0.0, None, "calibrated, 37.73 mm (35 mm eq.)"),
        (NO_CALIBRATION, 48.25, 35, "typed, 48.25 mm (35 mm eq.)"),
        (NO_CALIBRATION, 48.25, None, "typed, 48.25 mm (35 mm eq.)"),
        (NO_CALIBRATION, 0.0, 35, "EXIF, 35 mm (35 mm eq.)"),
        (NO_CALIBRATION, 0.0, None, "assumed, 55° across"),
    ],
)
def test_the_same_photo_has_the_same_camera_everywhere(
    ready: ModuleType,
    photo: Path,
    calibration: tuple[float, float, float, float],
    typed: float,
    exif_mm: int | None,
    words: str,
) -> None:
    on_the_command_line = generated(photo, calibration, typed)
    assert on_the_command_line.words == words
    for scene in (imported(ready, photo, calibration, typed), estimated(ready, photo, calibration, typed, WALL)):
        np.testing.assert_allclose(scene.intrinsics, on_the_command_line.intrinsics, rtol=1e-12)
        assert scene.focal_source == words


@pytest.mark.parametrize(("typed", "exif_mm"), [(48.25, None), (0.0, 35), (0.0, None)])
def test_a_predicted_lens_counts_where_nothing_else_is_known(
    ready: ModuleType, photo: Path, typed: float, exif_mm: int | None
) -> None:
    expected = "typed, " if typed else "EXIF, " if exif_mm else "predicted from the photo, "
    assert estimated(ready, photo, NO_CALIBRATION, typed, WALL_WITH_LENS).focal_source.startswith(expected)
