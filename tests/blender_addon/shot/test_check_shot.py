"""Everything that keeps a shot from being made is said in a sentence, before anything is rendered."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from blender_addon.core.camera.trajectory import Trajectory
from blender_addon.core.errors import ShotError
from blender_addon.core.payloads.shot import ShotSettings
from server.demo.motorcycle import Motorcycle
from tests.support.folders import not_writable

pytestmark = pytest.mark.blender
pytest.importorskip("bpy")

if TYPE_CHECKING:
    from blender_addon.scene import PhotoScene

from blender_addon.shot import Problem, assemble_shot, check_output, check_shot  # noqa: E402


def sentences(problems: list[Problem]) -> str:
    return " | ".join(problem.sentence for problem in problems)


def test_a_good_shot_has_no_problems(thin_bike_scene: PhotoScene, blender: ModuleType) -> None:
    assert check_shot(blender.context.scene, 1, 48, [0.9, 0.8]) == []


def test_an_empty_scene_lacks_photo_and_camera(blender: ModuleType) -> None:
    found = check_shot(blender.context.scene, 1, 48)
    assert "no photo" in sentences(found)
    assert "no active camera" in sentences(found)
    assert {problem.severity for problem in found} == {"error"}


@pytest.mark.parametrize("kind", ["ORTHO", "PANO"])
def test_other_cameras_than_perspective_ones_are_refused(
    thin_bike_scene: PhotoScene, blender: ModuleType, kind: str
) -> None:
    blender.context.scene.camera.data.type = kind
    assert "Only perspective cameras" in sentences(check_shot(blender.context.scene, 1, 48))


def test_the_frame_range_must_run_forward_and_hold_two_frames(thin_bike_scene: PhotoScene, blender: ModuleType) -> None:
    assert "reversed: it goes from 48 to 1" in sentences(check_shot(blender.context.scene, 48, 1))
    assert "one frame long (frame 5)" in sentences(check_shot(blender.context.scene, 5, 5))


def test_coverage_of_nothing_is_an_error_and_of_little_a_warning(
    thin_bike_scene: PhotoScene, blender: ModuleType
) -> None:
    scene = blender.context.scene
    (never,) = check_shot(scene, 1, 48, [0.0, 0.0])
    assert (never.severity, "never sees" in never.sentence) == ("error", True)
    (sometimes,) = check_shot(scene, 1, 48, [0.5, 0.0])
    assert (sometimes.severity, "in 1 of 2 frames" in sometimes.sentence) == ("warning", True)
    (little,) = check_shot(scene, 1, 48, [0.5, 0.1])
    assert (little.severity, "10%" in little.sentence) == ("warning", True)


def test_a_mesh_without_faces_is_told(thin_bike_scene: PhotoScene, blender: ModuleType) -> None:
    thin_bike_scene.mesh.data.clear_geometry()
    assert "no faces" in sentences(check_shot(blender.context.scene, 1, 48))


def test_a_bad_folder_is_told(blender: ModuleType, tmp_path: Path) -> None:
    assert check_output(tmp_path / "realcam" / "new") == []
    (tmp_path / "realcam").write_text("a file")
    assert "is a file" in sentences(check_output(tmp_path / "realcam" / "new"))


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has such names")
def test_a_name_that_no_record_can_hold_is_told(addon: ModuleType, tmp_path: Path) -> None:
    """Before anything is rendered: by the button, which is grey, and by whatever starts a job."""
    from blender_addon.generation.job_run import JobRun
    from blender_addon.generation.jobs import Jobs
    from blender_addon.ui.shot.requests import problems

    name = tmp_path / os.fsdecode(b"caf\xe9.blend")
    addon.ops.wm.save_as_mainfile(filepath=str(tmp_path / "shot.blend"))
    (tmp_path / "shot.blend").rename(name)
    addon.ops.wm.open_mainfile(filepath=str(name))
    assert addon.data.filepath == str(name)
    assert any(r"caf\xe9.blend has bytes that are no UTF-8" in problem for problem in problems(addon.context.scene))
    job: Any = SimpleNamespace(title="shot")
    with pytest.raises(ShotError, match=r"caf\\xe9\.blend has bytes that are no UTF-8"):
        JobRun(Jobs(), job, None, None)  # type: ignore[arg-type]


def test_a_folder_that_is_not_writable_is_told(blender: ModuleType, tmp_path: Path) -> None:
    blender.ops.wm.save_as_mainfile(filepath=str(tmp_path / "shot.blend"))
    (tmp_path / "locked").mkdir()
    with not_writable(tmp_path / "locked"):
        assert "not writable" in sentences(check_output(tmp_path / "locked" / "realcam"))


def test_an_assembled_shot_holds_photo_depth_and_preview(thin_bike_scene: PhotoScene, bike: Motorcycle) -> None:
    trajectory = Trajectory(np.tile(np.eye(4), (2, 1, 1)), bike.intrinsics, 64, 40)
    preview = np.full((2, 40, 64, 4), 255, np.uint8)
    shot = assemble_shot(thin_bike_scene, thin_bike_scene.depth(), trajectory, preview, ShotSettings(engine="draft"))
    np.testing.assert_array_equal(shot.photo, bike.photo)
    np.testing.assert_array_equal(shot.depth, thin_bike_scene.depth())
    assert shot.depth_edge == thin_bike_scene.depth_edge
    with pytest.raises(ShotError, match="coverage is 0 in all 2 frames"):
        assemble_shot(thin_bike_scene, thin_bike_scene.depth(), trajectory, preview * 0, ShotSettings(engine="draft"))
