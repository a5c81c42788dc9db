"""Dragging and drawing over the photo, in points of the photo: the mesh follows, undo may come at any time."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import msgspec
import pytest

from tests.blender_addon.ui.layout.laid_out import check_mesh_is_the_stored_layout, photo_of, state

pytestmark = pytest.mark.blender

REACH = (0.02, 0.03)
FLOOR_EDGE = ((0.0, 0.75), (0.4, 0.62), (0.95, 0.7))
ROUND = ((0.4, 0.3), (0.45, 0.28), (0.5, 0.3), (0.52, 0.5), (0.5, 0.8), (0.45, 0.82), (0.4, 0.8), (0.38, 0.5))


def session_of(bpy: ModuleType, mode: Any = "GROUND") -> Any:
    from blender_addon.ui.layout.drawing_session import DrawingSession

    return DrawingSession(photo_of(bpy), mode)


def drag(bpy: ModuleType, session: Any, *way: tuple[float, float]) -> str:
    """Press at the first point, move along the others, and let go."""
    scene = bpy.context.scene
    session.press(scene, way[0], REACH)
    for mouse in way[1:]:
        session.move(scene, mouse, REACH)
    return str(session.release(scene))


def click(bpy: ModuleType, session: Any, *places: tuple[float, float]) -> None:
    for place in places:
        drag(bpy, session, place)


def test_the_mesh_follows_the_dragged_horizon_coarsely_and_is_whole_when_let_go(grounded: ModuleType) -> None:
    bpy, session = grounded, session_of(grounded)
    fields, whole = grounded.context.scene.realcam.layout, photo_of(grounded).record
    session.press(bpy.context.scene, (0.97, 0.5), REACH)
    session.move(bpy.context.scene, (0.97, 0.4), REACH)
    assert photo_of(bpy).vertices <= 10_000 < whole.rows * whole.columns
    assert fields.horizon_right == pytest.approx(0.3968, abs=1e-4)
    check_mesh_is_the_stored_layout(bpy)
    assert session.release(bpy.context.scene) == "Move Horizon"
    assert (photo_of(bpy).record.rows, photo_of(bpy).record.columns) == (whole.rows, whole.columns)
    assert fields.horizon_left == pytest.approx(0.5032, abs=1e-4), "the other handle stays"
    assert drag(bpy, session, (0.6, 0.443), (0.6, 0.543)) == "Move Horizon"
    assert fields.horizon_right - fields.horizon_left == pytest.approx(-0.1064, abs=1e-3), "the whole line moves"
    check_mesh_is_the_stored_layout(bpy)


def test_a_wall_is_clicked_its_points_dragged_and_removed(grounded: ModuleType) -> None:
    bpy, session = grounded, session_of(grounded)
    click(bpy, session, *FLOOR_EDGE, (0.99, 0.99))
    session.remove(bpy.context.scene)
    assert session.finish(bpy.context.scene) == "Add Wall"
    assert session.layout(bpy.context.scene).walls[0].points == FLOOR_EDGE
    assert drag(bpy, session, FLOOR_EDGE[1], (0.41, 0.63), (0.42, 0.64)) == "Move Wall"
    assert session.layout(bpy.context.scene).walls[0].points[1] == (0.42, 0.64)
    check_mesh_is_the_stored_layout(bpy)
    session.move(bpy.context.scene, (0.42, 0.64), REACH)
    assert session.remove(bpy.context.scene) == "Remove"
    session.move(bpy.context.scene, FLOOR_EDGE[0], REACH)
    assert session.remove(bpy.context.scene) == "Remove", "a wall of one point is none"
    assert session.layout(bpy.context.scene).walls == ()


def test_what_is_dragged_above_the_horizon_stays_where_it_was_last_allowed(grounded: ModuleType) -> None:
    bpy, session = grounded, session_of(grounded)
    click(bpy, session, *FLOOR_EDGE)
    session.finish(bpy.context.scene)
    drag(bpy, session, FLOOR_EDGE[1], (0.4, 0.6), (0.4, 0.3))
    assert "does not meet the floor" in session.refused
    assert session.layout(bpy.context.scene).walls[0].points[1] == (0.4, 0.6)
    check_mesh_is_the_stored_layout(bpy)
    assert photo_of(bpy).vertices > 10_000


def test_a_lasso_or_clicked_corners_cut_out_and_the_foot_is_dragged(grounded: ModuleType) -> None:
    bpy, session = grounded, session_of(grounded, "CUT_OUT")
    assert drag(bpy, session, *ROUND) == "Cut Out"
    click(bpy, session, (0.7, 0.6), (0.8, 0.6), (0.8, 0.9), (0.7, 0.9))
    assert session.press(bpy.context.scene, (0.7, 0.6), REACH) == "Cut Out", "its first corner closes it"
    layout = session.layout(bpy.context.scene)
    assert [cut_out.name for cut_out in layout.cut_outs] == ["Cut-out 1", "Cut-out 2"]
    before = photo_of(bpy).depth()[90, 111]
    assert drag(bpy, session, (0.45, 0.82), (0.46, 0.95)) == "Move Foot"
    assert photo_of(bpy).depth()[90, 111] < before
    check_mesh_is_the_stored_layout(bpy)


def test_a_quick_lasso_of_which_a_slow_view_tells_few_places_cuts_out(grounded: ModuleType) -> None:
    bpy, session = grounded, session_of(grounded, "CUT_OUT")
    fields = bpy.context.scene.realcam.layout
    assert drag(bpy, session, ROUND[0], ROUND[3], ROUND[5], ROUND[7]) == "Cut Out"
    assert (fields.part, fields.part_index) == ("CUT_OUT", 0), "the panel shows what was added"
    assert drag(bpy, session, (0.7, 0.6), (0.709, 0.6), (0.7, 0.611)) == ""
    assert session.drawn == [(0.7, 0.6)], "a click of an unsteady hand is a corner"


def test_a_slip_of_the_hand_is_refused_and_changes_nothing(grounded: ModuleType) -> None:
    bpy, before = grounded, state(grounded)
    session = session_of(bpy, "CUT_OUT")
    click(bpy, session, (0.5, 0.7))
    assert session.finish(bpy.context.scene) == ""
    assert "has no area" in session.refused
    click(bpy, session, (0.5, 0.7), (0.5001, 0.7), (0.5, 0.7001))
    assert session.finish(bpy.context.scene) == ""
    assert "too small" in session.refused
    session = session_of(bpy)
    click(bpy, session, (0.2, 0.3), (0.8, 0.3))
    assert session.finish(bpy.context.scene) == ""
    assert state(bpy) == before


def test_escape_restores_the_layout_even_from_the_middle_of_a_drag(grounded: ModuleType) -> None:
    bpy, before = grounded, state(grounded)
    session = session_of(bpy)
    click(bpy, session, *FLOOR_EDGE)
    session.finish(bpy.context.scene)
    session.press(bpy.context.scene, (0.03, 0.5), REACH)
    session.move(bpy.context.scene, (0.03, 0.45), REACH)
    assert session.restore(bpy.context.scene) == "Restore Layout"
    assert state(bpy) == before
    assert session.restore(bpy.context.scene) == ""


def test_escape_gives_a_depth_from_elsewhere_back(addon: ModuleType, small_bike: Any) -> None:
    bpy = addon
    bpy.ops.realcam.import_photo(filepath=str(small_bike), focal_mm=48.2)
    depth = photo_of(bpy).depth()
    session = session_of(bpy, "CUT_OUT")
    assert drag(bpy, session, *ROUND) == "Cut Out"
    distance = session.layout(bpy.context.scene).cut_outs[0].distance
    assert drag(bpy, session, (0.45, 0.82), (0.45, 0.97)) == "Move Foot"
    assert session.layout(bpy.context.scene).cut_outs[0].distance < distance, "as the depth is at its foot"
    session.restore(bpy.context.scene)
    assert photo_of(bpy).depth() == pytest.approx(depth, rel=1e-5, nan_ok=True)
    assert "realcam_layout" not in photo_of(bpy).mesh


def test_undo_in_the_middle_of_the_tool_is_where_it_goes_on_from(grounded: ModuleType) -> None:
    bpy, session = grounded, session_of(grounded)
    bpy.ops.ed.undo_push(message="imported")
    before = state(bpy)
    click(bpy, session, *FLOOR_EDGE)
    bpy.ops.ed.undo_push(message=session.finish(bpy.context.scene))
    bpy.ops.ed.undo()
    assert state(bpy) == before
    session.move(bpy.context.scene, FLOOR_EDGE[1], REACH)
    assert session.hovered is None
    assert drag(bpy, session, (0.5, 0.5), (0.5, 0.4)) == "Move Horizon"
    assert session.layout(bpy.context.scene).walls == ()
    check_mesh_is_the_stored_layout(bpy)
    for mesh in list(bpy.data.meshes):
        bpy.data.meshes.remove(mesh)
    assert session.find(bpy.context.scene) is None
    session.move(bpy.context.scene, (0.5, 0.4), REACH)
    assert session.restore(bpy.context.scene) == ""


def test_the_floor_is_ruled_where_the_photo_shows_it(grounded: ModuleType) -> None:
    from blender_addon.ui.layout.layout_drawing import floor_lines, square_side

    session, photo = session_of(grounded), photo_of(grounded)
    layout = session.layout(grounded.context.scene)
    for height, side in ((1.6, 1), (16.0, 10), (160.0, 100)):
        high = msgspec.structs.replace(layout, ground=msgspec.structs.replace(layout.ground, camera_height=height))
        assert square_side(photo, high) == side
        crossing = [line for line in floor_lines(photo, high, side) if 0.5 < line[0][1] < 1.0]
        assert len(crossing) >= 5, "lines across the floor that the photo shows"
