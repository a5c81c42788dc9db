"""A model in diffusers' layout: what is read is what was written, and nothing else is taken."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="torch is not installed: the model tests were not run")
pytest.importorskip("transformers", reason="transformers is not installed: the model tests were not run")
pytest.importorskip("diffusers", reason="diffusers is not installed: the model tests were not run")
pytest.importorskip("huggingface_hub", reason="huggingface_hub is not installed: the model tests were not run")

from diffusers import AutoencoderKL, DDIMScheduler  # noqa: E402
from safetensors.torch import load_file, save_file  # noqa: E402
from transformers import CLIPTextModel, CLIPTokenizer  # noqa: E402

from server.diffusion.schedule import noise_schedule  # noqa: E402
from server.model.config import NANO, REALCAM_256, REALCAM_512, REALCAM_1024, TINY, ModelConfig  # noqa: E402
from server.model.errors import CheckpointError  # noqa: E402
from server.model.model import RealCamModel, build_parts, random_model  # noqa: E402
from server.model.pretrained.hub_snapshot import fetch_snapshot  # noqa: E402
from server.model.pretrained.model_folder import open_model, save_model  # noqa: E402
from server.model.pretrained.part_configs import index_json, model_config, part_json, schedule_json  # noqa: E402
from server.model.tokenizer import ByteTokenizer, ClipTokenizer  # noqa: E402
from server.model.weights import checkpoint  # noqa: E402
from server.model.weights.load import load_model, part_sources  # noqa: E402
from server.model.weights.weights_sources import WeightsError  # noqa: E402
from server.training.nano.vocabulary import write_tokenizer  # noqa: E402


@pytest.fixture(scope="module")
def model() -> RealCamModel:
    return random_model(TINY, ByteTokenizer(TINY.clip.vocabulary), seed=5)


@pytest.fixture(scope="module")
def saved(model: RealCamModel, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pipelines") / "tiny"
    save_model(model, folder, shard_size="1MB")
    return folder


def same_tensors(one: RealCamModel, other: RealCamModel) -> bool:
    return all(
        state.keys() == (found := other.parts()[name].state_dict()).keys()
        and all(torch.equal(tensor, found[key]) for key, tensor in state.items())
        for name, state in ((name, part.state_dict()) for name, part in one.parts().items())
    )


def test_what_is_read_is_what_was_written(model: RealCamModel, saved: Path, tmp_path: Path) -> None:
    """In shards and in one file each; saved again over the very files that the weights are mapped from."""
    assert len(list((saved / "unet").glob("*.safetensors"))) > 2
    again = open_model(saved)
    assert (again.config, again.weights_hash, again.dtype) == (TINY, "random-tiny-5", torch.float32)
    assert same_tensors(model, again)
    assert torch.equal(again.tokenizer("A room").ids, model.tokenizer("A room").ids)
    shutil.copytree(saved, tmp_path / "tiny")
    mapped = open_model(tmp_path / "tiny")
    save_model(mapped, tmp_path / "tiny")
    assert [file.name for file in (tmp_path / "tiny" / "unet").glob("*.safetensors*")] == [
        "diffusion_pytorch_model.safetensors"
    ]
    assert same_tensors(model, mapped)
    assert same_tensors(model, open_model(tmp_path / "tiny"))


def test_slices_of_a_published_file_are_written_whole(model: RealCamModel, tmp_path: Path) -> None:
    """As loading published weights leaves them, in their own dtype: queries, keys and values share a tensor."""
    file: dict[str, torch.Tensor] = {}
    for name, found in part_sources(model.parts(), TINY).items():
        file |= checkpoint.to_published(found, model.parts()[name].state_dict())
    loaded = load_model(TINY, file, model.tokenizer, "published")
    save_model(loaded, tmp_path)
    assert same_tensors(model, open_model(tmp_path))


def test_in_half_precision(model: RealCamModel, saved: Path, tmp_path: Path) -> None:
    half = open_model(saved, dtype=torch.bfloat16)
    assert {p.dtype for part in half.parts().values() for p in part.parameters()} == {torch.bfloat16}
    save_model(half, tmp_path)
    again = open_model(tmp_path)
    assert again.dtype == torch.bfloat16
    assert same_tensors(half, again)


@pytest.mark.parametrize("config", [REALCAM_256, REALCAM_512, REALCAM_1024, NANO, TINY], ids=lambda c: c.name)
def test_every_variant_is_described_whole(config: ModelConfig) -> None:
    with torch.device("meta"):
        parts = build_parts(config)
    described = {name: json.loads(json.dumps(part_json(name, part, config))) for name, part in parts.items()}
    index = json.loads(json.dumps(index_json(config, "CLIPTokenizer")))
    assert model_config(index, described, schedule_json(config.schedule)) == config


def test_the_libraries_read_their_parts(model: RealCamModel, saved: Path, tmp_path: Path) -> None:
    """Each part that is theirs by their own `from_pretrained`, from the same folder."""
    vae = AutoencoderKL.from_pretrained(saved / "vae")
    text = CLIPTextModel.from_pretrained(saved / "text_encoder")
    for theirs, ours in ((vae, model.parts()["vae"]), (text, model.text_encoder)):
        state = theirs.state_dict()
        assert all(torch.equal(tensor, state[name]) for name, tensor in ours.state_dict().items())
    scheduler = DDIMScheduler.from_config(DDIMScheduler.load_config(saved / "scheduler"))
    ours_at = torch.from_numpy(noise_schedule(TINY.schedule).alphas_cumprod)
    assert torch.allclose(scheduler.alphas_cumprod.double(), ours_at, atol=1e-5)
    write_tokenizer(tmp_path)
    tokenizer = ClipTokenizer(tmp_path)
    (tmp_path / "saved").mkdir()
    told = tokenizer.save(tmp_path / "saved")
    (tmp_path / "saved" / "tokenizer_config.json").write_text(json.dumps(told))
    theirs = CLIPTokenizer.from_pretrained(tmp_path / "saved")
    ids = theirs("a dim hall", padding="max_length", truncation=True, return_tensors="pt").input_ids
    assert torch.equal(ids, tokenizer("a dim hall").ids)


def without(name: str) -> Callable[[Path], None]:
    return lambda folder: next(folder.glob(name)).unlink()


def of_another_pipeline(folder: Path) -> None:
    (folder / "model_index.json").write_text('{"_class_name": "WanPipeline"}')


def pickled(folder: Path) -> None:
    file = folder / "resampler" / "diffusion_pytorch_model.safetensors"
    torch.save(load_file(file), file.with_suffix(".bin"))
    file.unlink()


def changed_config(name: str, **values: object) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        file = folder / name
        file.write_text(json.dumps({**json.loads(file.read_text()), **values}))

    return change


def one_tensor_less(folder: Path) -> None:
    file = folder / "resampler" / "diffusion_pytorch_model.safetensors"
    tensors = load_file(file)
    tensors.pop("latents")
    save_file(tensors, file)


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (without("model_index.json"), r"holds no pipeline.*from_published"),
        (of_another_pipeline, "holds another pipeline.*WanPipeline"),
        (without("unet/*-00002-of-*"), "not whole.*00002"),
        (without("tokenizer/tokenizer_config.json"), "not whole.*tokenizer_config.json"),
        (pickled, "not whole.*only .safetensors are read, never a pickle"),
        (one_tensor_less, "not whole.*resampler lacks 1 tensors: latents"),
        (changed_config("unet/config.json", gates=3), "unet/config.json has gates, which is not known here"),
        (changed_config("resampler/config.json", channels=96), r"weights do not fit the model: .*by config.json"),
        (changed_config("resampler/config.json", channels="many"), r"does not describe our network.*resampler"),
        (changed_config("scheduler/scheduler_config.json", prediction_type="sample"), "'sample' is not known"),
        (changed_config("vae/config.json", block_out_channels=[]), "block_out_channels has no first width"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_refused(saved: Path, tmp_path: Path, damage: Callable[[Path], None], words: str) -> None:
    shutil.copytree(saved, tmp_path / "tiny")
    damage(tmp_path / "tiny")
    with pytest.raises(CheckpointError, match=words):
        open_model(tmp_path / "tiny")


def test_a_hub_that_cannot_be_reached_is_said(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"someone/realcam could not be fetched.*network.*a folder was meant"):
        fetch_snapshot("someone/realcam", cache_dir=tmp_path, endpoint="http://127.0.0.1:9")
    with pytest.raises(WeightsError, match="could not be fetched"):
        fetch_snapshot("someone/realcam", "0" * 40, cache_dir=tmp_path, local_files_only=True)
