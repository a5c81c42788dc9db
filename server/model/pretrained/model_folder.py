"""A model's folder in diffusers' layout: `model_index.json`, and a folder for each part with its safetensors shards.

The layout is diffusers'; the code that writes and reads it is our own, for three reasons. DiffusionPipeline names the
module of each part's class in `model_index.json`, so a file that moves in this repository would break every folder
written before. ModelMixin keeps a network's constructor arguments, where ours is one dataclass, and the model beside it
a frozen one that packing and offloading rebuild. And both libraries fill what a file lacks with fresh numbers; here a
tensor that is missing, or one too many, is an error. The library's parts are read by their own classes all the same.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

import msgspec
import torch
from huggingface_hub import save_torch_state_dict
from safetensors import SafetensorError
from torch import Tensor, nn

from blender_addon.core.atomic_file import write_atomic
from blender_addon.core.held_files import remove_file, replace_path
from server.model.config import ModelConfig
from server.model.errors import CheckpointError
from server.model.model import RealCamModel, assemble, build_parts, fill
from server.model.tokenizer import ByteTokenizer, ClipTokenizer, Tokenizer, check_vocabulary
from server.model.weights.tensor_files import SafetensorsFile, TensorFile, Union
from server.model.weights.weights_fetch import SpaceNeeded, check_disk_space
from server.model.weights.weights_sources import WeightsError, first_line
from server.model.weights.weights_store import FRESH_PREFIX, TOKENIZER_FILES

from .part_configs import (
    FOLDERS,
    PART_FILE,
    PIPELINE_CLASS,
    SCHEDULER_FILE,
    SCHEDULER_FOLDER,
    Json,
    PartFolder,
    index_json,
    model_config,
    part_json,
    schedule_json,
)

INDEX_FILE = "model_index.json"
TOKENIZER_FOLDER, TOKENIZER_FILE = "tokenizer", "tokenizer_config.json"
SHARD_SIZE = "5GB"
"""The largest file of tensors, unless another size is asked for."""

_AGAIN = "Save it again, or fetch the folder again."


def save_model(
    model: RealCamModel, folder: Path, shard_size: int | str = SHARD_SIZE, facts: Mapping[str, object] | None = None
) -> None:
    """Write a model in its dtype. `model_index.json` is written last: a folder without one counts as nothing.

    Args:
        model: neither packed nor offloaded.
        folder: made if it is not there; what is in it by the same names is replaced.
        shard_size: the largest file of tensors, bytes, or as "5GB".
        facts: what else `model_index.json` shall say.

    Raises:
        WeightsError: it cannot be written.
    """
    needed = sum(t.nbytes for part in model.parts().values() for t in part.state_dict().values())
    check_disk_space([SpaceNeeded(folder, needed, "for the pipeline")])
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # Beside what is there: its files may be the ones that the model's weights are mapped from.
        with tempfile.TemporaryDirectory(prefix=FRESH_PREFIX, dir=folder, ignore_cleanup_errors=True) as fresh:
            index = {**_write_parts(model, Path(fresh), shard_size), **(facts or {})}
            remove_file(folder / INDEX_FILE)
            for part in Path(fresh).iterdir():
                _move_part(part, folder / part.name)
        write_atomic(folder / INDEX_FILE, msgspec.json.format(msgspec.json.encode(index)))
    except (OSError, SafetensorError) as error:
        raise WeightsError("The pipeline cannot be saved", f"{folder}: {first_line(error)}") from error


def open_model(folder: Path, device: torch.device | str = "cpu", dtype: torch.dtype | None = None) -> RealCamModel:
    """The model of a folder as `save_model` writes it. Only safetensors are read, never a pickle.

    Args:
        folder: of the model.
        device: of the model.
        dtype: of the weights; None for the one that they were saved in.

    Raises:
        CheckpointError: the folder is another pipeline's, or a file of it is missing, cannot be read or does not fit.
    """
    index = read_index(folder)
    config = _read_config(folder, index)
    tokenizer = _read_tokenizer(folder / TOKENIZER_FOLDER)
    try:
        with torch.device("meta"):
            parts = build_parts(config)
    except (ValueError, RuntimeError, ArithmeticError) as error:
        raise CheckpointError("The configuration describes no network", f"{folder}: {first_line(error)}") from error
    files = {name: _open_part(folder / place.folder, place) for name, place in FOLDERS.items()}
    chosen = dtype or files["unet"][min(files["unet"])].dtype
    for name, part in parts.items():
        _check_tensors(folder / FOLDERS[name].folder, files[name], part)
        fill(part, files[name], device, chosen)
    return assemble(config, parts, tokenizer, str(index.get("weights_hash", "")))


def is_model_folder(folder: Path) -> bool:
    """Whether a folder holds a pipeline, of whatever kind."""
    return (folder / INDEX_FILE).is_file()


def _write_parts(model: RealCamModel, folder: Path, shard_size: int | str) -> Json:
    """Write everything but `model_index.json`, whose content is given back."""
    for name, part in model.parts().items():
        place = FOLDERS[name]
        _write_json(folder / place.folder / PART_FILE, part_json(name, part, model.config))
        _write_tensors(folder / place.folder, place.weights, part, shard_size)
    _write_json(folder / SCHEDULER_FOLDER / SCHEDULER_FILE, schedule_json(model.config.schedule))
    (folder / TOKENIZER_FOLDER).mkdir()
    told = model.tokenizer.save(folder / TOKENIZER_FOLDER)
    _write_json(folder / TOKENIZER_FOLDER / TOKENIZER_FILE, told)
    return {**index_json(model.config, told["tokenizer_class"]), "weights_hash": model.weights_hash}


def _move_part(fresh: Path, folder: Path) -> None:
    """Put a part's files into its folder, in place of the shards that are there."""
    folder.mkdir(exist_ok=True)
    for old in [*folder.glob("*.safetensors"), *folder.glob("*.safetensors.index.json")]:
        remove_file(old)
    for file in list(fresh.iterdir()):
        replace_path(file, folder / file.name)


def _write_json(path: Path, data: Json) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(msgspec.json.format(msgspec.json.encode(data)) + b"\n")


def _write_tensors(folder: Path, stem: str, part: nn.Module, shard_size: int | str) -> None:
    # Queries, keys and values are slices of one published tensor, which a file could not hold as three.
    state = {n: t if t.untyped_storage().nbytes() == t.nbytes else t.clone() for n, t in part.state_dict().items()}
    save_torch_state_dict(state, folder, filename_pattern=stem + "{suffix}.safetensors", max_shard_size=shard_size)
    for file in folder.glob(f"{stem}*"):
        # safetensors writes files that only their owner can read.
        shutil.copymode(folder / PART_FILE, file)


def _read_json(path: Path) -> Json:
    try:
        return msgspec.json.decode(path.read_bytes(), type=Json)
    except OSError as error:
        raise CheckpointError("The pipeline is not whole", f"{path}: {error.strerror}", _AGAIN) from error
    except msgspec.MsgspecError as error:
        raise CheckpointError("The configuration cannot be read", f"{path}: {error}", _AGAIN) from error


def read_index(folder: Path) -> Json:
    """What `model_index.json` says.

    Raises:
        CheckpointError: it is not there, cannot be read, or is another pipeline's.
    """
    if not is_model_folder(folder):
        raise CheckpointError(
            "The folder holds no pipeline",
            f"{folder} has no {INDEX_FILE}",
            "Name one that `save_pretrained` wrote; installed weights are taken by `from_published`.",
        )
    index = _read_json(folder / INDEX_FILE)
    if index.get("_class_name") != PIPELINE_CLASS:
        raise CheckpointError(
            "The folder holds another pipeline", f"{folder}: {index.get('_class_name')}, not {PIPELINE_CLASS}"
        )
    return index


def _read_config(folder: Path, index: Json) -> ModelConfig:
    parts = {name: _read_json(folder / place.folder / PART_FILE) for name, place in FOLDERS.items()}
    scheduler = _read_json(folder / SCHEDULER_FOLDER / SCHEDULER_FILE)
    try:
        return model_config(index, parts, scheduler)
    except msgspec.ValidationError as error:
        raise CheckpointError(
            "The configuration does not describe our network",
            f"{folder}: {error}",
            "It may be a newer version's.",
        ) from error


def _read_tokenizer(folder: Path) -> Tokenizer:
    told = _read_json(folder / TOKENIZER_FILE)
    if told.get("tokenizer_class") == ByteTokenizer.__name__ and isinstance(told.get("vocabulary"), int):
        return ByteTokenizer(told["vocabulary"])
    vocabulary, merges = (folder / name for name in TOKENIZER_FILES)
    for path in (vocabulary, merges):
        if not path.is_file():
            raise CheckpointError("The pipeline is not whole", f"{path} is not there", _AGAIN)
    check_vocabulary(vocabulary, merges)
    return ClipTokenizer(folder)


class _ShardIndex(msgspec.Struct):
    """What we read of a part's index: the file of each tensor."""

    weight_map: dict[str, str]


def _open_part(folder: Path, place: PartFolder) -> TensorFile:
    """The tensors of a part, from one file or from the shards that its index names."""
    whole = folder / f"{place.weights}.safetensors"
    index = folder / f"{place.weights}.safetensors.index.json"
    if whole.is_file() or not index.is_file():
        return _open_file(whole)
    try:
        names = msgspec.json.decode(index.read_bytes(), type=_ShardIndex).weight_map
    except (OSError, msgspec.MsgspecError) as error:
        raise CheckpointError("The list of shards cannot be read", f"{index}: {error}", _AGAIN) from error
    return Union([_open_file(folder / Path(name).name) for name in sorted(set(names.values()))])


def _open_file(path: Path) -> SafetensorsFile:
    if not path.is_file():
        raise CheckpointError(
            "The pipeline is not whole", f"{path} is not there; only .safetensors are read, never a pickle", _AGAIN
        )
    return SafetensorsFile(path)


def _check_tensors(folder: Path, file: Mapping[str, Tensor], part: nn.Module) -> None:
    wanted = {name: tensor.shape for name, tensor in part.state_dict().items()}
    if missing := wanted.keys() - file.keys():
        raise CheckpointError("The pipeline is not whole", f"{folder} lacks {len(missing)} tensors", _AGAIN, missing)
    if unknown := file.keys() - wanted.keys():
        raise CheckpointError(
            "Tensors have no place in the model", f"{folder}: {len(unknown)}", "They may be of another one.", unknown
        )
    for name, shape in wanted.items():
        if file[name].shape != shape:
            raise CheckpointError(
                "The weights do not fit the model",
                f"{folder}: {name} is {list(file[name].shape)}, by {PART_FILE} {list(shape)}",
                _AGAIN,
            )
