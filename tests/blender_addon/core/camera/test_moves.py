"""Named moves go where their names say, and dolly zoom keeps its subject's size."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from blender_addon.core.camera.moves import MOVES, eased, fitting_values, move_at, move_trajectory
from blender_addon.core.camera.projection import intrinsics_matrix, project
from blender_addon.core.camera.trajectory import Trajectory, inverse, rotation_exp
from blender_addon.core.errors import CameraError


def start_camera(seed: int = 0) -> Trajectory:
    random = np.random.default_rng(seed)
    pose = np.eye(4)
    pose[:3, :3] = rotation_exp(random.normal(0, 1, (1, 3)))[0]
    pose[:3, 3] = random.normal(0, 3, 3)
    return Trajectory(pose[None], intrinsics_matrix(600, 600, 300, 150), 640, 360, 24)


def local(trajectory: Trajectory, start: Trajectory) -> np.ndarray:
    """[F, 4, 4] poses in the start camera's axes."""
    return np.asarray(inverse(start.camera_to_world[0]) @ trajectory.camera_to_world)


@pytest.mark.parametrize("name", MOVES)
@pytest.mark.parametrize("easing", ["linear", "ease", "ease_in", "ease_out"])
def test_every_move_starts_at_the_start_camera(name: str, easing: str) -> None:
    start = start_camera()
    path = move_trajectory(name, start, count=9, easing=easing)  # type: ignore[arg-type]
    assert len(path) == 9
    assert (path.width, path.height, path.fps) == (640, 360, 24)
    np.testing.assert_allclose(path.camera_to_world[0], start.camera_to_world[0], atol=1e-12)
    np.testing.assert_allclose(path.intrinsics[0], start.intrinsics[0], atol=1e-12)


@pytest.mark.parametrize("name", [name for name in MOVES if name != "still"])
def test_every_move_moves(name: str) -> None:
    start = start_camera()
    path = move_trajectory(name, start, count=5)
    moved = (
        np.abs(path.camera_to_world - start.camera_to_world).max() + np.abs(path.intrinsics - start.intrinsics).max()
    )
    assert moved > 0.01


@pytest.mark.parametrize(
    ("name", "direction"),
    [("dolly", (0, 0, 1)), ("truck", (1, 0, 0)), ("pedestal", (0, -1, 0))],
)
@given(metres=st.floats(-50, 50), seed=st.integers(0, 1000))
def test_straight_moves_go_exactly_that_far(
    name: str, direction: tuple[int, int, int], metres: float, seed: int
) -> None:
    start = start_camera(seed)
    end = local(move_trajectory(name, start, {"distance": metres}, count=2), start)[-1]
    np.testing.assert_allclose(end[:3, 3], np.array(direction) * metres, atol=1e-9)
    np.testing.assert_allclose(end[:3, :3], np.eye(3), atol=1e-12)


@pytest.mark.parametrize(
    ("name", "axis", "looks_at"),
    [("pan", 0, (1, 0, 0)), ("tilt", 0, (0, -1, 0)), ("roll", 1, (0, 0, 1))],
)
def test_quarter_turns(name: str, axis: int, looks_at: tuple[int, int, int]) -> None:
    start = start_camera()
    end = local(move_trajectory(name, start, {"angle": 90}, count=2), start)[-1]
    np.testing.assert_allclose(end[:3, 2], looks_at, atol=1e-12)
    np.testing.assert_allclose(end[:3, 3], 0, atol=1e-12)
    if name == "roll":
        np.testing.assert_allclose(end[:3, 0], (0, 1, 0), atol=1e-12)  # the right side goes down: clockwise


@pytest.mark.parametrize("name", ["orbit", "orbit_over", "crane", "tracking", "push_in", "spiral", "parallax_loop"])
@given(pivot=st.floats(0.6, 100), seed=st.integers(0, 1000))
def test_subject_stays_in_the_middle(name: str, pivot: float, seed: int) -> None:
    start = start_camera(seed)
    path = move_trajectory(name, start, {"pivot": pivot}, count=7)
    subject = start.centres[:1] + pivot * start.camera_to_world[:1, :3, 2]
    for pose in path.camera_to_world:
        pixel, depth = project(subject, path.intrinsics[0], pose)
        np.testing.assert_allclose(pixel[0], (300, 150), atol=1e-6)
        assert depth[0] > 0


@given(angle=st.floats(-720, 720), pivot=st.floats(0.1, 1000))
def test_orbit_keeps_its_radius_and_moves_right(angle: float, pivot: float) -> None:
    start = start_camera()
    poses = local(move_trajectory("orbit", start, {"angle": angle, "pivot": pivot}, count=20), start)
    radius = np.linalg.norm(poses[:, :3, 3] - [0, 0, pivot], axis=1)
    np.testing.assert_allclose(radius, pivot, rtol=1e-9)
    np.testing.assert_allclose(poses[:, 1, 3], 0, atol=1e-9)
    right = local(move_trajectory("orbit", start, {"angle": 30, "pivot": pivot}, count=2), start)[-1]
    assert right[0, 3] == pytest.approx(pivot / 2)


@given(
    pivot=st.floats(0.5, 1000),
    part=st.floats(-3, 0.95),
    offset=st.tuples(st.floats(-1, 1), st.floats(-1, 1)),
    seed=st.integers(0, 1000),
)
def test_dolly_zoom_holds_the_pivot_plane(pivot: float, part: float, offset: tuple[float, float], seed: int) -> None:
    start = start_camera(seed)
    distance = float(np.clip(part * pivot, -100, 100))
    path = move_trajectory("dolly_zoom", start, {"pivot": pivot, "distance": distance}, count=11)
    in_camera = np.array([[offset[0] * pivot, offset[1] * pivot, pivot]])
    point = in_camera @ start.camera_to_world[0, :3, :3].T + start.centres[0]
    pixels = [project(point, k, pose)[0][0] for k, pose in zip(path.intrinsics, path.camera_to_world, strict=True)]
    np.testing.assert_allclose(pixels, np.broadcast_to(pixels[0], (11, 2)), atol=1e-6)
    assert np.ptp(path.centres, axis=0).max() == pytest.approx(
        np.abs(distance * start.camera_to_world[0, :3, 2]).max(), abs=1e-9
    )


def test_zoom_only_changes_the_focal_length() -> None:
    start = start_camera()
    path = move_trajectory("zoom", start, {"factor": 2.0}, count=3)
    np.testing.assert_allclose(path.intrinsics[-1], intrinsics_matrix(1200, 1200, 300, 150))
    np.testing.assert_allclose(path.intrinsics[1, 0, 0], 600 * np.sqrt(2))  # even to the eye, not in millimetres
    np.testing.assert_allclose(path.camera_to_world, np.broadcast_to(start.camera_to_world, (3, 4, 4)))


def test_parallax_loop_closes_and_has_its_size() -> None:
    start = start_camera()
    path = move_trajectory("parallax_loop", start, {"width": 0.4, "height": 0.2}, count=401, easing="linear")
    where = local(path, start)[:, :3, 3]
    np.testing.assert_allclose(where[-1], where[0], atol=1e-12)
    np.testing.assert_allclose(np.ptp(where, axis=0), (0.4, 0.2, 0), atol=1e-4)


def test_spiral_rises_and_comes_closer() -> None:
    start = start_camera()
    values = {"angle": 90, "rise": 1.0, "approach": 0.5, "pivot": 2.0}
    end = local(move_trajectory("spiral", start, values, count=2), start)[-1, :3, 3]
    np.testing.assert_allclose(end, (1.5, -1.0, 2.0), atol=1e-12)


@given(st.lists(st.floats(0, 1), min_size=2, max_size=20), st.sampled_from(["linear", "ease", "ease_in", "ease_out"]))
def test_easing_keeps_order_and_ends(progress: list[float], easing: str) -> None:
    s = eased(sorted(progress), easing)  # type: ignore[arg-type]
    assert (np.diff(s) >= -1e-15).all()
    np.testing.assert_array_equal(eased([0.0, 1.0], easing), [0.0, 1.0])  # type: ignore[arg-type]


def test_any_progress_can_be_asked_for() -> None:
    start = start_camera()
    path = move_at("truck", start, {"distance": 2.0}, progress=[0.25, 0.75], easing="linear")
    np.testing.assert_allclose(local(path, start)[:, 0, 3], (0.5, 1.5), atol=1e-12)


def test_wrong_requests_are_said() -> None:
    start = start_camera()
    with pytest.raises(CameraError, match=r"no such camera move: swoosh.*dolly"):
        move_trajectory("swoosh", start, count=2)
    with pytest.raises(CameraError, match=r"no such parameter: speed.*distance"):
        move_trajectory("dolly", start, {"speed": 1}, count=2)
    with pytest.raises(CameraError, match="out of range: 1000"):
        move_trajectory("dolly", start, {"distance": 1000}, count=2)
    with pytest.raises(CameraError, match="out of range"):
        move_trajectory("dolly", start, {"distance": float("nan")}, count=2)
    with pytest.raises(CameraError, match="into its subject"):
        move_trajectory("dolly_zoom", start, {"distance": 3, "pivot": 3}, count=2)


@pytest.mark.parametrize("move", MOVES.values(), ids=list(MOVES))
def test_registry_is_fit_for_a_panel(move: object) -> None:
    from blender_addon.core.camera.moves import Move

    assert isinstance(move, Move)
    assert MOVES[move.name] is move
    assert move.label
    assert not move.description.endswith(".")  # Blender adds its own
    for parameter in move.parameters:
        assert parameter.minimum <= parameter.default <= parameter.maximum
        assert parameter.label
        assert not parameter.description.endswith(".")


@pytest.mark.parametrize("name", MOVES)
@given(nearest=st.floats(0.05, 500.0), beyond=st.floats(1.0, 50.0))
def test_a_move_begins_as_large_as_its_scene_is(name: str, nearest: float, beyond: float) -> None:
    values = fitting_values(name, nearest, nearest * beyond)
    start = start_camera()
    path = local(move_trajectory(name, start, values, count=9), start)
    farthest = np.linalg.norm(path[:, :3, 3], axis=1).max()
    assert farthest <= 1.2 * nearest, "the nearest thing is not run through"
    if name in ("orbit", "orbit_over"):
        assert farthest <= 0.51 * nearest


def test_a_room_is_moved_through_as_ever_and_a_street_by_more_metres_and_fewer_degrees() -> None:
    assert fitting_values("dolly", 1.5, 2.5) == MOVES["dolly"].defaults
    assert fitting_values("orbit", 2.0, 2.5) == MOVES["orbit"].defaults
    assert fitting_values("dolly", 10.5, 91.8)["distance"] == pytest.approx(2.1)
    assert fitting_values("orbit", 10.5, 91.8) == {"angle": 3.0, "pivot": 91.8}
    assert fitting_values("pan", 10.5, 91.8) == MOVES["pan"].defaults
