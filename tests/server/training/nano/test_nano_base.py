"""The base's training, on a VAE that has learned nothing: it resumes exactly, and what it gives is a base."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("torch", reason="torch is not installed: the model tests were not run")
pytest.importorskip("diffusers", reason="diffusers is not installed: the model tests were not run")

import torch

from server.model.config import NANO
from server.model.model import RealCamModel
from server.model.tokenizer import ClipTokenizer
from server.model.weights.load import load_model
from server.model.weights.tensor_files import Union, open_tensors
from server.training.nano.base_learner import BaseLearner
from server.training.nano.base_model import TOKENIZER, new_base, write_base
from server.training.nano.config import BasePace
from server.training.nano.latent_cache import LatentCache
from server.training.nano.loop import NanoTraining, Pace, begun
from server.training.nano.vae_files import VaeFacts, write_vae
from server.training.nano.vae_learner import new_vae
from server.training.nano.world_clips import open_worlds
from server.training.start import blank_camera

PACE = Pace(steps=2, batch=1, learning_rate=1e-3, warmup=2, log_every=1, checkpoint_every=1, precision="bf16")


def test_a_base_resumes_exactly_and_is_what_the_camera_training_begins_with(
    worlds: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.training.nano.base_learner.TIMESTEPS", (500,))
    monkeypatch.setattr("server.training.nano.base_learner.SAMPLED", 1)
    monkeypatch.setattr("server.training.nano.base_learner.SAMPLE_STEPS", 1)
    (tmp_path / "vae").mkdir()
    write_vae(tmp_path / "vae", new_vae(NANO.vae, 0), VaeFacts(psnr=0.0, steps=0))

    def training(name: str) -> tuple[NanoTraining, RealCamModel]:
        model = new_base(NANO, tmp_path / "vae", tmp_path / name, seed=0)
        train, validation = open_worlds(worlds)
        cache = LatentCache(model.vae, tmp_path / "latents")
        return NanoTraining(
            BaseLearner(
                model, train, validation, cache, cache, 1, 0, BasePace(steps=1, batch=1, learning_rate=0.0).mix
            ),
            PACE,
            tmp_path / name,
        ), model

    whole, _ = training("whole")
    wanted = [line["loss"] for line in whole.run() if "loss" in line]
    list(training("stopped")[0].run(steps=1))
    assert begun(tmp_path / "stopped")
    assert not begun(tmp_path / "nothing")
    second, model = training("stopped")
    assert second.resume()
    assert [line["loss"] for line in second.run() if "loss" in line] == wanted[1:]
    assert (tmp_path / "whole" / "samples.png").is_file()

    write_base(model, tmp_path / "base.safetensors")
    file = Union([open_tensors(tmp_path / "base.safetensors"), blank_camera(NANO)])
    loaded = load_model(NANO, file, ClipTokenizer(tmp_path / "stopped" / TOKENIZER), "nano")
    for name, part in loaded.parts().items():
        if name != "pose_encoder":
            own = model.parts()[name].state_dict()
            base = {k: v for k, v in part.state_dict().items() if ".epipolar." not in k and ".plucker" not in k}
            assert all(torch.equal(value, own[key]) for key, value in base.items())
