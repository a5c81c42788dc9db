"""The nano network from its trainings' folders to a choice of the engine that says what it is, and networks on it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
import pytest

pytest.importorskip("torch", reason="torch is not installed: the model tests were not run")
pytest.importorskip("diffusers", reason="diffusers is not installed: the model tests were not run")
pytest.importorskip("accelerate", reason="accelerate is not installed: the training was not run")

import torch
from safetensors.torch import load_file, save_file
from typer.testing import CliRunner

from server.cli import app
from server.demo.motorcycle import Motorcycle
from server.engines.realcam.engine import RealCamEngine
from server.engines.realcam.sampling_options import told_fps
from server.engines.realcam.sources import InstalledWeights
from server.model.config import NANO, REALCAM_256
from server.model.model import random_model
from server.model.tokenizer import ByteTokenizer
from server.model.weights import checkpoint, own_networks
from server.model.weights.camera_tensors import base_digest
from server.model.weights.load import part_sources
from server.model.weights.tensor_files import open_tensors
from server.model.weights.weights_store import WeightsStore
from server.training.checkpoints import CheckpointFacts, fingerprint, save_checkpoint
from server.training.config import DataSettings, TrainingConfig
from server.training.exports.run_record import record_run
from server.training.nano.vocabulary import write_tokenizer
from tests.support.shots import realcam_shot, sideways


@dataclass(frozen=True)
class Trained:
    """Folders as the trainings leave them, of random weights.

    Attributes:
        config: file of the VAE's and the base's training.
        run: folder of the camera modules' training.
        base: folder of the base.
    """

    config: Path
    run: Path
    base: Path


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    place = tmp_path_factory.mktemp("trained")
    (place / "base").mkdir()
    parts = random_model(NANO, ByteTokenizer(NANO.clip.vocabulary), seed=1).parts()
    whole: dict[str, torch.Tensor] = {}
    for name, found in part_sources(parts, NANO).items():
        whole |= checkpoint.to_published(found, parts[name].state_dict())
    whole = {key: tensor.clone().contiguous() for key, tensor in whole.items()}
    camera = {key: tensor for key, tensor in whole.items() if checkpoint.CAMERA_KEY.search(key)}
    save_file({k: t for k, t in whole.items() if k not in camera}, place / "base" / "base.safetensors")
    write_tokenizer(place / "base" / "tokenizer")
    pace = "steps = 1\nbatch = 1\nlearning_rate = 1e-3\n"
    config = place / "nano.toml"
    config.write_text(f"worlds = 'w'\nout = {str(place)!r}\n[vae]\n{pace}[base]\n{pace}")
    run = TrainingConfig(
        variant="nano", base=str(place / "base" / "base.safetensors"), tokenizer=str(place / "base" / "tokenizer"),
        out=str(place / "run"), data=DataSettings(train=str(place / "worlds" / "train")),
    )  # fmt: skip
    record_run(run, base_digest(open_tensors(Path(run.base))), 40, {})
    facts = CheckpointFacts(
        step=30, fingerprint=fingerprint(run), variant="nano", skipped=0, mix={"repeat": 1.0}, published=False
    )
    save_checkpoint(place / "run" / "checkpoints", facts, camera, {"mean": {}}, 1)
    return Trained(config, place / "run", place / "base")


def realcam(*arguments: object) -> str:
    done = CliRunner().invoke(app, [*map(str, arguments)])
    assert done.exit_code == 0, done.output
    return " ".join(done.output.split())


def test_what_ships_is_a_choice_of_the_engine_that_says_what_it_is(
    trained: Trained, bike: Motorcycle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shipped = WeightsStore(tmp_path / "code")
    monkeypatch.setattr(own_networks, "SHIPPED", shipped)
    said = realcam("nano", "ship", trained.config, trained.run, "--into", shipped.root)
    assert "30 steps" in said
    assert shipped.model_file("nano").stat().st_size < 25e6
    assert {tensor.dtype for tensor in load_file(shipped.model_file("nano")).values()} == {torch.float16}
    card = (shipped.folder("nano") / "README.md").read_text(encoding="utf-8")
    for words in (NANO.caution.capitalize(), "Contributors to the Freedoom project", "base/base.safetensors"):
        assert words in card
    assert str(trained.base.parent) not in card

    assert "camera a metre of motion changes" in realcam("weights", "check", "nano", "--into", tmp_path / "none")

    engine = RealCamEngine(InstalledWeights(WeightsStore(tmp_path / "none")))
    capability = engine.capability
    assert capability.unavailable == ""
    assert capability.sizes == ((64, 64), (128, 64), (64, 128))
    assert capability.draft
    option = capability.options[0]
    assert (option.name, option.choices, option.default) == ("weights", ("nano",), "nano")
    assert NANO.caution in option.note_of("nano")
    assert isinstance(capability.notice, str)
    assert NANO.caution in capability.notice
    assert "`realcam weights get realcam-512`" in capability.notice

    clip = engine.generate(realcam_shot(bike, sideways(4, 64, 64)), lambda _: None)
    assert clip.frames.shape == (4, 64, 64, 3)
    assert clip.notes == (f"Made by nano, {NANO.caution}.",)
    assert clip.metadata.draft
    assert ", nano, torch" in clip.metadata.engine_version
    assert "float32 on" in clip.metadata.engine_version
    facts = msgspec.json.decode((shipped.folder("nano") / "network.json").read_bytes())
    assert clip.metadata.weights_hash == facts["sha256"]


def test_modules_that_were_trained_on_it_run_on_what_ships_or_on_a_base_of_their_own(
    trained: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shipped, store = WeightsStore(tmp_path / "code"), WeightsStore(tmp_path / "weights")
    monkeypatch.setattr(own_networks, "SHIPPED", shipped)
    realcam("weights", "export", trained.run, tmp_path / "halls")
    own = ("--base", trained.base / "base.safetensors", "--tokenizer", trained.base / "tokenizer", "--name", "alone")
    realcam("weights", "add", tmp_path / "halls", "--into", store.root, *own)
    source = InstalledWeights(store)
    assert source.weights().choices == ("alone",)

    realcam("nano", "ship", trained.config, trained.run, "--into", shipped.root)
    said = realcam("weights", "add", tmp_path / "halls", "--into", store.root)
    assert f"halls, your own: nano, {NANO.caution}" in said
    assert source.weights().choices == ("alone", "halls", "nano")
    models = [source.named(name).load(NANO.size, torch.device("cpu"), torch.float32) for name in ("alone", "halls")]
    assert [model.config.name for model in models] == ["alone on nano", "halls on nano"]
    one, other = (model.unet.conv_in.weight for model in models)
    assert torch.equal(one.half(), other.half()), "the base that ships is in half the bits"
    realcam("weights", "remove", "halls", "--into", store.root)
    assert source.weights().choices == ("alone", "nano")


def test_the_network_is_told_the_speed_that_it_was_trained_with() -> None:
    assert [told_fps(fps, NANO) for fps in (4.0, 12.0, 60.0)] == [1, 1, 1]
    assert [told_fps(fps, REALCAM_256) for fps in (4.0, 12.0, 60.0)] == [6, 2, 1]


def test_the_colours_of_latents_are_those_of_the_vae() -> None:
    """Of a random network half of the light is told by a linear map, and dark is darker than bright."""
    vae = random_model(NANO, ByteTokenizer(NANO.clip.vocabulary)).vae
    assert vae.colours.shape == (9, 3)
    ramp = torch.linspace(-0.8, 0.8, 128).expand(1, 3, 1, 64, 128)
    latents = vae.encode(ramp, None)[0, :, 0]
    row = (latents.permute(1, 2, 0) @ vae.colours[:-1] + vae.colours[-1]).mean(dim=(0, 2)).numpy()
    assert np.corrcoef(row, np.linspace(-0.8, 0.8, 16))[0, 1] > 0.7
