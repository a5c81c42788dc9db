"""Ground and Walls, and Cut Out, without a mouse: the mesh is always the depth of the layout stored on the photo."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.blender_addon.ui.layout.laid_out import check_mesh_is_the_stored_layout, photo_of, state

pytestmark = pytest.mark.blender

FLOOR_EDGE = ((0.0, 0.75), (0.4, 0.62), (0.95, 0.7))
PERSON = ((0.4, 0.3), (0.5, 0.3), (0.5, 0.8), (0.4, 0.8))


def points(*places: tuple[float, float]) -> list[dict[str, Any]]:
    """As an operator takes them."""
    return [{"name": "", "place": place} for place in places]


def test_a_photo_alone_becomes_a_scene_with_a_floor_in_metres(grounded: ModuleType) -> None:
    bpy = grounded
    photo, fields = photo_of(bpy), bpy.context.scene.realcam
    check_mesh_is_the_stored_layout(bpy)
    assert not fields.photo.waits
    assert (fields.layout.camera_height, fields.layout.horizon_left) == pytest.approx((1.6, 0.5))
    assert fields.depth_edge == pytest.approx(photo.depth_edge) == pytest.approx(0.1)
    assert bpy.context.scene.camera != photo.camera
    # The floor below the lower edge's middle: camera height over the tangent of the angle below the horizon.
    focal, height = photo.intrinsics[1, 1], photo.photo_size[1]
    assert photo.depth()[-1, photo.record.columns // 2] == pytest.approx(1.6 * focal / ((height - 1) / 2), rel=1e-3)
    assert photo.depth()[0, 0] == pytest.approx(100)


def test_walls_cut_outs_and_fields_change_the_mesh_with_the_stored_layout(grounded: ModuleType) -> None:
    bpy = grounded
    ops, fields = bpy.ops.realcam, bpy.context.scene.realcam.layout
    assert ops.add_wall(points=points(*FLOOR_EDGE), name="Back") == {"FINISHED"}
    before = photo_of(bpy).depth()
    assert before[0, 100] < 20, "the wall reaches the photo's upper edge"
    assert ops.cut_out(points=points(*PERSON)) == {"FINISHED"}
    assert photo_of(bpy).depth()[80, 111] < before[80, 111]
    ops.select_layout_part(part="CUT_OUT", index=0)
    assert (fields.part_name, fields.distance) == ("Cut-out 1", 0.0)
    fields.part_name, fields.distance = "Rider", 1.5
    fields.horizon_right, fields.camera_height, fields.ceiling = 0.47, 1.5, 2.6
    ops.select_layout_part(part="WALL", index=0)
    fields.wall_height = 2.2
    assert fields.refused == ""
    check_mesh_is_the_stored_layout(bpy)
    assert photo_of(bpy).depth()[80, 111] == pytest.approx(1.5, rel=0.01)
    ops.select_layout_part(part="CUT_OUT", index=0)
    fields.distance, fields.stands_at, fields.lying = 0, 0.4, True
    assert "seen from its edge" in fields.refused, "it reaches above the eye's height"
    ops.cut_out(points=points((0.1, 0.8), (0.3, 0.8), (0.3, 0.9)))
    ops.select_layout_part(part="CUT_OUT", index=1)
    fields.stands_at, fields.lying = 0.4, True
    check_mesh_is_the_stored_layout(bpy)
    assert (fields.stands_at, fields.lying, fields.refused) == (pytest.approx(0.4), True, "")
    assert ops.remove_layout_part(part="CUT_OUT", index=0) == {"FINISHED"}
    assert ops.set_ground(horizon_left=0.5, farthest=30) == {"FINISHED"}
    assert (fields.horizon_right, fields.farthest, fields.ceiling) == pytest.approx((0.47, 30, 2.6))
    check_mesh_is_the_stored_layout(bpy)


def test_a_mask_file_cuts_out_its_bright_region(grounded: ModuleType, tmp_path: Path) -> None:
    from blender_addon.scene.editing.depth_layout import stored_layout

    painted = np.zeros((500, 740), np.uint8)
    painted[100:400, 300:380] = 255
    Image.fromarray(painted).save(tmp_path / "mask.png")
    assert grounded.ops.realcam.cut_out_mask(filepath=str(tmp_path / "mask.png")) == {"FINISHED"}
    check_mesh_is_the_stored_layout(grounded)
    layout = stored_layout(photo_of(grounded))
    assert layout is not None
    assert layout.cut_outs[0].mask is not None


def test_a_rough_outline_is_fitted_to_the_photo_and_undone(grounded: ModuleType) -> None:
    from blender_addon.scene.editing.depth_layout import stored_layout

    bpy = grounded
    bpy.ops.realcam.cut_out(points=points(*PERSON), foot=(0.45, 0.8))
    bpy.ops.ed.undo_push(message="cut out")
    before = state(bpy)
    assert bpy.ops.realcam.fit_cut_out("EXEC_DEFAULT", True, index=0) == {"FINISHED"}
    check_mesh_is_the_stored_layout(bpy)
    layout = stored_layout(photo_of(bpy))
    assert layout is not None
    assert layout.cut_outs[0].mask is not None
    assert layout.cut_outs[0].foot == pytest.approx((0.45, 0.8))
    bpy.ops.ed.undo()
    assert state(bpy) == before
    with pytest.raises(RuntimeError, match="There is no such cut-out: number 3 of 1"):
        bpy.ops.realcam.fit_cut_out(index=3)


def bad_changes(tmp_path: Path) -> dict[str, tuple[str, dict[str, Any], str]]:
    one = np.zeros((500, 740), np.uint8)
    one[400, 300] = 255
    Image.fromarray(one).save(tmp_path / "one.png")
    Image.fromarray(np.full((500, 740), 255, np.uint8)).save(tmp_path / "all.png")
    Image.fromarray(np.zeros((500, 500), np.uint8)).save(tmp_path / "square.png")
    return {
        "horizon below the photo": ("set_ground", {"horizon_left": 1.5, "horizon_right": 1.4}, "shows no ground"),
        "height 0": ("set_ground", {"camera_height": 0.0}, "height over the ground is none: 0 m"),
        "one pixel": ("cut_out", {"mask": str(tmp_path / "one.png")}, "too small"),
        "everything": ("cut_out", {"mask": str(tmp_path / "all.png")}, "is the whole photo"),
        "another shape": (
            "cut_out",
            {"mask": str(tmp_path / "square.png")},
            "The mask square.png does not fit the photo",
        ),
        "no file": ("cut_out", {"mask": str(tmp_path / "none.png")}, "There is no such mask"),
        "no outline": ("cut_out", {}, "has no area: 0 points"),
        "wall in the sky": ("add_wall", {"points": points((0.2, 0.3), (0.8, 0.7))}, "does not meet the floor"),
        "wall of one point": ("add_wall", {"points": points((0.2, 0.8))}, "has no edge: 1 points"),
    }


def test_what_cannot_be_meant_is_refused_and_changes_nothing(grounded: ModuleType, tmp_path: Path) -> None:
    before = state(grounded)
    for operator, values, sentence in bad_changes(tmp_path).values():
        with pytest.raises(RuntimeError, match=sentence):
            getattr(grounded.ops.realcam, operator)(**values)
        assert state(grounded) == before
    images = len(grounded.data.images)
    fields = grounded.context.scene.realcam.layout
    fields.horizon_left = fields.horizon_right = 4.0
    assert "shows no ground" in fields.refused
    fields.camera_height = 0
    assert "The camera's height over the ground is none: 0 m" in fields.refused
    assert fields.camera_height == pytest.approx(1.6)
    fields.camera_height = 1.7
    assert fields.refused == ""
    assert len(grounded.data.images) == images == 1


def test_a_bad_first_guess_leaves_the_photo_waiting(addon: ModuleType, lone: Path) -> None:
    addon.context.scene.realcam.photo.photo_path = str(lone)
    with pytest.raises(RuntimeError, match="shows no ground"):
        addon.ops.realcam.ground_and_walls(horizon_left=2.0, horizon_right=2.0)
    assert addon.context.scene.realcam.photo.waits
    assert len(addon.data.meshes) == len(addon.data.images) == len(addon.data.cameras) == 0


def test_calibration_stays_when_the_layout_is_changed(grounded: ModuleType) -> None:
    """The layout keeps metres before calibration; the fields show, and take, those of the scene."""
    bpy = grounded
    camera, fields = bpy.context.scene.camera, bpy.context.scene.realcam.layout
    camera.location.x = 1.0
    camera.keyframe_insert("location", frame=1)
    bpy.ops.realcam.set_scale(source="POINTS", start=(0, 2, 0), end=(0, 2, 1), distance=1.5)
    assert fields.camera_height == pytest.approx(2.4)
    moved = camera.location.x
    assert moved == pytest.approx(1.5)
    fields.camera_height = 3.0
    assert photo_of(bpy).record.scale == pytest.approx(1.5)
    check_mesh_is_the_stored_layout(bpy)
    assert fields.camera_height == pytest.approx(3.0)
    assert camera.location.x == moved
    assert bpy.ops.realcam.reset_scale() == {"FINISHED"}
    assert fields.camera_height == pytest.approx(2.0)
    check_mesh_is_the_stored_layout(bpy)


def test_geometry_over_a_calibrated_layout_leaves_the_layout_its_metres(grounded: ModuleType) -> None:
    bpy = grounded
    fields = bpy.context.scene.realcam.layout
    bpy.ops.realcam.set_scale(source="POINTS", start=(0, 2, 0), end=(0, 2, 1), distance=1.5)
    bpy.ops.mesh.primitive_cube_add(size=1, location=(0, 3, 0))
    assert bpy.ops.realcam.depth_from_geometry(source="SELECTED", rest="DISTANCE", distance=20) == {"FINISHED"}
    assert photo_of(bpy).depth().max() == pytest.approx(20)
    assert fields.camera_height == pytest.approx(2.4)
    fields.ceiling = 3.0
    assert fields.camera_height == pytest.approx(2.4)
    check_mesh_is_the_stored_layout(bpy)


def test_another_focal_length_lays_the_floor_out_anew_unless_the_depth_was_changed_since(grounded: ModuleType) -> None:
    bpy = grounded
    bpy.ops.realcam.add_wall(points=points(*FLOOR_EDGE))
    before = photo_of(bpy).depth()
    bpy.ops.realcam.set_focal_length(focal_mm=70.0)
    check_mesh_is_the_stored_layout(bpy)
    assert photo_of(bpy).depth()[-1, 100] > 1.2 * before[-1, 100]
    bpy.ops.realcam.toggle_cleaning(step="EDGES")
    cleaned = photo_of(bpy).depth()
    bpy.ops.realcam.set_focal_length(focal_mm=50.0)
    assert np.allclose(photo_of(bpy).depth(), cleaned, rtol=1e-5)


def test_the_layout_survives_saving_renaming_and_a_second_photo(
    grounded: ModuleType, lone: Path, tmp_path: Path
) -> None:
    bpy = grounded
    bpy.ops.realcam.add_wall(points=points(*FLOOR_EDGE))
    photo_of(bpy).mesh.name = "mine"
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "layout.blend"))
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "layout.blend"))
    check_mesh_is_the_stored_layout(bpy)
    first = state(bpy)
    other = lone.rename(lone.with_name("other.png"))
    scene = bpy.context.scene
    scene.realcam.photo.photo_path = str(other)
    bpy.ops.realcam.ground_and_walls(camera_height=3.0)
    assert scene.realcam.layout.camera_height == pytest.approx(3.0)
    bpy.ops.realcam.cut_out(points=points(*PERSON))
    bpy.ops.realcam.choose_photo(mesh="mine")
    assert state(bpy) == first
    bpy.ops.realcam.cut_out(points=points(*PERSON))
    check_mesh_is_the_stored_layout(bpy)


def test_undo_takes_back_one_change_at_a_time(grounded: ModuleType) -> None:
    bpy = grounded
    bpy.ops.ed.undo_push(message="imported")
    first = state(bpy)
    # By the interface's way each pushes a step of its own.
    bpy.ops.realcam.add_wall("EXEC_DEFAULT", True, points=points(*FLOOR_EDGE))
    walled = state(bpy)
    bpy.ops.realcam.cut_out("EXEC_DEFAULT", True, points=points(*PERSON))
    bpy.ops.ed.undo()
    assert state(bpy) == walled
    bpy.ops.ed.undo()
    assert state(bpy) == first
    bpy.ops.ed.redo()
    assert state(bpy) == walled
    check_mesh_is_the_stored_layout(bpy)


def test_a_cut_out_corrects_a_part_of_a_depth_from_elsewhere(addon: ModuleType, small_bike: Path) -> None:
    from blender_addon.scene.editing.depth_layout import layout_in_metres

    bpy = addon
    bpy.ops.realcam.import_photo(filepath=str(small_bike), focal_mm=48.2)
    bpy.ops.realcam.toggle_cleaning(step="FLYING")
    before, was = photo_of(bpy).depth(), photo_of(bpy).record
    bpy.ops.realcam.cut_out(points=points(*PERSON))
    after, layout = photo_of(bpy).depth(), layout_in_metres(photo_of(bpy))
    inside = np.zeros_like(before, dtype=bool)
    inside[49:135, 98:125] = True
    assert np.array_equal(np.isfinite(after[~inside]), np.isfinite(before[~inside]))
    assert np.allclose(after[~inside], before[~inside], rtol=1e-5, equal_nan=True)
    assert layout is not None
    distance = layout.cut_outs[0].distance
    assert distance == pytest.approx(np.nanmedian(before[132:135, 109:113]), rel=0.05)
    assert after[100, 110] == pytest.approx(distance, rel=0.1)
    photo_of(bpy).mesh.shape_key_add(name="of the layout")
    assert bpy.ops.realcam.remove_layout() == {"FINISHED"}
    assert photo_of(bpy).mesh.data.shape_keys is None
    assert np.allclose(photo_of(bpy).depth(), before, rtol=1e-5, equal_nan=True)
    assert photo_of(bpy).record.cleaned == was.cleaned
    assert photo_of(bpy).record.facts == was.facts
    assert not any(mesh.name.endswith("before layout") for mesh in bpy.data.meshes)


def test_another_depth_is_mixed_as_chosen(addon: ModuleType, small_bike: Path) -> None:
    bpy = addon
    bpy.ops.realcam.import_photo(filepath=str(small_bike), focal_mm=48.2)
    before, fields = photo_of(bpy).depth(), bpy.context.scene.realcam.layout
    assert bpy.ops.realcam.ground_and_walls(camera_height=1.0) == {"FINISHED"}
    replaced = photo_of(bpy).depth()
    known = np.isfinite(before)
    assert np.allclose(replaced[:80][known[:80]], before[:80][known[:80]], rtol=1e-5), "above the horizon it stays"
    assert not np.allclose(replaced[160][known[160]], before[160][known[160]], rtol=0.01)
    fields.mixing = "FILL"
    assert np.allclose(photo_of(bpy).depth()[known], before[known], rtol=1e-5)
    fields.mixing = "REPLACE"
    assert np.allclose(photo_of(bpy).depth(), replaced, rtol=1e-5, equal_nan=True)


def test_a_laid_out_depth_is_cleaned_and_cut_like_any_other(grounded: ModuleType) -> None:
    bpy = grounded
    bpy.ops.realcam.cut_out(points=points(*PERSON))
    faces = photo_of(bpy).faces
    bpy.context.scene.realcam.depth_edge = 0.5
    assert photo_of(bpy).faces > faces
    assert bpy.ops.realcam.toggle_cleaning(step="OUTLIERS") == {"FINISHED"}
    assert photo_of(bpy).record.cleaned
    bpy.context.scene.realcam.layout.camera_height = 1.8
    assert photo_of(bpy).record.cleaned == 0
    check_mesh_is_the_stored_layout(bpy)


def test_fspy_tells_horizon_lens_and_height_before_the_import_and_after(
    addon: ModuleType, tmp_path: Path, shared_data: Path
) -> None:
    """Its picture is 1439 x 956; the camera's height is that over fSpy's origin."""
    bpy, project = addon, str(shared_data / "trajectories/fspy/json_export.json")
    Image.fromarray(np.zeros((956, 1439, 3), np.uint8)).save(tmp_path / "street.png")
    scene = bpy.context.scene
    fields = scene.realcam.layout
    scene.realcam.photo.photo_path = str(tmp_path / "street.png")
    assert bpy.ops.realcam.ground_from_fspy(filepath=project) == {"FINISHED"}
    lens, horizon = photo_of(bpy).intrinsics, fields.horizon_left
    assert fields.camera_height == pytest.approx(0.9409, abs=1e-3)
    scene.realcam.photo.photo_path, scene.realcam.photo.calibration = str(tmp_path / "street.png"), (0, 0, 0, 0)
    assert bpy.ops.realcam.ground_and_walls() == {"FINISHED"}
    assert bpy.ops.realcam.ground_from_fspy(filepath=project) == {"FINISHED"}
    assert photo_of(bpy).intrinsics == pytest.approx(lens, rel=1e-4)
    assert fields.horizon_left == pytest.approx(horizon)
    check_mesh_is_the_stored_layout(bpy)
    with pytest.raises(RuntimeError, match=r"none\.fspy cannot be read"):
        bpy.ops.realcam.ground_from_fspy(filepath=str(tmp_path / "none.fspy"))


def test_a_layout_is_written_and_read_again_by_anyone(grounded: ModuleType, lone: Path, tmp_path: Path) -> None:
    from blender_addon.core.depth.layout.layout import read_layout
    from blender_addon.scene.editing.depth_layout import stored_layout

    bpy, file = grounded, tmp_path / "bike.layout.json"
    bpy.ops.realcam.add_wall(points=points(*FLOOR_EDGE))
    bpy.ops.realcam.cut_out(points=points(*PERSON))
    stored = stored_layout(photo_of(bpy))
    assert bpy.ops.realcam.save_layout(filepath=str(file)) == {"FINISHED"}
    assert read_layout(file) == stored
    bpy.ops.realcam.set_ground(camera_height=3.0)
    bpy.ops.realcam.remove_layout_part(part="WALL", index=0)
    assert bpy.ops.realcam.read_layout(filepath=str(file)) == {"FINISHED"}
    assert stored_layout(photo_of(bpy)) == stored
    bpy.context.scene.realcam.photo.photo_path = str(lone)
    assert bpy.ops.realcam.read_layout(filepath=str(file)) == {"FINISHED"}
    assert len(bpy.context.scene.objects) == 6, "another photo, with its cameras"
    check_mesh_is_the_stored_layout(bpy)
    file.write_text("{}, ")
    with pytest.raises(RuntimeError, match="This is no depth layout"):
        bpy.ops.realcam.read_layout(filepath=str(file))


def test_relative_depth_is_a_guess_until_a_ground_tells_its_metres(addon: ModuleType, small_bike: Path) -> None:
    from dataclasses import replace

    from blender_addon.scene.photo_scene import store_record

    bpy = addon
    bpy.ops.realcam.import_photo(filepath=str(small_bike), focal_mm=48.2)
    photo = photo_of(bpy)
    store_record(photo.mesh, replace(photo.record, numbers="relative"))
    bpy.ops.realcam.cut_out(points=points(*PERSON))
    assert photo_of(bpy).record.guessed
    bpy.ops.realcam.remove_layout()
    bpy.ops.realcam.ground_and_walls()
    assert not photo_of(bpy).record.guessed
    bpy.ops.realcam.remove_layout()
    assert photo_of(bpy).record.guessed
