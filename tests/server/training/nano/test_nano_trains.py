"""A training of camera modules on the base of the nano network that ships."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

torch = pytest.importorskip("torch", reason="torch is not installed: the model tests were not run")
pytest.importorskip("diffusers", reason="diffusers is not installed: the model tests were not run")
pytest.importorskip("accelerate", reason="accelerate is not installed: the training was not run")
pytest.importorskip("embreex", reason="embreex has no wheel for this machine: worlds cannot be rendered")

from safetensors.torch import load_file, save_file  # noqa: E402

from server.cli import app  # noqa: E402
from server.model.config import NANO  # noqa: E402
from server.model.weights.checkpoint import CAMERA_KEY  # noqa: E402
from server.model.weights.own_networks import SHIPPED  # noqa: E402
from server.training.checkpoints import CAMERA, complete  # noqa: E402
from server.training.run_folder import MetricsFile  # noqa: E402
from tests.support.model.tiny_training import forget_precision  # noqa: E402
from tests.support.worlds.small_set import render_small_set  # noqa: E402

STEPS, KILLED_AFTER = 30, 27


def test_thirty_steps_lower_the_validation_loss_and_resume_exactly(tmp_path: Path) -> None:
    """On its base, from camera modules that know nothing; killed after step 27, its tensors are the same."""
    worlds = render_small_set(tmp_path, 1)
    whole = load_file(SHIPPED.model_file(NANO.name))
    save_file({key: t.float() for key, t in whole.items() if not CAMERA_KEY.search(key)}, tmp_path / "base.safetensors")
    forget_precision()
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        run = train(worlds, tmp_path)
        once = load_file(complete(run / "checkpoints")[-1] / CAMERA)
        curve = [line for line in MetricsFile(run).lines() if "validation/loss" in line]
        shutil.rmtree(complete(run / "checkpoints")[-1])
        assert complete(run / "checkpoints")[-1].name.endswith(f"{KILLED_AFTER}")
        resumed = load_file(complete(train(worlds, tmp_path) / "checkpoints")[-1] / CAMERA)
    finally:
        torch.set_num_threads(threads)
        forget_precision()
    assert all(torch.equal(tensor, resumed[key]) for key, tensor in once.items())
    assert [line["step"] for line in curve] == [0, STEPS]
    before, after = (line["validation/loss"] for line in curve)
    assert before is not None
    assert after is not None
    assert after < 0.99 * before


def train(worlds: Path, place: Path) -> Path:
    """The folder of a training that has come to its end."""
    config = place / "train.toml"
    config.write_text(f"""
variant = "nano"
base = {str(place / "base.safetensors")!r}
tokenizer = {str(SHIPPED.folder(NANO.name))!r}
out = {str(place / "run")!r}
dropout = 0.0
timestep_shift = 12.0
correspondence = 0.05
condition_frame = "first"
[data]
train = {str(worlds / "train")!r}
stride = [1, 1]
workers = 0
cache = {str(place / "cache")!r}
[optimizer]
learning_rate = 5e-4
max_gradient_norm = 0.5
warmup_steps = 5
[run]
steps = {STEPS}
batch = 4
batch_per_process = 4
precision = "bf16"
checkpoint_every = {KILLED_AFTER}
keep = 2
[validation]
every = {STEPS}
loss_clips = 2
timesteps = [850, 950]
sampled_clips = 0
""")
    done = CliRunner().invoke(app, ["train", str(config)])
    assert done.exit_code == 0, done.output
    return place / "run"
