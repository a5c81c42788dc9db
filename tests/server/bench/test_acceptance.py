"""The acceptance run: its scenes and their truth, its measures, and a folder that is filled clip by clip."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pytest
from typer.testing import CliRunner

from blender_addon.core.payloads.clip import Clip
from blender_addon.core.payloads.shot import Shot, ShotSettings
from blender_addon.core.progress import OnProgress, unwatched
from server.bench.acceptance.clips import BESIDE, CLIPS, PlannedClip, clip_shot, clip_truth
from server.bench.acceptance.folder import READ_FIRST, RUN_FILE, AcceptanceError
from server.bench.acceptance.making import StepClock
from server.bench.acceptance.measuring import truth_figures
from server.bench.acceptance.records import Asked, ClipRecord, RunRecord
from server.bench.acceptance.run import AcceptanceRun
from server.bench.acceptance.scenes import DEMO_ROOM, MOTORCYCLE, RAY_CAST_ROOM, SCENES, known_scene
from server.cli import app
from server.engines.draft.engine import DraftEngine
from server.engines.random_weights import RANDOM_WEIGHTS

ROOM_DOLLY, ROOM_PAN = PlannedClip(RAY_CAST_ROOM, "dolly"), PlannedClip(RAY_CAST_ROOM, "pan")
TWO_FRAMES = Asked(engine="draft", width=256, height=256, frames=2)


class FailingDraft(DraftEngine):
    """An engine with an error that nobody foresaw."""

    def generate(self, shot: Shot, report: OnProgress) -> Clip:
        raise ZeroDivisionError("by hand")


@pytest.mark.parametrize(
    ("scene", "size", "least"),
    [(DEMO_ROOM, (256, 160), 27.0), (MOTORCYCLE, (740, 462), 26.0), (RAY_CAST_ROOM, (256, 160), 25.0)],
)
def test_a_preview_agrees_with_the_truth_where_the_photo_sees(scene: str, size: tuple[int, int], least: float) -> None:
    """By PSNR: a second camera's light and lens are others, and the photo is blurred by being drawn twice."""
    known = known_scene(scene, size)
    move = "dolly" if known.second is None else BESIDE
    shot = clip_shot(known, move, size, 3, ShotSettings(engine="draft"))
    truth = clip_truth(known, shot.trajectory)
    assert truth is not None
    assert truth.frames[-1] == 2
    assert truth.counted.mean() > 0.9
    figures = truth_figures(shot.preview[..., :3], shot.preview[..., :3], shot.preview, truth)
    assert figures.preview_seen is not None
    assert figures.preview_seen > least
    assert figures.unseen is not None
    assert figures.unseen < 20
    for pixels in (-1, 1):
        aside = replace(truth, pictures=np.roll(truth.pictures, pixels, axis=2))
        moved = truth_figures(shot.preview[..., :3], shot.preview[..., :3], shot.preview, aside)
        assert moved.preview_seen is not None
        assert moved.preview_seen < figures.preview_seen - 1


def test_the_photo_fills_the_first_frame_of_every_clip() -> None:
    for clip in CLIPS:
        known = known_scene(clip.scene, (64, 64))
        assert known.photo.shape[0] == pytest.approx(known.photo.shape[1], rel=0.01)
        assert np.allclose(known.intrinsics[0, 2], known.photo.shape[1] / 2, rtol=0.3)
    assert len({clip.name for clip in CLIPS}) == len(CLIPS)
    assert {clip.scene for clip in CLIPS} == set(SCENES)


def test_the_first_step_does_not_count_for_the_time_of_a_step() -> None:
    clock = StepClock(unwatched, steps=[(0, 0.0), (1, 9.0), (2, 10.0), (4, 12.0), (5, 19.0)])
    assert clock.seconds_a_step() == 1.0
    assert StepClock(unwatched, steps=[(0, 0.0), (1, 9.0)]).seconds_a_step() is None


def test_a_drafts_camera_is_found_to_have_followed(tmp_path: Path) -> None:
    pytest.importorskip("pycolmap", reason="pycolmap is not installed: cameras cannot be solved")
    asked = Asked(engine="draft", width=256, height=256, frames=8)
    run = AcceptanceRun(DraftEngine, asked, tmp_path, trials=1).go([ROOM_DOLLY], 0, unwatched, lambda _: None)
    (clip,) = run.clips
    assert clip.camera is not None
    assert clip.camera.followed == pytest.approx(1.0, abs=0.05)
    assert clip.camera.turned is None, "no turn was asked for"
    assert clip.drift is not None
    assert clip.drift.psnr > 35
    place = tmp_path / "clips" / clip.name
    assert {file.name for file in place.iterdir()} == {
        *("clip.json", "evaluation.json", "engine.mp4", "kept.mp4", "sheet.jpg", "truth.jpg"),
    }
    assert f"| {clip.name} |" in (tmp_path / READ_FIRST).read_text(encoding="utf-8")


def test_a_run_of_drafts_goes_on_where_it_ended(tmp_path: Path) -> None:
    """No clip begins that would end after the time, but the first does; a clip that is there is not made again."""
    told: list[ClipRecord] = []
    run = AcceptanceRun(DraftEngine, TWO_FRAMES, tmp_path, trials=1)
    first = run.go([ROOM_DOLLY, ROOM_PAN], 0, unwatched, told.append)
    assert [clip.name for clip in first.clips] == [ROOM_DOLLY.name]
    assert ROOM_PAN.name in first.not_made
    again = AcceptanceRun(DraftEngine, TWO_FRAMES, tmp_path, trials=1)
    second = again.go([ROOM_DOLLY, ROOM_PAN], 600, unwatched, told.append)
    assert [clip.name for clip in told] == [ROOM_DOLLY.name, ROOM_PAN.name]
    assert second.clips[0] == first.clips[0]
    assert all("2 frames" in clip.camera_unmeasured or "pycolmap" in clip.camera_unmeasured for clip in second.clips)
    kept = msgspec.json.decode((tmp_path / RUN_FILE).read_bytes(), type=RunRecord)
    assert kept == second
    with pytest.raises(AcceptanceError, match="frames 2, now 8"):
        AcceptanceRun(DraftEngine, msgspec.structs.replace(TWO_FRAMES, frames=8), tmp_path, trials=1)


def test_a_clip_that_a_draft_failed_at_is_told_and_tried_again(tmp_path: Path) -> None:
    run = AcceptanceRun(FailingDraft, TWO_FRAMES, tmp_path, 1).go([ROOM_PAN], 0, unwatched, lambda _: None)
    (failed,) = run.clips
    assert "ZeroDivisionError" in failed.failure
    assert "generate" in failed.traceback
    assert "ZeroDivisionError" in (tmp_path / READ_FIRST).read_text(encoding="utf-8")
    run = AcceptanceRun(DraftEngine, TWO_FRAMES, tmp_path, 1).go([ROOM_PAN], 0, unwatched, lambda _: None)
    assert [clip.failure for clip in run.clips] == [""]


@pytest.mark.parametrize("engine", ["vace", "wan-i2v", "sana-wm"])
def test_networks_with_random_weights_fill_a_folder(
    engine: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("diffusers", reason="diffusers is not installed: no network can run")
    monkeypatch.setenv(RANDOM_WEIGHTS, "tiny")
    asked = ["--size", "128x64", "--frames", "16", "--solves", "1", "--option", "steps=2"]
    command = ["bench", "acceptance", engine, "--out", str(tmp_path), "--only", "living-room-beside", *asked]
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 0, result.output
    run = msgspec.json.decode((tmp_path / RUN_FILE).read_bytes(), type=RunRecord)
    (clip,) = run.clips
    assert run.asked.random_weights
    assert clip.making is not None
    assert clip.making.steps == 2
    assert "memory plan whole" in clip.making.engine_version
    assert "Sampling" in [stage.stage for stage in clip.making.stages]
    assert clip.drift is not None, "of the network's own picture, which the photo was then laid back over"
    assert clip.truth is not None
    assert clip.truth.kept_seen is not None
    assert clip.truth.seen is not None
    assert clip.truth.kept_seen > clip.truth.seen + 3
    text = (tmp_path / READ_FIRST).read_text(encoding="utf-8")
    assert "random weights" in text
    assert "not solved" in text


def test_an_engine_without_weights_is_said_before_a_folder_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(RANDOM_WEIGHTS, "")
    monkeypatch.setenv("REALCAM_WEIGHTS", str(tmp_path / "none"))
    result = CliRunner().invoke(app, ["bench", "acceptance", "vace", "--out", str(tmp_path / "out")])
    assert result.exit_code == 1
    assert "cannot run" in result.output
    assert not (tmp_path / "out").exists()
