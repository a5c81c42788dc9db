"""Checkpoints in every layout they were published in, and those that must be refused."""

from __future__ import annotations

import json
import math
import os
import re
import struct
import zipfile
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="torch is not installed: the model tests were not run")
pytest.importorskip("transformers", reason="transformers is not installed: the model tests were not run")
pytest.importorskip("diffusers", reason="diffusers is not installed: the model tests were not run")

from safetensors.torch import save_file  # noqa: E402
from transformers import DepthAnythingForDepthEstimation  # noqa: E402

from server.depth.catalogue import CARDS, TRAINED_WITH  # noqa: E402
from server.depth.depth_anything import configuration  # noqa: E402
from server.depth.published_weights import converted, read_published  # noqa: E402
from server.model.config import REALCAM_256, REALCAM_512, TINY, ModelConfig  # noqa: E402
from server.model.errors import CheckpointError  # noqa: E402
from server.model.model import RealCamModel, build_parts, random_model  # noqa: E402
from server.model.tokenizer import ByteTokenizer  # noqa: E402
from server.model.weights import checkpoint  # noqa: E402
from server.model.weights.load import CheckpointFiles, check_keys, load_model, open_checkpoint, part_sources  # noqa: E402
from tests.server.published.parity import ParityKit  # noqa: E402

TOKENIZER = ByteTokenizer(TINY.clip.vocabulary)


@pytest.fixture(scope="module")
def model() -> RealCamModel:
    return random_model(TINY, TOKENIZER, seed=5)


@pytest.fixture(scope="module")
def published(model: RealCamModel) -> dict[str, Any]:
    """The random model under its published keys, with the leftovers that real files carry."""
    parts = model.parts()
    file: dict[str, Any] = {}
    for name, found in part_sources(parts, TINY).items():
        file |= checkpoint.to_published(found, parts[name].state_dict())
    file["cond_stage_model.model.logit_scale"] = torch.zeros(())
    file["cond_stage_model.model.transformer.resblocks.2.ln_1.bias"] = torch.zeros(48)
    file["embedder.model.ln_final.bias"] = torch.zeros(48)
    file["betas"] = torch.zeros(1000)
    return {key: tensor.clone().contiguous() for key, tensor in file.items()}


def camera_part(file: dict[str, Any]) -> dict[str, Any]:
    return {key: t for key, t in file.items() if checkpoint.CAMERA_KEY.search(key)}


def base_part(file: dict[str, Any]) -> dict[str, Any]:
    return {key: t for key, t in file.items() if not checkpoint.CAMERA_KEY.search(key)}


def old_names(file: dict[str, Any]) -> dict[str, Any]:
    return {key.replace("fps_embedding", "framestride_embed"): t for key, t in file.items()}


def same(ours: RealCamModel, theirs: RealCamModel) -> bool:
    pairs = zip(ours.parts().values(), theirs.parts().values(), strict=True)
    states = [(a.state_dict(), b.state_dict()) for a, b in pairs]
    return all(torch.equal(tensor, b[name]) for a, b in states for name, tensor in a.items())


@pytest.mark.parametrize("wrapper", ["state_dict", "module", "deepspeed", "none"])
def test_base_pickle_and_partial_safetensors(
    tmp_path: Path, model: RealCamModel, published: dict[str, Any], wrapper: str
) -> None:
    base = old_names(base_part(published))
    if wrapper == "deepspeed":
        wrapped: Any = {"module": {f"_forward_module.{k}": t for k, t in base.items()}}
    else:
        wrapped = base if wrapper == "none" else {wrapper: base, "epoch": 3}
    torch.save(wrapped, tmp_path / "model.ckpt")
    save_file(camera_part(published), tmp_path / "camera.safetensors")
    file = open_checkpoint(CheckpointFiles(tmp_path / "camera.safetensors", tmp_path / "model.ckpt"))
    assert same(load_model(TINY, file, TOKENIZER, "hash"), model)


def test_one_complete_safetensors(tmp_path: Path, model: RealCamModel, published: dict[str, Any]) -> None:
    save_file(published, tmp_path / "all.safetensors")
    loaded = load_model(TINY, open_checkpoint(CheckpointFiles(tmp_path / "all.safetensors")), TOKENIZER, "hash")
    assert same(loaded, model)


def test_camera_file_wins_and_may_be_half_precision(tmp_path: Path, published: dict[str, Any]) -> None:
    key = "model.diffusion_model.out.0.weight"
    torch.save({"state_dict": base_part(published)}, tmp_path / "model.ckpt")
    camera = {k: t.half() for k, t in camera_part(published).items()}
    camera[key] = torch.full_like(published[key], 3.0)
    save_file(camera, tmp_path / "camera.safetensors")
    files = CheckpointFiles(tmp_path / "camera.safetensors", tmp_path / "model.ckpt")
    loaded = load_model(TINY, open_checkpoint(files), TOKENIZER, "hash")
    assert (loaded.unet.norm_out.weight == 3.0).all()
    assert loaded.pose_encoder.conv_in.weight.dtype == torch.float32


def test_base_alone_is_refused(tmp_path: Path, published: dict[str, Any]) -> None:
    save_file(base_part(published), tmp_path / "base.safetensors")
    with pytest.raises(CheckpointError, match=r"do not control the camera: 278 camera tensors.*epipolar_attn"):
        load_model(TINY, open_checkpoint(CheckpointFiles(tmp_path / "base.safetensors")), TOKENIZER, "hash")


def test_missing_and_unexpected_tensors_are_named(published: dict[str, Any]) -> None:
    short = {k: t for k, t in published.items() if "input_blocks.4.0.skip_connection" not in k}
    with pytest.raises(CheckpointError, match=r"2 tensors are missing.*input_blocks\.4\.0\.skip_connection\.bias"):
        load_model(TINY, short, TOKENIZER, "hash")
    with pytest.raises(CheckpointError, match=r"no place for.*model\.diffusion_model\.extra"):
        load_model(TINY, published | {"model.diffusion_model.extra": torch.zeros(1)}, TOKENIZER, "hash")


def test_another_resolution_and_other_shapes(published: dict[str, Any]) -> None:
    alpha = "model.diffusion_model.input_blocks.1.1.transformer_blocks.0.attn2.alpha"
    with pytest.raises(CheckpointError, match="another resolution"):
        load_model(TINY, published | {alpha: torch.zeros(())}, TOKENIZER, "hash")
    key = "model.diffusion_model.out.2.weight"
    with pytest.raises(CheckpointError, match=r"do not fit.*out\.2\.weight.*\[4, 16, 3, 3\]"):
        load_model(TINY, published | {key: torch.zeros(4, 16, 3, 3)}, TOKENIZER, "hash")


def test_what_the_weights_are_like_instead_is_true_of_every_variant() -> None:
    """Of the nano network's too, which has no image scale either."""
    with torch.device("meta"):
        parts = build_parts(REALCAM_256)
    found = part_sources(parts, REALCAM_256)
    wanted = {source.key for part in found.values() for source in part.values()}
    unscaled = {key for key in wanted if not key.endswith(".attn2.alpha")}
    with pytest.raises(CheckpointError, match=r"the file none, like realcam-512, realcam-1024, nano\. Use the base"):
        check_keys(unscaled, wanted, REALCAM_256)
    with pytest.raises(CheckpointError, match=r"no image scale in each block, the file \d+, like realcam-256\."):
        check_keys(wanted, unscaled, REALCAM_512)


def test_a_path_without_a_file(tmp_path: Path, published: dict[str, Any]) -> None:
    with pytest.raises(
        CheckpointError, match=r"not there: .*b\.safetensors\. Check the path, or put the file there\.$"
    ):
        open_checkpoint(CheckpointFiles(tmp_path / "b.safetensors"))
    with pytest.raises(CheckpointError, match=rf"a folder, not a file: {re.escape(str(tmp_path))}\. Name the file"):
        open_checkpoint(CheckpointFiles(tmp_path))
    for name in ("b.safetensors", "._b.safetensors", "notes.txt"):
        (tmp_path / name).touch()
    with pytest.raises(CheckpointError, match=r", which holds b\.safetensors\. Name the file itself"):
        open_checkpoint(CheckpointFiles(tmp_path))


@pytest.mark.parametrize("name", ["cut.safetensors", "cut.ckpt"])
def test_truncated_files(tmp_path: Path, published: dict[str, Any], name: str) -> None:
    whole = tmp_path / f"whole{Path(name).suffix}"
    if name.endswith("ckpt"):
        torch.save({"state_dict": published}, whole)
    else:
        save_file(published, whole)
    (tmp_path / name).write_bytes(whole.read_bytes()[:-5000])
    with pytest.raises(CheckpointError, match="cannot be read"):
        open_checkpoint(CheckpointFiles(tmp_path / name))


class Malicious:
    """Unpickled, it makes a file."""

    def __init__(self, mark: Path) -> None:
        self._mark = mark

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self._mark),)


@pytest.mark.parametrize("zipped", [True, False])
def test_a_pickle_that_would_run_code_is_refused(tmp_path: Path, zipped: bool) -> None:
    """And nobody is told how to run it."""
    mark = tmp_path / "ran"
    file = {"state_dict": {"betas": torch.zeros(3)}, "more": Malicious(mark)}
    torch.save(file, tmp_path / "model.ckpt", _use_new_zipfile_serialization=zipped)
    with pytest.raises(CheckpointError) as error:
        open_checkpoint(CheckpointFiles(tmp_path / "model.ckpt"))
    assert "it holds something else than tensors, code perhaps, which was not run. Delete" in error.value.sentence
    assert not mark.exists()


@pytest.mark.parametrize("ending", ["ckpt", "safetensors"])
@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "it is empty"),
        (b"\n<!DOCTYPE html><title>404</title>", "it is a web page"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:87b5", "it is git's pointer to the file"),
    ],
)
def test_what_else_came_under_the_name_is_said(tmp_path: Path, ending: str, content: bytes, words: str) -> None:
    path = tmp_path / f"model.{ending}"
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match=f"The weights cannot be read: .*model.{ending}: {words}.*Delete"):
        open_checkpoint(CheckpointFiles(path))


def test_a_zip_of_something_else_is_told_without_pytorchs_own_places(tmp_path: Path) -> None:
    path = tmp_path / "model.ckpt"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("notes.txt", "hello")
    with pytest.raises(
        CheckpointError, match=r"cannot be read: .*model\.ckpt: file in archive is not in a subdirectory"
    ):
        open_checkpoint(CheckpointFiles(path))


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="not there"):
        open_checkpoint(CheckpointFiles(tmp_path / "nothing.safetensors"))


FULL_SIZE = pytest.mark.parametrize(("config", "variant"), [(REALCAM_256, 256), (REALCAM_512, 512)], ids=["256", "512"])


@FULL_SIZE
def test_full_size_keys_and_shapes(kit: ParityKit, config: ModelConfig, variant: int) -> None:
    """Every published tensor of the full model has its place, with the right shape, and none is left over."""
    groups = kit.published_keys(variant)["groups"]
    shapes = {key: entry[0] for group in groups.values() for key, entry in group["keys"].items()}
    with torch.device("meta"):
        parts = build_parts(config)
    found = part_sources(parts, config)
    wanted = {source.key for part in found.values() for source in part.values()}
    check_keys(shapes, wanted, config)
    for name, part in parts.items():
        for key, tensor in checkpoint.to_published(found[name], part.state_dict()).items():
            assert list(tensor.shape) == shapes[key], key
    camera = {key for key in shapes if checkpoint.CAMERA_KEY.search(key)}
    assert camera == {k for g in groups.values() for k, entry in g["keys"].items() if entry[2] == "realcam"}
    assert len(camera) == 278


@pytest.mark.parametrize(
    ("config", "variant", "layout"),
    [
        (REALCAM_256, 256, "state_dict"),
        *((REALCAM_512, 512, layout) for layout in ("state_dict", "old_names", "deepspeed", "complete")),
    ],
    ids=lambda given: "" if isinstance(given, ModelConfig) else str(given),
)
def test_full_size_layouts(kit: ParityKit, tmp_path: Path, config: ModelConfig, variant: int, layout: str) -> None:
    """Files of every published key at its full size load strictly. They hold zeros that take no room on the disk, and
    the model is put on the meta device, where it takes none in memory."""
    groups = kit.published_keys(variant)["groups"]
    origin = {key: (entry[0], entry[2]) for group in groups.values() for key, entry in group["keys"].items()}
    camera, base = tmp_path / "camera.safetensors", tmp_path / "model.ckpt"
    if layout == "complete":
        write_zeros(camera, {key: shape for key, (shape, _) in origin.items()})
        files = CheckpointFiles(camera)
    else:
        write_zeros(camera, {key: shape for key, (shape, of) in origin.items() if of == "realcam"})
        tensors = {key: torch.zeros(()).expand(shape) for key, (shape, of) in origin.items() if of == "base"}
        if layout == "deepspeed":
            torch.save({"module": {f"_forward_module.{key}": t for key, t in tensors.items()}, "epoch": 1}, base)
        else:
            torch.save({"state_dict": old_names(tensors) if layout == "old_names" else tensors}, base)
        files = CheckpointFiles(camera, base)
    loaded = load_model(config, open_checkpoint(files), TOKENIZER, "hash", device="meta")
    counts = {name: sum(p.numel() for p in part.parameters()) for name, part in loaded.parts().items()}
    assert counts["unet"] == {256: 1_500_881_876, 512: 1_500_881_860}[variant]
    assert counts["vae"] == 83_653_863
    assert counts["pose_encoder"] == 199_262_400
    assert counts["resampler"] == 48_787_456


def test_full_size_depth_file(kit: ParityKit, tmp_path: Path) -> None:
    """The depth network's own .pth, whose keys lack the prefix they have in a complete checkpoint."""
    keys = kit.published_keys(512)["groups"]["depth_predictor"]["keys"]
    prefix = "depth_predictor."
    tensors = {k.removeprefix(prefix): torch.zeros(()).expand(e[0]) for k, e in keys.items() if k.startswith(prefix)}
    torch.save(tensors, tmp_path / "depth.pth")
    with torch.device("meta"):
        network = DepthAnythingForDepthEstimation(configuration(CARDS[TRAINED_WITH]))
    read = {name: t.to("meta") for name, t in read_published(tmp_path / "depth.pth").items()}
    network.load_state_dict(converted(read), strict=True, assign=True)
    assert sum(p.numel() for p in network.parameters()) == 335_315_649


def write_zeros(path: Path, shapes: dict[str, list[int]]) -> None:
    """A safetensors file of float16 zeros, all hole: 6 GB of it take no room."""
    header, end = {}, 0
    for key, shape in shapes.items():
        start, end = end, end + 2 * math.prod(shape)
        header[key] = {"dtype": "F16", "shape": shape, "data_offsets": [start, end]}
    text = json.dumps(header).encode()
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        file.truncate(8 + len(text) + end)
