"""Checkpoint files as mappings from published keys to tensors, which are read when they are used."""

from __future__ import annotations

import pickle
import re
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, cast

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from blender_addon.core.foreign_files import is_foreign
from server.model.errors import CheckpointError

from .checkpoint import FPS_NAME, OLD_FPS_NAME

TensorFile = Mapping[str, Tensor]
"""Published tensors by key."""

_ENDINGS = (".safetensors", ".ckpt", ".pt", ".pth", ".bin")
"""Of files of weights."""

_WRAPPERS = ("state_dict", "module")
"""Keys under which training frameworks keep the tensors."""

_PLACE_IN_PYTORCH = re.compile(r"^\[enforce fail at [^\]]*\] *\. *")

_WRAPPED_PREFIX = re.compile(r"^(_forward_module\.|module\.)+")


class SafetensorsFile(Mapping[str, Tensor]):
    """A .safetensors file by memory map: tensors are read when used.

    Raises:
        CheckpointError: the file cannot be read.
    """

    def __init__(self, path: Path) -> None:
        try:
            self._file = cast("Any", safe_open(path, framework="pt"))
            self._keys = dict.fromkeys(self._file.keys())
        except (SafetensorError, OSError) as error:
            raise _unreadable(path, str(error)) from error

    def __getitem__(self, key: str) -> Tensor:
        if key not in self._keys:
            raise KeyError(key)
        return self._file.get_tensor(key)

    def __iter__(self) -> Iterator[str]:
        return iter(self._keys)

    def __len__(self) -> int:
        return len(self._keys)


def open_tensors(path: Path) -> TensorFile:
    """The tensors of a checkpoint file of any published layout, by today's key names.

    Pickles are read with weights_only, so that a file can hold tensors and nothing that runs.

    Raises:
        CheckpointError: the file is missing, is a folder, cannot be read, or holds no tensors by name.
    """
    if path.is_dir():
        raise _is_folder(path)
    if not path.is_file():
        raise CheckpointError("The weights are not there", str(path), "Check the path, or put the file there.")
    tensors: TensorFile = SafetensorsFile(path) if path.suffix == ".safetensors" else _unpickled(path)
    if not any(OLD_FPS_NAME in key for key in tensors):
        return tensors
    return {key.replace(OLD_FPS_NAME, FPS_NAME): tensors[key] for key in tensors}


def _unpickled(path: Path) -> TensorFile:
    try:
        loaded = torch.load(path, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(path))
    except pickle.UnpicklingError as error:
        # PyTorch's own message explains how to run the code in the file.
        raise _unreadable(path, "it holds something else than tensors, code perhaps, which was not run") from error
    except (RuntimeError, EOFError, OSError, ValueError) as error:
        raise _unreadable(path, str(error)) from error
    for wrapper in _WRAPPERS:
        if isinstance(loaded, dict) and isinstance(loaded.get(wrapper), dict):
            loaded = loaded[wrapper]
    if not isinstance(loaded, dict) or not loaded:
        raise CheckpointError(
            "The weights are of an unknown layout", f"{path} holds no tensors by name", "Give it as it was published."
        )
    return {_WRAPPED_PREFIX.sub("", key): tensor for key, tensor in loaded.items() if isinstance(tensor, Tensor)}


def _is_folder(path: Path) -> CheckpointError:
    """The error for a folder where a file is meant. It names the files in it that may be meant."""
    inside = sorted(file.name for file in path.iterdir() if file.suffix in _ENDINGS and not is_foreign(file.name))
    there = f", which holds {', '.join(inside)}" if inside else ""
    return CheckpointError("The weights are a folder, not a file", f"{path}{there}", "Name the file itself.")


def _unreadable(path: Path, why: str) -> CheckpointError:
    """The error for a file that cannot be read. It says what the file is, where that can be seen, else why."""
    with path.open("rb") as file:
        start = file.read(64).lstrip().lower()
    if not start:
        why = "it is empty"
    elif start.startswith((b"<!doctype", b"<html", b"<?xml")):
        why = "it is a web page"
    elif start.startswith(b"version https://git-lfs"):
        why = "it is git's pointer to the file, not the file (`git lfs pull` fetches it)"
    first = _PLACE_IN_PYTORCH.sub("", why).splitlines()[0].split(". ")[0]
    return CheckpointError("The weights cannot be read", f"{path}: {first}", "Delete the file and download it again.")


class Union(Mapping[str, Tensor]):
    """Several files as one; where a key is in two, the later file's tensor counts."""

    def __init__(self, files: list[TensorFile]) -> None:
        self._owner = {key: file for file in files for key in file}

    def __getitem__(self, key: str) -> Tensor:
        return self._owner[key][key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._owner)

    def __len__(self) -> int:
        return len(self._owner)
