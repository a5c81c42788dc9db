"""`realcam evaluate`, as a person runs it."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import pytest
from typer.testing import CliRunner

from blender_addon.core.camera.formats.dispatch import write_trajectory
from blender_addon.core.camera.projection import intrinsics_from_fov
from blender_addon.core.camera.trajectory import Trajectory
from blender_addon.core.payloads.clip import Clip, ClipMetadata
from blender_addon.core.payloads.shot import Shot, ShotSettings
from blender_addon.core.payloads.shot_file import decode_shot, encode_shot
from blender_addon.core.protocol.messages import Limits
from server.cli import app
from server.evaluation.evaluate import camera_of_clip
from server.evaluation.records import EvaluationReport
from server.evaluation.synthetic_room import film_room
from server.service.workers.clip_files import encode_mp4, encode_png, write_clip_files

pycolmap = pytest.importorskip("pycolmap", reason="pycolmap is not installed: cameras cannot be solved")


@pytest.fixture(scope="module")
def take(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a clip (frames and mp4), its camera file, the scene's depth and the shot that asked for it."""
    folder = tmp_path_factory.mktemp("take")
    u = np.linspace(0, 1, 7)
    poses = np.repeat(np.eye(4)[None], 7, axis=0)
    poses[:, :3, 3] = np.stack([0.5 * u, -0.1 * u, 0.6 * u**2], axis=1)
    camera = Trajectory(poses, intrinsics_from_fov(256, 160, np.radians(65)), 256, 160, fps=8.0)
    frames, depth = film_room(camera)
    (folder / "frames").mkdir()
    for index, frame in enumerate(frames):
        (folder / "frames" / f"{index:04d}.png").write_bytes(encode_png(frame))
    (folder / "clip.mp4").write_bytes(encode_mp4(frames, 8.0))
    np.save(folder / "depth.npy", depth[0])
    write_trajectory(folder / "camera.txt", camera)
    preview = np.concatenate([frames, np.full((7, 160, 256, 1), 255, np.uint8)], axis=-1)
    shot = Shot(camera, preview, frames[0], camera.intrinsics[0], depth[0], ShotSettings(engine="draft"))
    (folder / "shot.bin").write_bytes(encode_shot(shot))
    return folder


def run(*arguments: object) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["evaluate", *map(str, arguments)])
    return result.exit_code, result.output


def test_a_clip_against_a_camera_file(take: Path, tmp_path: Path) -> None:
    numbers = tmp_path / "deep" / "numbers.json"
    code, said = run(
        take / "clip.mp4", "--reference", take / "camera.txt", "--depth", take / "depth.npy", "--trials", 1,
        "--json", numbers,
    )  # fmt: skip
    assert code == 0, said
    assert "The camera follows" in said
    report = msgspec.json.decode(numbers.read_bytes(), type=EvaluationReport)
    assert report.clips[0].scale == pytest.approx(1.0, abs=0.02)
    assert report.clips[0].clip == "clip.mp4"


def test_a_folder_of_frames_against_its_shot(take: Path, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="matplotlib is not installed: nothing to draw with")
    code, said = run(take, "--shot", take / "shot.bin", "--trials", 1, "--report", tmp_path / "report")
    assert code == 0, said
    assert (tmp_path / "report" / "index.html").is_file()
    report = msgspec.json.decode((tmp_path / "report" / "evaluation.json").read_bytes(), type=EvaluationReport)
    assert report.clips[0].metric
    assert report.clips[0].agreement is not None
    assert report.clips[0].agreement.ssim == pytest.approx([1.0] * 7)


def test_a_clip_of_ours_carries_its_camera(take: Path, tmp_path: Path) -> None:
    shot = decode_shot((take / "shot.bin").read_bytes(), Limits())
    made = ClipMetadata.of(shot, engine="draft", engine_version="1")
    write_clip_files(tmp_path, Clip(shot.preview[..., :3], made))
    for clip in (tmp_path, tmp_path / "clip.mp4"):
        carried = camera_of_clip(clip)
        assert np.allclose(carried.camera_to_world, shot.trajectory.camera_to_world)
        assert np.allclose(carried.intrinsics, shot.trajectory.intrinsics)
        assert (carried.width, carried.height, carried.fps) == (256, 160, 8.0)


def test_a_wrong_camera_file_is_named_as_wrong(shared_data: Path, tmp_path: Path) -> None:
    """The converted Nuke track, as the reference of a clip that shows nothing to solve."""
    wrong = shared_data / "trajectories/nuke_asci_koolook/camTrack_v01_converted.txt"
    (tmp_path / "blank.mp4").write_bytes(encode_mp4(np.full((4, 90, 160, 3), 90, np.uint8), 8.0))
    _, said = run(tmp_path / "blank.mp4", "--reference", wrong, "--trials", 1)
    assert "Suspected: camera-to-world matrices stand where world-to-camera matrices belong" in said


def test_what_is_missing_is_said(take: Path) -> None:
    code, said = run(take / "clip.mp4", "--reference", take / "camera.txt", "--shot", take / "shot.bin")
    assert code == 2
    assert "--reference or --shot" in said
    code, said = run(take / "clip.mp4")
    assert code == 1
    assert "clip.mp4 does not carry its camera" in said
    code, said = run(take / "clip.mp4", "--reference", take / "camera.txt", "--i3d", take / "clip.mp4")
    assert code == 2
    assert "FVD needs both" in said
    code, said = run(take / "none.mp4", "--reference", take / "camera.txt")
    assert code == 1
    assert "There is no such clip" in said
