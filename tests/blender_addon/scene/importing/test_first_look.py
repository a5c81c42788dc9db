"""A photo imported into the scene that a new Blender file has, and into scenes that an artist has set up."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np
import pytest

from blender_addon.core.payloads.import_request import ImportRequest
from tests.support.import_requests import with_settings

pytestmark = pytest.mark.blender
pytest.importorskip("bpy")

from blender_addon.scene import import_photo  # noqa: E402
from blender_addon.scene.editing.current_photo import hide  # noqa: E402
from blender_addon.scene.importing.first_look import meshes_around, prepare_first_look  # noqa: E402


@pytest.fixture
def scene(bike_import: ImportRequest, blender: ModuleType) -> Any:
    """The scene of a new file: cube, light, camera."""
    blender.ops.wm.read_factory_settings()
    return blender.context.scene


@pytest.fixture
def thin_import(bike_import: ImportRequest) -> ImportRequest:
    """The 741 x 500 motorcycle with few vertices."""
    return with_settings(bike_import, max_vertices=5_000)


def size(scene: Any) -> tuple[int, int]:
    return scene.render.resolution_x, scene.render.resolution_y


def test_a_new_file_renders_the_photos_shape_and_its_cube_is_out_of_the_way(
    scene: Any, thin_import: ImportRequest
) -> None:
    photo = import_photo(scene, thin_import)
    cube = scene.objects["Cube"]
    assert meshes_around(scene, photo) == [cube]
    said = prepare_first_look(scene, photo)
    assert size(scene) == (1920, 1296)
    assert size(scene)[0] / size(scene)[1] == pytest.approx(741 / 500, rel=1e-3)
    assert (cube.hide_get(), cube.hide_render) == (True, True)
    assert meshes_around(scene, photo) == []
    assert said == [
        "The render is 1920 × 1296, the photo's shape.",
        "Blender's default cube, which stood around the camera, is hidden.",
    ]
    assert scene.camera.name == "Shot Camera"
    np.testing.assert_allclose(scene.camera.matrix_world, photo.camera.matrix_world, atol=1e-6)


@pytest.mark.parametrize("made", ["size", "percentage", "border", "keys", "another photo"])
def test_the_render_of_a_scene_that_was_set_up_stays(scene: Any, thin_import: ImportRequest, made: str) -> None:
    if made == "size":
        scene.render.resolution_x = 1280
    elif made == "percentage":
        scene.render.resolution_percentage = 50
    elif made == "border":
        scene.render.use_border = True
    elif made == "keys":
        scene.camera.keyframe_insert("location", frame=1)
    else:
        import_photo(scene, thin_import)
    before = size(scene)
    prepare_first_look(scene, import_photo(scene, thin_import))
    assert size(scene) == before


def test_a_cube_that_was_worked_on_stays_and_is_told(scene: Any, thin_import: ImportRequest) -> None:
    cube = scene.objects["Cube"]
    cube.scale = (1.5, 1.5, 1.5)
    photo = import_photo(scene, thin_import)
    assert prepare_first_look(scene, photo)[1:] == []
    assert not cube.hide_render
    assert meshes_around(scene, photo) == [cube]
    hide(scene, cube)
    assert meshes_around(scene, photo) == []


def test_a_set_built_behind_the_photo_or_beside_its_camera_is_not_told(scene: Any, thin_import: ImportRequest) -> None:
    cube = scene.objects["Cube"]
    photo = import_photo(scene, thin_import)
    cube.scale = (100.0, 100.0, 100.0)
    scene.view_layers[0].update()
    assert meshes_around(scene, photo) == []
    cube.scale, cube.location = (1.0, 1.0, 1.0), (0.0, 1.5, 0.0)
    scene.view_layers[0].update()
    assert meshes_around(scene, photo) == []
