"""The synthetic room: filmed along a known path it is measured right, and a wrong camera is named for what it is."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import msgspec
import numpy as np
import pytest
from PIL import Image

from blender_addon.core.camera.projection import project, unproject
from blender_addon.core.camera.trajectory import Trajectory
from blender_addon.core.errors import CameraError
from blender_addon.core.progress import JobProgress
from server.evaluation.diagnosis import delayed, mirrored
from server.evaluation.evaluate import evaluate_clip, fitted_reference
from server.evaluation.first_frame_depth import depth_of_first_frame
from server.evaluation.inputs import EvaluationInput
from server.evaluation.records import ClipEvaluation, EvaluationReport
from server.evaluation.report import collected, write_report
from server.evaluation.solve import achieved_trajectory
from server.evaluation.synthetic_room import film_room
from server.reconstruction.scale import DepthMap
from tests.support.room_path import FRAMES, HEIGHT, WIDTH, known_path

pycolmap = pytest.importorskip("pycolmap", reason="pycolmap is not installed: cameras cannot be solved")


@dataclass(frozen=True)
class FilmedRoom:
    asked: Trajectory
    depth: np.ndarray

    def evaluate(self, achieved: Trajectory, **more: object) -> ClipEvaluation:
        frames, _ = film_room(achieved)
        return evaluate_clip(
            EvaluationInput("room", frames, "asked", self.asked, DepthMap(self.depth), **more), trials=1
        )


@pytest.fixture(scope="module")
def room() -> FilmedRoom:
    asked = known_path()
    _, depth = film_room(replace(asked, camera_to_world=asked.camera_to_world[:1], intrinsics=asked.intrinsics[:1]))
    return FilmedRoom(asked, depth[0])


def test_the_room_is_true_to_itself(room: FilmedRoom) -> None:
    """Depth of the first frame, carried into the last, has the last frame's colours."""
    frames, depth = film_room(room.asked)
    points = unproject(depth[0], room.asked.intrinsics[0]).reshape(-1, 3)
    pixel, z = project(points, room.asked.intrinsics[-1], room.asked.camera_to_world[-1])
    inside = (z > 0) & (pixel >= 0).all(axis=1) & (pixel < [WIDTH, HEIGHT]).all(axis=1)
    column, row = pixel[inside].astype(int).T
    visible = np.abs(depth[-1][row, column] / z[inside] - 1) < 0.01
    difference = np.abs(frames[0].reshape(-1, 3)[inside].astype(int) - frames[-1][row, column])[visible]
    assert visible.mean() > 0.8
    assert np.median(difference) < 12


@pytest.fixture(scope="module")
def true_take(room: FilmedRoom) -> ClipEvaluation:
    frames, _ = film_room(room.asked)
    opaque = np.full((*frames.shape[:3], 1), 255, np.uint8)
    return room.evaluate(room.asked, preview=np.concatenate([frames, opaque], axis=-1))


def test_the_true_path_comes_back_in_metres(true_take: ClipEvaluation) -> None:
    found = true_take
    assert found.failed == 0
    assert found.metric
    assert found.errors is not None
    assert found.errors.rot_err < 0.02
    assert found.errors.trans_err_abs is not None
    assert found.errors.trans_err_abs < 0.1
    assert found.scale == pytest.approx(1.0, abs=0.01)
    assert max(frame.degrees or 0 for frame in found.errors_per_frame) < 0.15
    assert found.findings[0].startswith("The camera follows")


def test_the_achieved_camera_stands_beside_the_asked_one(room: FilmedRoom, true_take: ClipEvaluation) -> None:
    """Also where a frame was not placed, and where the shot does not start at the photo."""
    holed = msgspec.structs.replace(true_take, achieved=[*true_take.achieved[:4], None, *true_take.achieved[5:]])
    moved = replace(room.asked, camera_to_world=room.asked.camera_to_world[3] @ room.asked.camera_to_world)
    frames, achieved = achieved_trajectory(holed, moved)
    assert frames == [0, 1, 2, 3, 5, 6, 7, 8]
    assert np.allclose(achieved.centres, moved.centres[frames], atol=0.01)
    lost = msgspec.structs.replace(true_take, achieved=[None] * FRAMES)
    with pytest.raises(CameraError, match="was not found"):
        achieved_trajectory(lost, moved)


def test_a_camera_that_goes_too_far_is_said_to(room: FilmedRoom) -> None:
    found = room.evaluate(room.asked.rescale(1.3))
    assert found.scale == pytest.approx(1.3, abs=0.02)
    assert any("times as far as asked" in finding for finding in found.findings)
    assert found.errors is not None
    assert found.errors.trans_err_rel < 0.1
    assert (found.delay, found.mirror) == (0.0, "")


def test_a_camera_that_comes_late_is_said_to(room: FilmedRoom) -> None:
    found = room.evaluate(replace(room.asked, camera_to_world=delayed(room.asked.camera_to_world, 2)))
    assert found.delay == pytest.approx(2, abs=0.25)
    assert any("frames late" in finding for finding in found.findings)
    assert found.mirror == ""


def test_a_mirrored_camera_is_said_to_be(room: FilmedRoom) -> None:
    found = room.evaluate(replace(room.asked, camera_to_world=mirrored(room.asked.camera_to_world, "left and right")))
    assert found.mirror == "left and right"
    assert "The move is mirrored: left and right are exchanged." in found.findings


def test_a_clip_without_a_camera_is_counted_not_dropped(room: FilmedRoom, tmp_path: Path) -> None:
    blank = np.full((FRAMES, HEIGHT, WIDTH, 3), 90, np.uint8)
    found = evaluate_clip(EvaluationInput("blank", blank, "asked", room.asked), trials=2)
    assert found.failed == 2
    assert found.errors is None
    assert found.findings[0] == "The clip's camera could not be found."
    report = collected([found])
    assert (report.solves, report.failed_solves, report.errors) == (2, 2, None)
    assert "not solved" in write_report(report, tmp_path).read_text(encoding="utf-8")


def test_a_clip_that_stands_still_is_not_said_to_follow(room: FilmedRoom) -> None:
    """One picture all through: every travel before a scene far enough away would explain it."""
    first = room.asked.camera_to_world[:1]
    found = room.evaluate(replace(room.asked, camera_to_world=np.repeat(first, FRAMES, axis=0)))
    assert found.failed == 0
    assert found.metric
    assert found.scale == pytest.approx(0.0, abs=1e-3)
    assert any("show no parallax" in finding for finding in found.findings)
    assert not any("camera follows" in finding for finding in found.findings)
    travelled = np.linalg.norm(np.array(found.achieved)[:, :3, 3], axis=1)
    assert travelled.max() == 0
    asked_for = np.linalg.norm(room.asked.centres[-1] - room.asked.centres[0])
    assert found.errors_per_frame[-1].metres == pytest.approx(asked_for, rel=1e-3)


@pytest.mark.parametrize("stage", ["Finding features", "Matching frames", "Solve 1: checking matches"])
def test_a_solve_can_be_stopped_at_any_stage(room: FilmedRoom, stage: str) -> None:
    """What the watcher raises comes out; later stages are not begun."""

    class Stop(Exception):
        pass

    told: list[str] = []

    def watch(progress: JobProgress) -> None:
        assert 0 <= progress.done < progress.total == 4
        told.append(progress.stage)
        if progress.stage == stage:
            raise Stop

    frames, _ = film_room(room.asked)
    with pytest.raises(Stop):
        evaluate_clip(EvaluationInput("room", frames, "asked", room.asked), trials=1, on_progress=watch)
    assert told[-1] == stage


def test_the_report_holds_page_pictures_and_numbers(true_take: ClipEvaluation, tmp_path: Path) -> None:
    page = write_report(collected([true_take], video_distance=12.5), tmp_path)
    text = page.read_text(encoding="utf-8")
    pictures = sorted(tmp_path.glob("*.png"))
    assert [picture.name for picture in pictures] == [
        f"01-room-{kind}.png" for kind in ("agreement", "errors", "paths")
    ]
    for picture in pictures:
        assert picture.name in text
        assert np.array(Image.open(picture).convert("L")).std() > 5
    assert "FVD: 12.50" in text
    report = msgspec.json.decode((tmp_path / "evaluation.json").read_bytes(), type=EvaluationReport)
    assert report.clips[0].agreement is not None
    assert report.clips[0].agreement.psnr == [None] * FRAMES  # equal pictures: no finite number
    assert report.errors == true_take.errors


def test_without_depth_only_the_shape_of_the_path_is_judged(room: FilmedRoom) -> None:
    frames, _ = film_room(room.asked.rescale(1.3))
    found = evaluate_clip(EvaluationInput("room", frames, "asked", room.asked), trials=1)
    assert not found.metric
    assert found.scale is None
    assert found.errors is not None
    assert found.errors.trans_err_abs is None
    assert "Without the scene's depth the camera's scale cannot be judged." in found.findings


def test_depth_is_carried_to_a_first_frame_away_from_the_photo(room: FilmedRoom) -> None:
    """The depth belongs to the photo's camera; the clip starts elsewhere and sees other depths."""
    away = replace(room.asked, camera_to_world=room.asked.camera_to_world[5:], intrinsics=room.asked.intrinsics[5:])
    carried = depth_of_first_frame(DepthMap(room.depth), away).depth
    _, truth = film_room(away)
    known = np.isfinite(carried)
    assert 0.6 < known.mean() < 1.0
    assert np.median(np.abs(carried / truth[0] - 1)[known]) < 0.005
    assert np.array_equal(depth_of_first_frame(DepthMap(room.depth), room.asked).depth, room.depth)


def test_a_reference_of_another_aspect_is_refused(room: FilmedRoom) -> None:
    with pytest.raises(CameraError, match="clip 160 x 160, camera 256 x 160"):
        fitted_reference(room.asked, np.zeros((FRAMES, 160, 160, 3), np.uint8))
    fitted, notes = fitted_reference(room.asked, np.zeros((5, 320, 512, 3), np.uint8))
    assert (len(fitted), fitted.width, fitted.height) == (5, 512, 320)
    assert len(notes) == 2
