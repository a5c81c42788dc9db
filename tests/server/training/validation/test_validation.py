"""What is measured on held-out clips while a training runs: the same each time, it tells what is learned."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

torch = pytest.importorskip("torch", reason="torch is not installed: the model tests were not run")
pytest.importorskip("diffusers", reason="diffusers is not installed: the model tests were not run")
pytest.importorskip("accelerate", reason="accelerate is not installed: the training was not run")

from blender_addon.core.camera.trajectory import Trajectory  # noqa: E402
from server.cli import app  # noqa: E402
from server.evaluation.records import PublishedErrors  # noqa: E402
from server.model.config import TRAINABLE  # noqa: E402
from server.training.camera import metric_poses  # noqa: E402
from server.training.checkpoints import complete  # noqa: E402
from server.training.config import read_config  # noqa: E402
from server.training.data.first_depth import near_plane  # noqa: E402
from server.training.data.frame_choice import FrameChoice  # noqa: E402
from server.training.data.samples import chosen_sample  # noqa: E402
from server.training.run_folder import MetricsFile  # noqa: E402
from server.training.validation.sampled_clips import SampledClip, found_camera, mean_errors  # noqa: E402
from server.training.validation.validation import first_depth, held_out_clips  # noqa: E402
from tests.support.model.tiny_training import (  # noqa: E402
    NAME,
    SIDE,
    SMALLER,
    TinyTraining,
    forget_precision,
    write_tiny_training,
)

MEASURED = "[validation]\nevery = 100\ntimesteps = [100, 600]\nsampling_steps = 1\nsampled_clips = 1"


@pytest.fixture
def tiny(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[TinyTraining]:
    monkeypatch.setitem(TRAINABLE, NAME, SMALLER)
    forget_precision()
    yield write_tiny_training(tmp_path)
    forget_precision()


def test_before_and_after_a_few_steps(tiny: TinyTraining) -> None:
    """Before, the network is its base; then the loss with the clip's own camera falls, below that with another's."""
    config = tiny.config(MEASURED, "steps = 4")
    result = CliRunner().invoke(app, ["train", str(config)])
    assert result.exit_code == 0, result.output
    assert "2 held-out clips" in result.output
    before, after = (line for line in MetricsFile(tiny.out).lines() if "validation/loss" in line)
    assert (before["step"], after["step"]) == (0, 4)
    assert before["validation/loss"] == before["validation/loss_without_camera"]
    assert before["validation/change_by_camera"] == before["validation/change_by_another_camera"] == 0
    unmoved = after["validation/loss_without_camera"]
    assert unmoved == before["validation/loss_without_camera"]
    assert unmoved is not None
    own, other = after["validation/loss"], after["validation/loss_of_another_camera"]
    assert own is not None
    assert other is not None
    assert own < other
    assert own < unmoved
    assert (after["validation/change_by_camera"] or 0) > (after["validation/change_by_another_camera"] or 0) > 0
    assert own == pytest.approx(np.mean([after[f"validation/loss/t{t}"] for t in (100, 600)]))
    assert after["validation/camera_found"] == 0, "a random network follows nothing"
    sheets = sorted(path.name for path in (tiny.out / "samples").iterdir())
    assert sheets == ["step-00000000.png", "step-00000004.png"]
    with Image.open(tiny.out / "samples" / sheets[0]) as sheet:
        assert sheet.width > 3 * SIDE


def test_in_bfloat16_with_encoders_held_in_16_bits(tiny: TinyTraining) -> None:
    """Tokens of rounded weights give about the same losses."""
    found = []
    for base, sampled in (("float32", 0), ("bf16", 1)):
        measured = f"{MEASURED[:-1]}{sampled}\nloss_clips = 1"
        file = tiny.config(measured, f"steps = 1\nbase = {base!r}", out=str(tiny.out / base))
        file.write_text(file.read_text().replace("precision = 'no'", "precision = 'bf16'"))
        result = CliRunner().invoke(app, ["train", str(file)])
        assert result.exit_code == 0, result.output
        found.append(
            [line.get("train/loss", line.get("validation/loss")) for line in MetricsFile(tiny.out / base).lines()]
        )
    assert found[1] == pytest.approx(found[0], rel=1e-2)
    assert found[1] != found[0]


def test_a_clip_that_is_no_picture_ends_no_training(tiny: TinyTraining) -> None:
    """Guidance so strong that it overflows: nothing was found in such a clip, and the step's checkpoint is there."""
    config = tiny.config(f"{MEASURED}\nguidance = 1e38".replace("every = 100", "every = 1"), "steps = 1")
    result = CliRunner().invoke(app, ["train", str(config)])
    assert result.exit_code == 0, result.output
    before, after = (line for line in MetricsFile(tiny.out).lines() if "validation/loss" in line)
    assert after["validation/camera_found"] == before["validation/camera_found"] == 0
    assert [path.name for path in complete(tiny.out / "checkpoints")] == ["step-00000001"]


def test_at_relative_scale_a_clip_has_a_unit_of_its_own(tiny: TinyTraining) -> None:
    """A twentieth of the first frame is nearer than 1.25 of them; what is measured does not depend on the unit."""
    config = read_config(tiny.config(MEASURED))
    data = msgspec.structs.replace(config.data, scale="relative")
    relative = held_out_clips(msgspec.structs.replace(config, data=data))
    absolute = held_out_clips(config)
    assert relative is not None
    assert absolute is not None
    chosen = [0, 4, 8]
    found: list[PublishedErrors] = []
    for clips in (absolute, relative):
        sample = chosen_sample(clips[1], (SIDE, SIDE), FrameChoice(0, 4, 3))
        asked = metric_poses(sample.paths, torch.zeros(1, dtype=torch.int64))[0].double().numpy()
        depth = first_depth(clips[1])
        assert depth is not None
        camera = Trajectory(asked, clips[1].intrinsics[chosen], SIDE, SIDE)
        _, errors = found_camera("d", clips[1].read(chosen), camera, depth)
        assert errors is not None
        found.append(errors)
    assert np.nanpercentile(depth.depth, 5) == pytest.approx(1.25)
    assert relative[1].scales == pytest.approx(
        np.full(9, 1.25 / near_plane(tiny.folder / "validation/e/depth/0000.png"))
    )
    assert found[1].trans_err_abs == pytest.approx(found[0].trans_err_abs, rel=0.05)
    (tiny.folder / "validation/e/depth/0000.png").unlink()
    lacking = held_out_clips(msgspec.structs.replace(config, data=data))
    assert lacking is not None
    assert [len(lacking), lacking.refused] == [1, {"no depth of the first frame, which sets the relative scale": 1}]


def test_the_camera_of_a_clip_as_it_was_filmed_is_found(tiny: TinyTraining) -> None:
    """By direct alignment: the depth of its first frame lies beside the frames."""
    held_out = held_out_clips(read_config(tiny.config(MEASURED)))
    assert held_out is not None
    clip, other = held_out[1], held_out[0]
    chosen = [0, 4, 8]
    depth = first_depth(clip)
    frames = clip.read(chosen)
    asked = Trajectory(clip.camera_to_world[chosen], clip.intrinsics[chosen], SIDE, SIDE)
    wrong = replace(asked, camera_to_world=other.camera_to_world[chosen])
    found, errors = found_camera(clip.name, frames, asked, depth)
    _, apart = found_camera(clip.name, frames, wrong, depth)
    assert found
    assert errors is not None
    assert apart is not None
    assert errors.cam_mc_abs is not None
    assert apart.cam_mc_abs is not None
    assert errors.cam_mc_abs < 0.1 < 10 * errors.cam_mc_abs < apart.cam_mc_abs
    lost = SampledClip("lost", frames, frames, None, False)
    seen = SampledClip(clip.name, frames, frames, errors, True)
    assert mean_errors([lost, seen])["camera_found"] == 0.5
    assert mean_errors([lost, seen])["rot_err"] == errors.rot_err
    assert mean_errors([replace(lost, solved=None)]) == {}
    assert mean_errors([seen], failed=3)["camera_found"] == 0.25
