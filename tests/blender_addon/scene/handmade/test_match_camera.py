"""The photo where another camera stands: geometry that this camera saw is where the photo shows it."""

from __future__ import annotations

from types import ModuleType
from typing import TYPE_CHECKING

import numpy as np
import pytest

from blender_addon.core.errors import CameraError, PhotoError
from tests.blender_addon.scene.handmade.placed_boxes import add_box, front, grey_photo

pytestmark = pytest.mark.blender
pytest.importorskip("bpy")

if TYPE_CHECKING:
    from pathlib import Path

from mathutils import Vector  # noqa: E402

from blender_addon.scene.editing.geometry_choice import GeometryChoice  # noqa: E402
from blender_addon.scene.handmade.geometry_depth import take_geometry  # noqa: E402
from blender_addon.scene.handmade.match_camera import match_camera  # noqa: E402
from blender_addon.scene.importing.first_look import camera_to_animate  # noqa: E402
from blender_addon.shot.camera_sample import sample_camera  # noqa: E402


@pytest.mark.parametrize("fit", ["AUTO", "VERTICAL"])
def test_the_photo_sees_what_the_camera_sees(blender: ModuleType, tmp_path: Path, fit: str) -> None:
    """Pose, lens and shift: a shot that the camera films begins at the photo's own camera with its own lens."""
    scene, photo = blender.context.scene, grey_photo(blender, tmp_path)
    scene.render.resolution_x, scene.render.resolution_y = photo.photo_size
    free = camera_to_animate(scene, photo)
    camera = blender.data.objects.new("fSpy", blender.data.cameras.new("fSpy"))
    scene.collection.objects.link(camera)
    camera.location, camera.rotation_euler = (4.0, -2.0, 1.6), (1.3, 0.1, 0.4)
    camera.data.sensor_fit, camera.data.lens, camera.data.shift_x, camera.data.shift_y = fit, 28.0, 0.05, -0.1
    blender.context.view_layer.update()
    before = photo.depth()
    done = match_camera(scene, photo, camera, blender.context.evaluated_depsgraph_get())
    blender.context.view_layer.update()
    assert done.focal_source.startswith("camera fSpy, ")
    np.testing.assert_allclose(done.depth(), before, rtol=1e-5)
    seen = sample_camera(scene, camera, [1.0], done.mesh)
    np.testing.assert_allclose(seen.camera_to_world[0], np.eye(4), atol=1e-5)
    np.testing.assert_allclose(seen.intrinsics[0], done.intrinsics, rtol=1e-5)
    # The camera that the import made goes along; and geometry is seen where the camera sees it.
    np.testing.assert_allclose(np.array(free.matrix_world), np.array(camera.matrix_world), atol=1e-5)
    box = add_box(blender, (-0.2, -0.2, -0.2), (0.2, 0.2, 0.2))
    box.matrix_world = camera.matrix_world.copy()
    box.location += camera.matrix_world.to_3x3() @ Vector((0.0, 0.0, -3.0))
    graph = blender.context.evaluated_depsgraph_get()
    depth = take_geometry(scene, done, graph, GeometryChoice("SELECTED", (box,), rest="UNKNOWN")).photo_scene.depth()
    assert np.nanmin(depth) == pytest.approx(2.5, rel=1e-4)


def test_other_cameras_are_refused(blender: ModuleType, tmp_path: Path) -> None:
    scene, photo = blender.context.scene, grey_photo(blender, tmp_path)
    graph = blender.context.evaluated_depsgraph_get
    with pytest.raises(CameraError, match="the photo's own camera"):
        match_camera(scene, photo, photo.camera, graph())
    camera = blender.data.objects.new("Plan", blender.data.cameras.new("Plan"))
    scene.collection.objects.link(camera)
    camera.data.type = "ORTHO"
    with pytest.raises(CameraError, match="perspective"):
        match_camera(scene, photo, camera, graph())
    camera.data.type = "PERSP"
    photo.mesh.constraints.new("COPY_LOCATION")
    with pytest.raises(PhotoError, match="cannot be moved"):
        match_camera(scene, photo, camera, graph())


def test_a_lens_given_to_the_photos_camera_by_hand_is_the_geometrys(blender: ModuleType, tmp_path: Path) -> None:
    """What the artist sees through that camera while placing boxes is what the depth is taken with."""
    scene, photo = blender.context.scene, grey_photo(blender, tmp_path)
    box = add_box(blender, (-0.5, 3.0, -0.5), (0.5, 4.0, 0.5))
    photo.camera.data.lens *= 2
    graph = blender.context.evaluated_depsgraph_get()
    told = take_geometry(scene, photo, graph, GeometryChoice("SELECTED", (box,), rest="UNKNOWN"))
    done = told.photo_scene
    assert "has its camera's lens now" in told.words
    assert done.intrinsics[0, 0] == pytest.approx(120.0)
    known = np.isfinite(done.depth())
    assert (known == front(done, 0.5, 3.0)).all()
    assert known.sum() == pytest.approx(40 * 40 * 64 / 60, rel=0.15), "twice as large as with the photo's lens"
    again = take_geometry(scene, done, graph, GeometryChoice("SELECTED", (box,), rest="UNKNOWN"))
    assert "lens" not in again.words
