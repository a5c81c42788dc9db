"""A scene's Unit Scale: a metre of the photo is a metre as Blender shows it, in shots and in RealCam's fields."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from blender_addon.core.payloads.import_request import DepthFile, ImportRequest
from server.demo.motorcycle import Motorcycle
from tests.support.photos import write_small_bike
from tests.support.registered import our_operators, our_properties

pytestmark = pytest.mark.blender
pytest.importorskip("bpy")

from blender_addon.scene import PhotoScene, import_photo  # noqa: E402
from blender_addon.scene.edited_mesh import mesh_edits  # noqa: E402
from blender_addon.scene.editing.calibration import Measure, set_true_distance  # noqa: E402
from blender_addon.scene.editing.geometry_choice import GeometryChoice  # noqa: E402
from blender_addon.scene.editing.rescale import draw_in_units  # noqa: E402
from blender_addon.scene.handmade.geometry_depth import take_geometry  # noqa: E402
from blender_addon.scene.importing.first_look import prepare_first_look  # noqa: E402
from blender_addon.shot import sample_camera  # noqa: E402
from blender_addon.shot.bake_move import bake_move  # noqa: E402

SCALES = (0.01, 0.0254, 1.0, 1000.0)


def imported(bpy: ModuleType, bike: Motorcycle, folder: Path, unit_scale: float) -> PhotoScene:
    scene = bpy.context.scene
    scene.unit_settings.system, scene.unit_settings.scale_length = "METRIC", unit_scale
    photo = import_photo(scene, ImportRequest(write_small_bike(bike, folder), DepthFile(folder / "bike_depth.npy")))
    bpy.context.view_layer.update()
    return photo


@pytest.mark.parametrize("unit_scale", SCALES)
def test_a_metre_is_a_metre(blender: ModuleType, bike: Motorcycle, tmp_path: Path, unit_scale: float) -> None:
    scene, photo = blender.context.scene, imported(blender, bike, tmp_path, unit_scale)
    depth = photo.depth()
    assert np.nanmedian(depth) == pytest.approx(np.nanmedian(bike.depth), rel=0.02)
    assert mesh_edits(scene, photo) == []
    # What Blender shows: its units times the Unit Scale.
    reach = max((photo.mesh.matrix_world @ v.co).y for v in photo.mesh.data.vertices) * unit_scale
    assert np.nanmin(depth) <= reach <= np.nanmax(depth) * 1.001
    assert photo.camera is not None
    assert photo.camera.data.clip_start * unit_scale == pytest.approx(0.01)
    assert photo.camera.data.clip_end * unit_scale > np.nanmax(depth)

    prepare_first_look(scene, photo)
    camera = scene.camera
    assert tuple(camera.scale) == pytest.approx((1, 1, 1), rel=1e-5)
    camera.location.x += 0.5 / unit_scale
    (pose,) = sample_camera(scene, camera, [1], photo.mesh).camera_to_world
    assert pose[:3, 3] == pytest.approx((0.5, 0, 0), abs=1e-5)
    bake_move(scene, camera, "dolly", {"distance": 0.25}, 1, 5)
    (pose,) = sample_camera(scene, camera, [5], photo.mesh).camera_to_world
    assert pose[:3, 3] == pytest.approx((0.5, 0, 0.25), abs=1e-5)

    corner = photo.mesh.data.vertices[0].co.copy()
    measure, apart = Measure(photo.world.translation, photo.world @ corner), corner.length
    assert measure.metres(photo) == pytest.approx(apart, rel=1e-5)
    photo = set_true_distance(scene, photo, measure, 2 * apart)
    np.testing.assert_allclose(photo.depth(), 2 * depth, rtol=1e-4)
    (pose,) = sample_camera(scene, camera, [5], photo.mesh).camera_to_world
    assert pose[:3, 3] == pytest.approx((1, 0, 0.5), abs=1e-4)

    blender.ops.mesh.primitive_plane_add(
        size=100 / unit_scale, location=(0, 3 / unit_scale, 0), rotation=(np.pi / 2, 0, 0)
    )
    plane = blender.context.object
    depsgraph = blender.context.evaluated_depsgraph_get()
    taken = take_geometry(scene, photo, depsgraph, GeometryChoice(source="SELECTED", objects=(plane,)))
    np.testing.assert_allclose(taken.photo_scene.depth(), 3, rtol=1e-4)


def test_a_unit_scale_that_is_set_afterwards_is_told(blender: ModuleType, bike: Motorcycle, tmp_path: Path) -> None:
    scene, photo = blender.context.scene, imported(blender, bike, tmp_path, 1.0)
    before = photo.depth()
    scene.unit_settings.scale_length = 0.01
    (edit,) = mesh_edits(scene, photo)
    assert "shows a metre of this photo as 1 cm" in edit.sentence
    np.testing.assert_array_equal(photo.depth(), before)
    assert edit.mends == ("draw_in_units",)
    scene.unit_settings.system = "NONE"
    assert mesh_edits(scene, photo) == [], "Blender shows plain numbers then"


@pytest.mark.parametrize("unit_scale", [0.01, 0.0254, 1000.0])
def test_one_press_draws_the_photo_in_a_unit_scale_that_is_set_afterwards(
    blender: ModuleType, bike: Motorcycle, tmp_path: Path, unit_scale: float
) -> None:
    """The photo, another one beside it, the camera's keyframes and what hangs on either grow; no metre changes."""
    scene, photo = blender.context.scene, imported(blender, bike, tmp_path, 1.0)
    (tmp_path / "two").mkdir()
    other = imported(blender, bike, tmp_path / "two", 1.0)
    other.mesh.location = (5, 1, 0)
    photo.mesh.location = (1, 2, 3)
    prepare_first_look(scene, photo)
    camera = scene.camera
    bake_move(scene, camera, "truck", {"distance": 0.25}, 1, 5)
    child = blender.data.objects.new("empty", None)
    scene.collection.objects.link(child)
    child.parent, child.location = photo.mesh, (0, 0, -2)
    blender.context.view_layer.update()
    depth, seen = photo.depth(), sample_camera(scene, camera, [1, 5], photo.mesh).camera_to_world
    far = photo.world.inverted() @ child.matrix_world
    scene.unit_settings.scale_length = unit_scale
    draw_in_units(scene, photo)
    assert mesh_edits(scene, photo) == mesh_edits(scene, other) == []
    np.testing.assert_array_equal(photo.depth(), depth)
    np.testing.assert_allclose(
        sample_camera(scene, camera, [1, 5], photo.mesh).camera_to_world, seen, atol=max(1e-5, 1e-7 * unit_scale)
    )
    assert tuple(photo.mesh.location) == pytest.approx((1, 2, 3), abs=1e-5), "about the photo's camera"
    np.testing.assert_allclose(photo.world.inverted() @ child.matrix_world, far, atol=max(1e-5, 1e-6 * unit_scale))
    assert other.mesh.location.x == pytest.approx(1 + 4 / unit_scale, rel=1e-5)


def test_a_field_of_metres_takes_any_length(addon: ModuleType) -> None:
    """As Blender's own fields do, under each system of units and Unit Scale; the field of metres is what it is."""
    scene = addon.context.scene
    properties = [(f"{name}.{p.identifier}", p) for name, rna in our_operators(addon) for p in rna.properties]
    properties += [(f"{name}.{prop.identifier}", prop) for name, prop in our_properties(addon)]
    lengths = {name for name, prop in properties if getattr(prop, "unit", "NONE") == "LENGTH"}
    metres = {name for name, prop in properties if prop.name.endswith("(m)")}
    # Measure's ends are points of Blender's world.
    assert {name for name in lengths if name.endswith("_as_length")} == {f"{name}_as_length" for name in metres}
    assert len(metres) > 15
    photo = scene.realcam.photo
    for system, unit_scale in (("METRIC", 0.01), ("METRIC", 1.0), ("IMPERIAL", 0.0254), ("IMPERIAL", 1000.0)):
        scene.unit_settings.system, scene.unit_settings.scale_length = system, unit_scale
        for typed, meant in (("6ft", 1.8288), ("170cm", 1.7), ("2.5m", 2.5)):
            # What Blender makes of what is typed into a field of unit LENGTH: its own units.
            photo.depth_nearest_as_length = addon.utils.units.to_value(system, "LENGTH", typed) / unit_scale
            assert photo.depth_nearest == pytest.approx(meant, rel=1e-5), (typed, system, unit_scale)
            assert photo.depth_nearest_as_length * unit_scale == pytest.approx(meant, rel=1e-5)
        photo.depth_nearest_as_length = 0.0
        assert photo.depth_nearest == pytest.approx(0.01), "its own bounds hold"


def test_no_field_of_ours_is_converted_by_blender(addon: ModuleType) -> None:
    """A field of unit LENGTH holds Blender units; ours hold the photo's metres, apart from their twins."""
    properties = [(f"{name}.{p.identifier}", p) for name, rna in our_operators(addon) for p in rna.properties]
    properties += [(f"{name}.{prop.identifier}", prop) for name, prop in our_properties(addon)]
    lengths = {name for name, prop in properties if getattr(prop, "unit", "NONE") == "LENGTH" and not prop.is_hidden}
    assert {name for name in lengths if not name.endswith("_as_length")} == set()
