"""The nano network's configuration, its words, and the training of its VAE on rendered frames."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="torch is not installed: the model tests were not run")
pytest.importorskip("diffusers", reason="diffusers is not installed: the model tests were not run")

import torch

from server.model.config import NANO
from server.model.model import build_parts
from server.model.tokenizer import ClipTokenizer
from server.training.checkpoints import TrainingError
from server.training.nano.loop import NanoTraining, Pace
from server.training.nano.vae_files import VaeFacts, normalise_latents, read_vae, write_vae
from server.training.nano.vae_learner import VaeLearner, new_vae
from server.training.nano.vocabulary import write_tokenizer
from server.training.nano.world_clips import WorldClips, open_worlds
from server.training.run_folder import MetricsFile

VAE = replace(NANO.vae, channels=8, channel_mult=(1, 1, 1, 1))
PACE = Pace(steps=3, batch=2, learning_rate=1e-3, warmup=2, log_every=1, checkpoint_every=2)


def learner(worlds: Path, seed: int = 0) -> VaeLearner:
    """A VAE of a few channels on these clips."""
    return VaeLearner(new_vae(VAE, 0), *open_worlds(worlds), batch=2, seed=seed)


def test_all_parts_have_under_12_million_numbers() -> None:
    with torch.device("meta"):
        parts = build_parts(NANO)
    assert sum(p.numel() for part in parts.values() for p in part.parameters()) < 12e6


def test_every_word_of_a_caption_is_one_token(tmp_path: Path) -> None:
    write_tokenizer(tmp_path)
    tokenizer = ClipTokenizer(tmp_path)
    ids = tokenizer("a dim vast hall with cracked stone, green slime, under the sky").ids[0]
    assert int((ids > 0).sum()) == 2 + 12 + 2  # start and end, words, commas
    assert int(tokenizer("Ein Zimmer, größer als dieses").ids.max()) < NANO.clip.vocabulary


def test_half_written_clips_are_left_out_and_new_ones_are_taken(worlds: Path) -> None:
    clips = WorldClips(worlds / "train")
    assert clips.names == ("000000-E1M1", "000001-E1M2")
    (worlds / "train" / ".000002-E1M3.part").rename(worlds / "train" / "000002-E1M3")
    clips.look_again()
    assert len(clips) == 3
    assert clips.caption(2) == "a bright hall with rock, metal"


def test_a_training_that_was_stopped_gives_the_same_numbers(worlds: Path, tmp_path: Path) -> None:
    whole = NanoTraining(learner(worlds), PACE, tmp_path / "whole")
    wanted = [line["loss"] for line in whole.run() if "loss" in line]
    before = NanoTraining(learner(worlds), PACE, tmp_path / "stopped").run()
    next(line for line in before if line["step"] == 3)
    with pytest.raises(TrainingError, match="has seed 0, not 1"):
        NanoTraining(learner(worlds, seed=1), PACE, tmp_path / "stopped").resume()
    second = NanoTraining(learner(worlds), PACE, tmp_path / "stopped")
    assert second.resume()
    assert [line["loss"] for line in second.run() if "loss" in line] == wanted[2:]
    for key, value in whole.parameters.items():
        assert torch.equal(second.parameters[key], value)
        assert torch.equal(second.mean[key], whole.mean[key])
    logged = [line["step"] for line in MetricsFile(tmp_path / "stopped").lines() if "loss" in line]
    assert logged == [1, 2, 3]
    assert (tmp_path / "whole" / "reconstructions.png").is_file()


def test_normalised_latents_have_unit_variance_and_give_the_same_pictures(worlds: Path, tmp_path: Path) -> None:
    made = learner(worlds)
    pictures = made.clips.pictures([(0, 3), (1, 5)])
    with torch.no_grad():
        before = made.network.decode(made.network.encode(pictures).latent_dist.mean).sample
        normalise_latents(made.network, *made.latent_statistics(pictures=16))
        mean, spread = made.latent_statistics(pictures=16)
        write_vae(tmp_path, made.network, VaeFacts(psnr=20.0, steps=3))
        again = read_vae(tmp_path, VAE)
        after = again.decode(again.encode(pictures).latent_dist.mean).sample
    assert torch.allclose(mean, torch.zeros(8), atol=1e-4)
    assert torch.allclose(spread, torch.ones(8), atol=1e-4)
    assert torch.allclose(before, after, atol=1e-4)


def test_colour_comes_through_before_anything_is_learned() -> None:
    """Latents of two colours of one brightness are apart by several times the noise that is added to them."""
    network = new_vae(NANO.vae, 0)
    colours = torch.tensor([[0.6, -0.3, -0.3], [-0.3, 0.6, -0.3]])
    with torch.no_grad():
        latent = network.encode(colours[:, :, None, None].expand(2, 3, 64, 128)).latent_dist
    apart = (latent.mean[0] - latent.mean[1]).square().mean().sqrt()
    assert apart > 3 * latent.std.mean()
