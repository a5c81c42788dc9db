"""A training's result for others: its folder and card, and the same network as a choice of the engine."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed: the model tests were not run")
pytest.importorskip("diffusers", reason="diffusers is not installed: the model tests were not run")
pytest.importorskip("accelerate", reason="accelerate is not installed: the training was not run")

from safetensors.torch import load_file, save_file  # noqa: E402
from typer.testing import CliRunner  # noqa: E402

from blender_addon.core.programs import split_command  # noqa: E402
from server.cli import app  # noqa: E402
from server.engines.realcam.engine import RealCamEngine  # noqa: E402
from server.engines.realcam.memory.minimum_memory import LEAST  # noqa: E402
from server.engines.realcam.settings import read_settings  # noqa: E402
from server.engines.realcam.sources import SIZES, InstalledWeights  # noqa: E402
from server.model.config import REALCAM_256, TINY, TRAINABLE, VARIANTS, ModelConfig  # noqa: E402
from server.model.errors import CheckpointError  # noqa: E402
from server.model.model import random_model  # noqa: E402
from server.model.tokenizer import ByteTokenizer  # noqa: E402
from server.model.weights import checkpoint  # noqa: E402
from server.model.weights.camera_tensors import base_digest, camera_shapes, read_camera, tensors_file  # noqa: E402
from server.model.weights.load import CheckpointFiles, part_sources  # noqa: E402
from server.model.weights.own_networks import NETWORK_FILE, own_networks  # noqa: E402
from server.model.weights.tensor_files import open_tensors  # noqa: E402
from server.model.weights.weights_install import install  # noqa: E402
from server.model.weights.weights_store import WeightsStore  # noqa: E402
from server.training.checkpoints import CheckpointFacts, fingerprint, save_checkpoint  # noqa: E402
from server.training.config import DataSettings, RunSettings, TrainingConfig  # noqa: E402
from server.training.exports.model_card import short_path  # noqa: E402
from server.training.exports.run_record import record_run  # noqa: E402

SMALL = replace(TINY, name="small", size=(128, 64))
"""A variant that a laptop installs in a second."""


@cache
def tensors(config: ModelConfig, seed: int) -> dict[str, Any]:
    """A whole random model by published keys; nobody changes it."""
    parts = random_model(config, ByteTokenizer(config.clip.vocabulary), seed).parts()
    file: dict[str, Any] = {}
    for name, found in part_sources(parts, config).items():
        file |= checkpoint.to_published(found, parts[name].state_dict())
    return {key: tensor.clone().contiguous() for key, tensor in file.items()}


def camera_of(whole: dict[str, Any]) -> dict[str, Any]:
    return {key: tensor for key, tensor in whole.items() if checkpoint.CAMERA_KEY.search(key)}


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a base, a tokenizer, a store that has both installed, and a training's run."""
    monkeypatch.setitem(VARIANTS, SMALL.name, SMALL)
    monkeypatch.setitem(TRAINABLE, SMALL.name, SMALL)
    monkeypatch.setitem(SIZES, SMALL.size, SMALL)
    monkeypatch.setitem(LEAST, SMALL.name, LEAST["nano"])
    monkeypatch.setattr("server.engines.realcam.sources.shortage", lambda machine, variants: "")
    monkeypatch.setattr("server.model.weights.own_networks.SHIPPED", WeightsStore(tmp_path / "none"))
    published, trained = tensors(SMALL, 1), camera_of(tensors(SMALL, 2))
    save_file({k: t for k, t in published.items() if not checkpoint.CAMERA_KEY.search(k)}, tmp_path / "b.safetensors")
    save_file(published, tmp_path / "whole.safetensors")
    (tmp_path / "vocab.json").write_text('{"<|startoftext|>": 0, "<|endoftext|>": 1}')
    (tmp_path / "merges.txt").write_text("#version: 0.2\n")
    words = (tmp_path / "vocab.json", tmp_path / "merges.txt")
    store = WeightsStore(tmp_path / "store")
    install(store, SMALL, CheckpointFiles(tmp_path / "whole.safetensors"), words, (), lambda _: None)
    config = TrainingConfig(
        variant=SMALL.name, base=str(tmp_path / "b.safetensors"), tokenizer=str(tmp_path), out=str(tmp_path / "run"),
        data=DataSettings(train="data/halls/train"), run=RunSettings(batch=2, ema=0.5),
    )  # fmt: skip
    record_run(config, base_digest(open_tensors(Path(config.base))), 40, {"no frames": 2})
    mean = {key: t for key, t in camera_of(tensors(SMALL, 3)).items() if not key.endswith(".pe")}
    # As the loop keeps them: without the axes that the published layout has beside ours.
    mean |= {key: t.squeeze() for key, t in mean.items() if "in_conv.weight" in key}
    facts = CheckpointFacts(
        step=30, fingerprint=fingerprint(config), variant=SMALL.name, skipped=0, mix={"repeat": 1.0}, published=False
    )
    save_checkpoint(tmp_path / "run" / "checkpoints", facts, trained, {"mean": mean}, 1)
    (tmp_path / "run" / "validation.jsonl").write_text('{"step": 20, "loss": 0.5}\n{"step": 30, "loss": {"at 900": 0.2')
    return tmp_path


def realcam(*arguments: object, fails: bool = False) -> str:
    done = CliRunner().invoke(app, ["weights", *map(str, arguments)])
    assert (done.exit_code != 0) == fails, done.output
    return " ".join(done.output.split())


def test_from_a_run_to_a_choice_of_the_engine_and_back(place: Path) -> None:
    store = WeightsStore(place / "store")
    source = InstalledWeights(store)
    assert RealCamEngine(source).capability.options[0].name == "mode"

    realcam("export", place / "run", place / "Halls", "--licence", "CC BY 4.0")
    exported = load_file(place / "Halls" / "camera.safetensors")
    assert {key: t.shape for key, t in exported.items()} == camera_shapes(SMALL)
    assert all(torch.equal(t, exported[key]) for key, t in camera_of(tensors(SMALL, 2)).items())
    card = (place / "Halls" / "README.md").read_text()
    assert card.startswith("---\nlicense: cc-by-4.0\n")
    for words in ("CC BY 4.0", "40 clips, 2 left out", "2: no frames", "128 x 64", "| loss | 0.5 |", '"learning_rate"'):
        assert words in card

    realcam("add", place / "Halls", "--into", store.root)
    option = RealCamEngine(source).capability.options[0]
    assert (option.name, option.choices, option.default) == ("weights", ("published", "halls"), "published")
    assert "halls, your own: small, trained at 128 x 64, licence CC BY 4.0" in option.description
    assert "halls, your own" in RealCamEngine(source).capability.licence
    chosen = source.named(read_settings({"weights": "halls"}, source.weights()).weights)
    assert chosen.sizes() == (SMALL.size,)
    assert chosen.weights_hash(SMALL.size) not in ("", source.weights_hash(SMALL.size))
    model = chosen.load(SMALL.size, torch.device("cpu"), torch.float32)
    assert model.config.name == "halls on small"
    base = source.load(SMALL.size, torch.device("cpu"), torch.float32)
    assert torch.equal(model.unet.conv_in.weight, base.unet.conv_in.weight)
    weights = [m.unet.middle.temporal.epipolar.to_q.weight for m in (model, base)]
    assert not torch.equal(*weights)

    assert "The name is taken" in realcam("add", place / "Halls", "--into", store.root, fails=True)
    realcam("remove", "halls", "--into", store.root)
    assert own_networks(store) == ()
    assert "no network of your own called halls" in realcam("remove", "halls", "--into", store.root, fails=True)


def test_the_running_mean_and_a_base_of_its_own(place: Path) -> None:
    store = WeightsStore(place / "store")
    realcam("export", place / "run", place / "mean", "--ema")
    exported = load_file(place / "mean" / "camera.safetensors")
    mean = camera_of(tensors(SMALL, 3))
    tables = {key for key in mean if key.endswith(".pe")}
    assert all(torch.equal(exported[key], mean[key]) for key in mean.keys() - tables)
    assert "is there already" in realcam("export", place / "run", place / "mean", fails=True)

    facts = msgspec.json.decode((place / "mean" / NETWORK_FILE).read_bytes())
    (place / "mean" / NETWORK_FILE).write_bytes(msgspec.json.encode(facts | {"base": "another"}))
    assert "trained on another base" in realcam("add", place / "mean", "--into", store.root, fails=True)
    (place / "mean" / NETWORK_FILE).write_bytes(msgspec.json.encode(facts))
    elsewhere = WeightsStore(place / "elsewhere")
    refused = realcam("add", place / "mean", "--tokenizer", place, "--into", elsewhere.root, fails=True)
    assert "realcam weights get small" in refused
    realcam("add", place / "mean", "--base", place / "b.safetensors", "--tokenizer", place, "--into", elsewhere.root)
    alone = InstalledWeights(elsewhere)
    assert alone.weights().choices == ("mean",)
    assert RealCamEngine(alone).capability.sizes == (SMALL.size,)
    assert alone.named("mean").load(SMALL.size, torch.device("cpu"), torch.float32).config.frames == 16


def test_published_layouts_are_read_and_others_refused_in_words(place: Path) -> None:
    whole, root = tensors(SMALL, 2), place / "other"
    deepspeed = root / "deepspeed" / "checkpoint"
    deepspeed.mkdir(parents=True)
    halves = {"module": {f"_forward_module.{k}": t.half() for k, t in whole.items()}, "global_steps": 5}
    torch.save(halves, deepspeed / "mp_rank_00_model_states.pt")
    read = read_camera(deepspeed.parent, SMALL)
    assert read.keys() == camera_of(whole).keys()
    assert all(t.dtype == torch.float32 and torch.equal(t, whole[key].half().float()) for key, t in read.items())

    assert "--variant" in realcam("add", deepspeed.parent, "--into", place / "store", fails=True)
    assert "It has realcam-256" in realcam("add", deepspeed.parent, "--variant", "smal", "--into", place, fails=True)
    realcam("add", deepspeed.parent, "--variant", "small", "--into", place / "store")

    with pytest.raises(CheckpointError, match="are of another variant"):
        read_camera(deepspeed.parent, REALCAM_256)
    with pytest.raises(CheckpointError, match="no camera modules"):
        read_camera(place / "b.safetensors", SMALL)
    (root / "empty").mkdir()
    with pytest.raises(CheckpointError, match="no file of weights"):
        tensors_file(root / "empty")
    for name in ("._network.safetensors", "network.safetensors"):
        (root / "empty" / name).touch()
    assert tensors_file(root / "empty").name == "network.safetensors", "macOS writes the other on foreign disks"
    camera = camera_of(whole)
    first = next(key for key in camera if ".epipolar." in key)
    for broken, words in (
        ({k: t for k, t in camera.items() if k != first}, "1 tensors are missing"),
        (camera | {"pose_encoder.more": torch.zeros(1)}, "have no place"),
        (camera | {first: torch.full_like(camera[first], torch.nan)}, "not a number"),
        ({k: t * (".to_out." not in k) for k, t in camera.items()}, "untrained"),
        (camera | {first: torch.ones(3)}, "do not fit"),
    ):
        save_file(broken, root / "broken.safetensors")
        with pytest.raises(CheckpointError, match=words):
            read_camera(root / "broken.safetensors", SMALL)


def test_a_licence_that_the_hub_does_not_know_is_named(place: Path) -> None:
    realcam("export", place / "run", place / "Owned", "--licence", "of our house")
    assert (place / "Owned" / "README.md").read_text().startswith('---\nlicense: other\nlicense_name: "of our house"\n')


def test_an_export_can_be_shared(place: Path) -> None:
    realcam("export", place / "run", place / "Halls", "--licence", "ours | theirs\nand\x1b[31m yours")
    assert len({path.stat().st_mode for path in (place / "Halls").iterdir()}) == 1, "others can read all of it"
    card = (place / "Halls" / "README.md").read_text()
    assert str(place) not in card, "where the files lay is nobody else's matter"
    said = json.loads(card.partition("```json\n")[2].partition("```")[0])
    assert said["base"] == f"{place.name}/b.safetensors"
    assert (said["out"], said["data"]["train"]) == (f"{place.name}/run", "halls/train")
    table = card.partition("|---|---|\n")[2].partition("\n\n")[0].splitlines()
    assert all(line.startswith("| ") and line.replace("\\|", "").count("|") == 3 for line in table)
    assert table[0].startswith("| licence | ours \\| theirs and\\x1b[31m yours; ")
    realcam("add", place / "Halls", "--into", place / "store")
    (added,) = own_networks(WeightsStore(place / "store"))
    assert added.words.endswith("licence ours | theirs and\\x1b[31m yours")


@pytest.mark.parametrize(
    ("path", "short"),
    [
        ("", ""),
        ("model.ckpt", "model.ckpt"),
        ("/model.ckpt", "model.ckpt"),
        ("runs/nano/base/base.safetensors", "base/base.safetensors"),
        ("/scratch/secret/dynamicrafter-512/model.ckpt", "dynamicrafter-512/model.ckpt"),
        ("/home/anna/model.ckpt", "model.ckpt"),
        ("/Users/anna/bases/512/model.ckpt", "512/model.ckpt"),
        ("C:\\Users\\anna\\halls\\", "halls"),
        ("D:\\halls", "halls"),
        ("/home/anna", "~"),
    ],
)
def test_a_card_names_files_without_their_authors_folders(path: str, short: str) -> None:
    assert short_path(path) == short


def test_the_command_that_an_export_ends_with_can_be_pasted(place: Path) -> None:
    (place / "meine Räume").mkdir()
    said = realcam("export", place / "run", place / "meine Räume" / "Halle 2")
    program, *words = split_command(said.split("`")[1])
    assert program == "realcam"
    realcam(*words[1:], "--into", place / "store")
    assert [network.name for network in own_networks(WeightsStore(place / "store"))] == ["halle-2"]


@pytest.mark.parametrize("name", ["vace", "wan-i2v", "sana-wm", "realcam-512", "nano", "depth-pro", "published"])
def test_a_name_by_which_other_weights_are_known_is_taken(place: Path, name: str) -> None:
    realcam("export", place / "run", place / "Halls")
    said = realcam("add", place / "Halls", "--name", name, "--into", place / "store", fails=True)
    assert f"The name is taken: {name} means other weights. Give another with --name." in said
    assert own_networks(WeightsStore(place / "store")) == ()


@pytest.mark.parametrize("name", ["con", "nul", "lpt1", "aux.net", "a.", "../a", "Halls"])
def test_a_name_that_can_be_no_folder_on_every_system_is_refused(place: Path, name: str) -> None:
    realcam("export", place / "run", place / "Halls")
    said = realcam("add", place / "Halls", "--name", name, "--into", place / "store", fails=True)
    assert f"The name cannot be a network's: {name!r}" in said
    assert own_networks(WeightsStore(place / "store")) == ()


def test_an_export_is_held_to_what_it_says(place: Path) -> None:
    realcam("export", place / "run", place / "Halls")
    file, tensors_in = place / "Halls" / NETWORK_FILE, place / "Halls" / "camera.safetensors"
    facts, whole = json.loads(file.read_text()), tensors_in.read_bytes()

    def refused() -> str:
        return realcam("add", place / "Halls", "--into", place / "store", fails=True)

    tensors_in.write_bytes(whole[:-4] + b"\0\0\0\x3f")
    assert "The file is not the one that its folder describes" in refused()
    tensors_in.write_bytes(whole)
    for change, words in (
        ({"size": [-64, 0]}, "size is [-64, 0], and can be two multiples of 64"),
        ({"size": [96, 64]}, "size is [96, 64], and can be two multiples of 64"),
        ({"steps": -1}, "steps is -1, and can be 0 or more"),
        ({"forms": {"repeat": -0.5}}, "forms is {'repeat': -0.5}, and can be shares"),
        ({"variant": "large"}, "The engine has no such variant: large"),
    ):
        file.write_text(json.dumps(facts | change))
        assert words in refused()
    file.write_text(json.dumps(facts)[:-9])
    assert "What the folder says of its network cannot be read" in refused()
    assert own_networks(WeightsStore(place / "store")) == ()

    file.write_text(json.dumps(facts | {"licence": "a\nb"}))
    assert "licence a b A server offers it" in realcam("add", place / "Halls", "--into", place / "store")


def test_what_is_no_network_is_said(place: Path) -> None:
    def refused(name: str, *more: object) -> str:
        return realcam("add", place / name, *more, "--into", place / "store", fails=True)

    assert f"The network is not there: {place / 'nowhere'}. Check the path" in refused("nowhere")
    assert "The network is not there" in refused("nowhere", "--variant", "small")
    (place / "empty").mkdir()
    (place / "empty" / ".DS_Store").touch()
    assert f"The folder is empty: {place / 'empty'}." in refused("empty")
    export = f"Run `realcam weights export {place / 'run'} FOLDER` first"
    assert export in refused("run")
    assert export in refused("run", "--variant", "small")
    assert "no file of weights" in refused("run/checkpoints")
    (place / "empty" / "model_index.json").touch()
    assert "The folder is a pipeline's" in refused("empty")


def test_a_base_that_no_command_fetches_is_not_said_to_be_fetched(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    realcam("export", place / "run", place / "Halls")
    monkeypatch.delitem(VARIANTS, SMALL.name)
    refused = realcam("add", place / "Halls", "--tokenizer", place, "--into", place / "elsewhere", fails=True)
    assert "Install the server again, or name the file of its base with --base." in refused


def cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:5000])


def spoil(file: Path) -> None:
    file.write_bytes(b"{")


@pytest.mark.parametrize(
    ("name", "damage"), [("camera.safetensors", cut), ("state.pt", cut), ("checkpoint.json", spoil)]
)
def test_a_damaged_checkpoint_is_not_exported(place: Path, name: str, damage: Callable[[Path], None]) -> None:
    (file,) = (place / "run" / "checkpoints").glob(f"*/{name}")
    damage(file)
    assert "The checkpoint cannot be used" in realcam("export", place / "run", place / "Halls", fails=True)
    assert not (place / "Halls").exists()


def test_measurements_that_a_power_cut_damaged_are_left_out(place: Path) -> None:
    file = place / "run" / "validation.jsonl"
    file.write_bytes(b'{"step": 20, "loss": 0.25}\n{"step": 3\xff\x00, "loss": 0.5}\n')
    realcam("export", place / "run", place / "Halls")
    assert "| loss | 0.25 |" in (place / "Halls" / "README.md").read_text()
