"""A relative depth picture, imported by a guess, gets its metres by what an artist knows; undone in one step."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from PIL import Image

from server.demo.motorcycle import Motorcycle

pytestmark = pytest.mark.blender


@pytest.fixture(scope="module")
def pictures(bike: Motorcycle, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The motorcycle with its relative depth in 8 bits beside it."""
    tmp_path = tmp_path_factory.mktemp("relative")
    Image.fromarray(bike.photo).save(tmp_path / "bike.png")
    inverse = np.nan_to_num(1 / bike.depth, nan=float(1 / np.nanmax(bike.depth)))
    steps = np.rint((inverse - inverse.min()) / np.ptp(inverse) * 255).astype(np.uint8)
    Image.fromarray(steps).save(tmp_path / "bike_depth.png")
    return tmp_path


@pytest.fixture
def guessed(addon: ModuleType, bike: Motorcycle, pictures: Path) -> Any:
    """The motorcycle's relative depth, imported with the question answered and nothing else."""
    fields = addon.context.scene.realcam.photo
    with pytest.raises(RuntimeError, match=r"near is bright or dark.*Calibrate Depth"):
        addon.ops.realcam.import_photo(filepath=str(pictures / "bike.png"), max_vertices=8_000)
    fields.calibration = (*bike.intrinsics[[0, 1], [0, 1]], *bike.intrinsics[:2, 2])
    assert addon.ops.realcam.answer_depth(answer="near_bright") == {"FINISHED"}
    return photo_of(addon)


def photo_of(bpy: ModuleType) -> Any:
    from blender_addon.scene import find_photo_scene

    return find_photo_scene(bpy.context.scene)


def true_places(bike: Motorcycle, photo: Any, count: int) -> list[tuple[float, float, float]]:
    """(across, down, metres straight from the camera) of pixels whose neighbours are as far away."""
    depth, stride = bike.depth, photo.record.stride
    around = np.stack([np.roll(depth, (i, j), (0, 1)) for i in (-stride, 0, stride) for j in (-stride, 0, stride)])
    flat = np.where(np.ptp(around, axis=0) < 0.01 * depth, depth, np.nan)
    found = []
    for share in np.linspace(5, 95, count):
        row, column = divmod(int(np.nanargmin(np.abs(flat - np.nanpercentile(flat, share)))), depth.shape[1])
        ray = np.linalg.inv(bike.intrinsics) @ [column + 0.5, row + 0.5, 1]
        found.append(((column + 0.5) / 741, (row + 0.5) / 500, float(depth[row, column] * np.linalg.norm(ray))))
    return found


def median_error(bike: Motorcycle, photo: Any) -> float:
    from blender_addon.core.depth.depth_mesh import thinned

    return float(np.nanmedian(np.abs(photo.depth() / thinned(bike.depth, photo.record.stride) - 1)))


def add_points(bpy: ModuleType, places: list[tuple[float, float, float]]) -> None:
    for across, down, distance in places:
        assert bpy.ops.realcam.add_depth_point(across=across, down=down, distance=distance) == {"FINISHED"}


def test_points_are_fitted_as_they_are_typed_and_applied(addon: ModuleType, guessed: Any, bike: Motorcycle) -> None:
    from blender_addon.ui.calibration.calibration_fields import calibration_of
    from blender_addon.ui.calibration.calibration_fit import live_fit, told

    assert guessed.record.guessed
    assert calibration_of(guessed.mesh).is_open, "the panel opens where metres are a guess"
    assert median_error(bike, guessed) > 0.3
    add_points(addon, true_places(bike, guessed, 3))
    fit = live_fit(guessed)
    assert fit.residual < 0.01
    assert told(fit, "POINTS")[0].startswith("Residual of 3 points: 0.")
    fields = calibration_of(guessed.mesh)
    kept = fields.points[1].distance
    fields.points[1].distance = 2 * kept
    assert live_fit(guessed).residual > 0.05
    fields.points[1].distance = kept
    assert addon.ops.realcam.calibrate_depth() == {"FINISHED"}
    photo = photo_of(addon)
    assert median_error(bike, photo) < 0.01
    assert not photo.record.guessed
    assert addon.ops.realcam.depth_as_imported() == {"FINISHED"}
    assert median_error(bike, photo_of(addon)) > 0.3
    assert len(calibration_of(photo_of(addon).mesh).points) == 3
    assert not addon.ops.realcam.depth_as_imported.poll()


def test_one_undo_takes_it_back(addon: ModuleType, guessed: Any, bike: Motorcycle) -> None:
    add_points(addon, true_places(bike, guessed, 3))
    before = guessed.depth()
    addon.ops.ed.undo_push(message="points")
    addon.ops.realcam.calibrate_depth()
    addon.ops.ed.undo_push(message="calibrated")
    addon.ops.ed.undo()
    photo = photo_of(addon)
    np.testing.assert_array_equal(photo.depth(), before)
    assert photo.record.law is None
    addon.ops.ed.redo()
    assert median_error(bike, photo_of(addon)) < 0.01


def test_a_point_begins_at_the_distance_it_has(addon: ModuleType, guessed: Any) -> None:
    from blender_addon.ui.calibration.calibration_fields import calibration_of

    fields = calibration_of(guessed.mesh)
    fields.along = "z"
    addon.ops.realcam.add_depth_point(across=0.5, down=0.5)
    depth = guessed.depth()
    assert fields.points[0].distance == pytest.approx(depth[depth.shape[0] // 2, depth.shape[1] // 2], rel=0.05)
    addon.ops.realcam.remove_depth_points(index=0)
    assert len(fields.points) == 0


@pytest.mark.parametrize(
    ("distances", "sentence"),
    [((2.0,), "needs two points"), ((2.0, 2.0, 2.0), "Points of one distance only")],
)
def test_what_gives_no_metres_is_refused_and_nothing_changes(
    addon: ModuleType, guessed: Any, bike: Motorcycle, distances: tuple[float, ...], sentence: str
) -> None:
    before = guessed.depth()
    # Straight from the camera, as a tape measures: along z they are not the same.
    places = true_places(bike, guessed, len(distances))
    add_points(addon, [(*place[:2], distance) for place, distance in zip(places, distances, strict=True)])
    with pytest.raises(RuntimeError, match=sentence):
        addon.ops.realcam.calibrate_depth()
    np.testing.assert_array_equal(photo_of(addon).depth(), before)
    with pytest.raises(RuntimeError, match="no depth there"):
        addon.ops.realcam.add_depth_point(across=1.5, down=0.5)


def test_a_mesh_with_shape_keys_is_not_calibrated_below_them(addon: ModuleType, guessed: Any, bike: Motorcycle) -> None:
    add_points(addon, true_places(bike, guessed, 2))
    guessed.mesh.shape_key_add(name="Basis")
    with pytest.raises(RuntimeError, match=r"has shape keys.*Take Shape as Depth"):
        addon.ops.realcam.calibrate_depth()
    guessed.mesh.shape_key_clear()
    assert addon.ops.realcam.calibrate_depth() == {"FINISHED"}


def test_nearest_and_farthest_are_enough(addon: ModuleType, guessed: Any, bike: Motorcycle) -> None:
    from blender_addon.ui.calibration.calibration_fields import calibration_of

    fields = calibration_of(guessed.mesh)
    fields.way = "RANGE"
    fields.nearest, fields.farthest = (float(end) for end in np.nanpercentile(bike.depth, [2, 98]))
    assert addon.ops.realcam.calibrate_depth() == {"FINISHED"}
    assert median_error(bike, photo_of(addon)) < 0.1
    assert photo_of(addon).facts.nearest == pytest.approx(fields.nearest, rel=0.02)


def test_the_floor_and_the_cameras_height_are_enough(addon: ModuleType, tmp_path: Path) -> None:
    """A floor 1.6 m below a level camera, and selected vertices of it."""
    from blender_addon.ui.calibration.calibration_fields import calibration_of
    from blender_addon.ui.calibration.calibration_fit import horizon

    rows = np.arange(120) + 0.5
    depth = np.minimum(1.6 * 100 / np.maximum(rows - 60, 1e-6), 8.0)[:, None].repeat(160, axis=1)
    inverse = 1 / depth
    steps = np.rint((inverse - inverse.min()) / np.ptp(inverse) * 65535).astype(np.uint16)
    Image.fromarray(np.full((120, 160, 3), 128, np.uint8)).save(tmp_path / "floor.png")
    Image.fromarray(steps).save(tmp_path / "floor_depth.png")
    guess = {"depth_kind": "relative", "depth_near": "bright", "calibration": (100.0, 100.0, 80.0, 60.0)}
    addon.ops.realcam.import_photo(filepath=str(tmp_path / "floor.png"), **guess)
    fields = calibration_of(photo_of(addon).mesh)
    assert horizon(photo_of(addon)) == pytest.approx((0.5, 0.5), abs=1e-6)
    # Counted from the top, as Ground and Walls and the command line do.
    fields.use_horizon, fields.horizon = True, 0.4
    assert horizon(photo_of(addon)) == pytest.approx((0.4, 0.4), abs=1e-6)
    fields.use_horizon = False
    fields.camera_height = 1.6
    for across, down in ((0.2, 0.95), (0.8, 0.9), (0.5, 0.75), (0.3, 0.8)):
        addon.ops.realcam.add_depth_point(across=across, down=down, floor=True)
    assert fields.way == "GROUND"
    assert addon.ops.realcam.calibrate_depth() == {"FINISHED"}
    np.testing.assert_allclose(photo_of(addon).depth()[62:], depth[62:], rtol=0.01)
    photo = photo_of(addon)
    addon.ops.realcam.remove_depth_points(floor=True)
    addon.context.view_layer.objects.active = photo.mesh
    mesh = photo.mesh.data
    for items in (mesh.edges, mesh.polygons):
        items.foreach_set("select", np.zeros(len(items), dtype=bool))
    mesh.vertices.foreach_set("select", [vertex.co.y < -1.5 for vertex in mesh.vertices])
    addon.ops.object.mode_set(mode="EDIT")
    assert addon.ops.realcam.floor_of_selection() == {"FINISHED"}
    assert len(fields.floor) == 100
    fields.camera_height = 3.2
    assert addon.ops.realcam.calibrate_depth() == {"FINISHED"}
    addon.ops.object.mode_set(mode="OBJECT")
    np.testing.assert_allclose(photo_of(addon).depth()[62:], 2 * depth[62:], rtol=0.01)
    # At the camera, moved out of the photo, and behind the camera: the photo shows no floor there.
    addon.ops.realcam.remove_depth_points(floor=True)
    mesh.vertices[0].co, mesh.vertices[1].co.x = (0, 0, 0), 1000
    mesh.vertices[2].co *= -1
    for items in (mesh.edges, mesh.polygons):
        items.foreach_set("select", np.zeros(len(items), dtype=bool))
    mesh.vertices.foreach_set("select", np.arange(len(mesh.vertices)) < 3)
    addon.ops.object.mode_set(mode="EDIT")
    assert addon.ops.realcam.floor_of_selection() == {"FINISHED"}
    assert len(fields.floor) == 0


def test_each_photo_has_points_of_its_own_and_they_are_saved(
    addon: ModuleType, guessed: Any, bike: Motorcycle, tmp_path: Path
) -> None:
    from blender_addon.ui.calibration.calibration_fields import calibration_of

    add_points(addon, true_places(bike, guessed, 2))
    addon.ops.realcam.calibrate_depth()
    law = photo_of(addon).record.law
    addon.ops.wm.save_as_mainfile(filepath=str(tmp_path / "kept.blend"))
    addon.ops.wm.open_mainfile(filepath=str(tmp_path / "kept.blend"))
    assert photo_of(addon).record.law == law
    assert len(calibration_of(photo_of(addon).mesh).points) == 2
    assert addon.ops.realcam.depth_as_imported() == {"FINISHED"}
    assert median_error(bike, photo_of(addon)) > 0.3
