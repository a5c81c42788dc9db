"""An import that meets a question keeps everything in the panel; one press answers it and imports."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from PIL import Image

from blender_addon.core.depth.depth_format import DEPTH_FIELDS, DEPTH_UNITS, DepthFormat
from server.demo.motorcycle import Motorcycle

pytestmark = pytest.mark.blender


@pytest.fixture
def relative(small_bike: Path, bike: Motorcycle) -> Path:
    """The small motorcycle with an 8-bit picture of inverse depth beside it."""
    small_bike.with_name("bike_depth.npy").unlink()
    near, far = np.nanmin(bike.depth), np.nanmax(bike.depth)
    filled = np.nan_to_num(bike.depth, nan=float(far))
    share = (1 / filled - 1 / far) / (1 / near - 1 / far)
    picture = Image.fromarray(np.rint(share * 255).astype(np.uint8))
    with Image.open(small_bike) as photo:
        picture.resize(photo.size).save(small_bike.with_name("bike_depth.png"))
    return small_bike


def test_relative_depth_is_asked_answered_and_remembered(addon: ModuleType, relative: Path) -> None:
    from blender_addon.scene import find_photo_scene
    from blender_addon.ui.photo.depth_question import pending_question
    from blender_addon.ui.photo.import_fields import FIELDS

    bpy = addon
    with pytest.raises(RuntimeError, match="tells what is nearer, but no metres: it has 8 bits"):
        bpy.ops.realcam.import_photo(filepath=str(relative), focal_mm=48.0)
    assert len(bpy.data.meshes) == len(bpy.data.images) == 0
    panel = bpy.context.scene.realcam.photo
    assert (panel.photo_path, panel.focal_mm, panel.waits) == (str(relative), 48.0, True)
    question = pending_question(panel)
    assert question is not None
    assert [answer.name for answer in question.answers] == ["near_bright", "near_dark"]
    panel.depth_nearest, panel.depth_farthest = 2.0, 6.0
    assert bpy.ops.realcam.answer_depth(answer="near_bright") == {"FINISHED"}
    photo = find_photo_scene(bpy.context.scene)
    assert photo is not None
    assert photo.facts is not None
    assert 2.0 <= photo.facts.nearest < photo.facts.farthest <= 6.01
    assert "typed, 48 mm" in photo.focal_source
    assert (panel.depth_kind, panel.depth_near, panel.waits) == ("relative", "bright", False)
    assert pending_question(panel) is None
    assert not bpy.ops.realcam.answer_depth.poll()
    again = {name: getattr(panel, name) for name in FIELDS}
    assert bpy.ops.realcam.import_photo(filepath=panel.photo_path, **again) == {"FINISHED"}, "it is not asked again"


def test_a_kinects_unit_is_one_press(addon: ModuleType, shared_data: Path) -> None:
    from blender_addon.scene import find_photo_scene

    folder = shared_data / "rgbd/tum"
    fields = {"depth_path": str(folder / "TUM_depth.png"), "max_vertices": 60_000}
    with pytest.raises(RuntimeError, match=r"multiples of 5.*1/5000 m \(TUM\): 1\.6 to 3\.5 m"):
        addon.ops.realcam.import_photo(filepath=str(folder / "TUM_color.png"), **fields)
    assert addon.ops.realcam.answer_depth(answer="tum") == {"FINISHED"}
    photo = find_photo_scene(addon.context.scene)
    assert photo is not None
    assert photo.facts is not None
    assert photo.facts.middle == pytest.approx(2.42, abs=0.02)
    assert addon.context.scene.realcam.photo.depth_unit == "tum"


def test_disparity_waits_for_its_cameras_numbers(addon: ModuleType, small_bike: Path) -> None:
    small_bike.with_name("bike_depth.npy").unlink()
    disparity = np.tile(np.linspace(10, 40, 247, dtype=np.float32), (167, 1))
    np.savez(small_bike.with_name("bike_depth.npz"), disparity=disparity)
    with pytest.raises(RuntimeError, match="seems to hold disparity"):
        addon.ops.realcam.import_photo(filepath=str(small_bike))
    addon.ops.realcam.answer_depth(answer="disparity")
    panel = addon.context.scene.realcam.photo
    assert (panel.depth_kind, panel.waits) == ("disparity", True)
    assert len(addon.data.meshes) == 0


@pytest.mark.parametrize(
    "meaning",
    [
        DepthFormat(),
        DepthFormat(scale=0.25),
        *(unit.format for unit in DEPTH_UNITS.values()),
        DepthFormat("disparity", None, 900.0, 0.25, 31.0),
        DepthFormat(kind="relative", near="dark", nearest=0.5, farthest=7.5, channel="Z"),
    ],
)
def test_the_fields_say_every_format(addon: ModuleType, meaning: DepthFormat) -> None:
    from blender_addon.ui.photo.depth_fields import depth_format, set_depth_format

    panel = addon.context.scene.realcam.photo
    set_depth_format(panel, meaning)
    said = depth_format(panel)
    for name in DEPTH_FIELDS:
        if getattr(meaning, name):
            assert getattr(said, name) == getattr(meaning, name)
    assert (said.scale, said.rotated) == (meaning.scale, meaning.rotated)


def test_a_scale_of_an_older_file_still_counts(addon: ModuleType) -> None:
    """Files and scripts of version 0.1 have a number and no menu."""
    from blender_addon.ui.photo.depth_fields import depth_format

    panel = addon.context.scene.realcam.photo
    panel.depth_scale = 0.25
    assert (panel.depth_unit, depth_format(panel).scale) == ("auto", 0.25)
    panel.depth_unit = "mm"
    assert (panel.depth_scale, depth_format(panel).scale) == (0.0, 0.001)
