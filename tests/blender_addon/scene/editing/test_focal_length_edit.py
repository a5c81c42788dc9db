"""Another focal length after the import is the scene that an import with it would have made."""

from __future__ import annotations

from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from blender_addon.core.camera.lens import RenderFrame, focal_pixels
from blender_addon.core.errors import PhotoError
from blender_addon.core.payloads.import_request import ImportRequest
from tests.support.import_requests import with_settings

pytestmark = pytest.mark.blender
pytest.importorskip("bpy")

if TYPE_CHECKING:
    from blender_addon.scene import PhotoScene

from blender_addon.scene import find_photo_scene, import_photo  # noqa: E402
from blender_addon.scene.editing.calibration import set_scale  # noqa: E402
from blender_addon.scene.editing.focal_length_edit import focal_mm, set_focal_length  # noqa: E402
from blender_addon.scene.editing.measured_cameras import CHECK_PROPERTY  # noqa: E402
from blender_addon.shot.camera_sample import lens_of_camera  # noqa: E402


def positions(photo: PhotoScene) -> np.ndarray[Any, Any]:
    values = np.empty(photo.vertices * 3, np.float32)
    photo.mesh.data.vertices.foreach_get("co", values)
    return values.reshape(-1, 3)


def test_it_is_the_scene_that_an_import_would_have_made(blender: ModuleType, bike_import: ImportRequest) -> None:
    scene = blender.context.scene
    wide = import_photo(scene, with_settings(bike_import, intrinsics=None, focal_mm=24.0, max_vertices=50_000))
    long = import_photo(scene, with_settings(bike_import, intrinsics=None, focal_mm=60.0, max_vertices=50_000))
    faces = wide.faces
    changed = set_focal_length(scene, wide, 60.0)
    np.testing.assert_allclose(positions(changed), positions(long), rtol=1e-5, atol=1e-6)
    assert changed.faces == faces
    assert changed.focal_source == long.focal_source == "typed, 60 mm (35 mm eq.)"
    np.testing.assert_allclose(changed.intrinsics, long.intrinsics)
    assert changed.camera is not None
    assert long.camera is not None
    frame = RenderFrame(*changed.photo_size)
    optics = lens_of_camera(changed.camera).intrinsics(frame)
    np.testing.assert_allclose(optics, lens_of_camera(long.camera).intrinsics(frame), rtol=1e-6)


def test_depth_scale_and_principal_point_stay(blender: ModuleType, bike_scene: PhotoScene) -> None:
    scene = blender.context.scene
    photo = set_scale(scene, bike_scene, 1.25)
    depth, centre = photo.depth(), photo.intrinsics[:2, 2]
    photo = set_focal_length(scene, photo, 35.0)
    np.testing.assert_array_equal(photo.depth(), depth)
    np.testing.assert_allclose(photo.intrinsics[:2, 2], centre)
    assert photo.intrinsics[0, 0] == pytest.approx(focal_pixels(35.0, *photo.photo_size))
    assert photo.record.scale == 1.25
    found = find_photo_scene(scene)
    assert found is not None
    assert found.record == photo.record
    assert focal_mm(found) == pytest.approx(35.0)


def test_cameras_with_the_photos_lens_follow_and_others_do_not(blender: ModuleType, bike_scene: PhotoScene) -> None:
    scene = blender.context.scene
    reference = bike_scene.camera
    assert reference is not None
    cameras = {name: blender.data.objects.new(name, reference.data.copy()) for name in ("same", "zoomed", "animated")}
    for camera in cameras.values():
        scene.collection.objects.link(camera)
    cameras["zoomed"].data.lens = 90
    lens = reference.data.lens
    cameras["animated"].data.keyframe_insert("lens", frame=1)
    set_focal_length(scene, bike_scene, 20.0)
    assert cameras["same"].data.lens == reference.data.lens != lens
    assert cameras["zoomed"].data.lens == 90
    assert cameras["animated"].data.lens == lens


def test_a_camera_that_a_check_measured_keeps_its_lens(blender: ModuleType, bike_scene: PhotoScene) -> None:
    scene = blender.context.scene
    reference = bike_scene.camera
    assert reference is not None
    measured = blender.data.objects.new("shot, take 1 achieved", reference.data.copy())
    measured[CHECK_PROPERTY] = "{}"
    scene.collection.objects.link(measured)
    lens = reference.data.lens
    set_focal_length(scene, bike_scene, 20.0)
    assert measured.data.lens == lens != reference.data.lens


@pytest.mark.parametrize("mm", [0.0, -3.0, float("nan"), 1e6])
def test_impossible_focal_lengths_are_refused(blender: ModuleType, bike_scene: PhotoScene, mm: float) -> None:
    before = positions(bike_scene)
    with pytest.raises(PhotoError, match="no photo's focal length"):
        set_focal_length(blender.context.scene, bike_scene, mm)
    np.testing.assert_array_equal(positions(bike_scene), before)


def test_edit_mode_is_refused(blender: ModuleType, bike_scene: PhotoScene) -> None:
    blender.context.view_layer.objects.active = bike_scene.mesh
    blender.ops.object.mode_set(mode="EDIT")
    with pytest.raises(PhotoError, match="Leave Edit Mode"):
        set_focal_length(blender.context.scene, bike_scene, 35.0)
    blender.ops.object.mode_set(mode="OBJECT")
