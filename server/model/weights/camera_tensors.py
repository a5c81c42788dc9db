"""Camera modules in the published layout: found in a file or a folder, and held to their variant's keys and shapes."""

from __future__ import annotations

import hashlib
from pathlib import Path

import torch
from torch import Tensor

from blender_addon.core.foreign_files import is_foreign
from server.model.config import ModelConfig
from server.model.errors import CheckpointError
from server.model.model import build_parts

from . import checkpoint
from .load import part_sources
from .tensor_files import TensorFile, open_tensors

CAMERA_FILE = "camera.safetensors"
"""Name of the camera modules' file in a training's checkpoints and in what is made of them."""

DEEPSPEED_FILE = "mp_rank_00_model_states.pt"
"""Name of the file with the tensors in a checkpoint that DeepSpeed wrote; the published training's are such."""

BASE_MARKS = ("model.diffusion_model.input_blocks.0.0.weight", "model.diffusion_model.out.2.weight")
"""Tensors by which one base is told from another: its first and its last."""


def tensors_file(path: Path) -> Path:
    """The file of tensors that a path names: itself, or the one in that folder.

    Args:
        path: a file; a folder that a training or an export wrote, with CAMERA_FILE; one that DeepSpeed wrote; or a
            folder with a single .safetensors file.

    Raises:
        CheckpointError: there is none, or more than one.
    """
    if not path.is_dir():
        return path
    usual = (path / CAMERA_FILE, path / "checkpoint" / DEEPSPEED_FILE, path / DEEPSPEED_FILE)
    found = [file for file in usual if file.is_file()][:1]
    found = found or sorted(file for file in path.glob("*.safetensors") if not is_foreign(file.name))
    if len(found) == 1:
        return found[0]
    raise CheckpointError(
        f"The folder holds {'several files' if found else 'no file'} of weights",
        f"{path} has {', '.join(file.name for file in found) or f'neither {CAMERA_FILE} nor {DEEPSPEED_FILE}'}",
        "Name the file itself.",
    )


def camera_shapes(config: ModelConfig) -> dict[str, torch.Size]:
    """The shape of each published camera tensor of a variant, by key: 278 of a published one."""
    with torch.device("meta"):
        parts = build_parts(config)
    shapes: dict[str, torch.Size] = {}
    for name, found in part_sources(parts, config).items():
        state = parts[name].state_dict()
        camera = checkpoint.camera_sources(found)
        shapes |= {key: t.shape for key, t in checkpoint.to_published(camera, {n: state[n] for n in camera}).items()}
    return shapes


def read_camera(path: Path, config: ModelConfig) -> dict[str, Tensor]:
    """The camera modules of a file in float32, by published key; what else it holds, as a base, is left out.

    Args:
        path: see `tensors_file`.
        config: the variant that they are of.

    Raises:
        CheckpointError: there are none, some are missing, or they are of another variant, not numbers or untrained.
    """
    file = tensors_file(path)
    tensors = open_tensors(file)
    camera = {key: tensors[key] for key in tensors if checkpoint.CAMERA_KEY.search(key)}
    if not camera:
        raise CheckpointError(
            "The file holds no camera modules", f"{file}: none of its {len(tensors)} tensors", "Name another file."
        )
    _check_image_scale(file, tensors, config)
    wanted = camera_shapes(config)
    check_camera(file, camera, wanted, config)
    return {key: camera[key].float() for key in wanted}


def check_camera(file: Path, camera: TensorFile, wanted: dict[str, torch.Size], config: ModelConfig) -> None:
    """Refuse camera tensors that are not exactly a variant's, trained, and numbers.

    Raises:
        CheckpointError: they are such ones.
    """
    other = f"They are of another variant than {config.name}: name theirs, or use another file."
    if missing := wanted.keys() - camera.keys():
        raise CheckpointError(
            "The camera modules are incomplete", f"{file}: {len(missing)} tensors are missing", other, missing
        )
    if unknown := camera.keys() - wanted.keys():
        raise CheckpointError(
            "The camera modules have no place in the model", f"{file}: {len(unknown)} tensors", other, unknown
        )
    for key, shape in wanted.items():
        if camera[key].shape != shape:
            why = f"{file}: {key} is {list(camera[key].shape)}, {config.name} has {list(shape)}"
            raise CheckpointError("The camera modules do not fit the model", why, other)
        if not bool(camera[key].isfinite().all()):
            raise CheckpointError(
                "The camera modules are damaged", f"{file}: {key} is not a number", "Use an earlier checkpoint."
            )
    if not any(bool(camera[key].any()) for key in wanted if ".epipolar." in key and ".to_out." in key):
        raise CheckpointError(
            "The camera modules are untrained", f"{file}: what they put out is zero everywhere", "Train them first."
        )


def base_digest(base: TensorFile) -> str:
    """A hash by which a base is known again in float16, float32 and beside any camera modules; "" of none."""
    digest = hashlib.sha256()
    for key in BASE_MARKS:
        if key not in base:
            return ""
        digest.update(base[key].half().contiguous().numpy().tobytes())
    return digest.hexdigest()[:16]


def _check_image_scale(file: Path, tensors: TensorFile, config: ModelConfig) -> None:
    """Refuse a whole model's file whose base is another variant's: the camera modules themselves do not tell."""
    whole = any(key.startswith(checkpoint.PREFIX["vae"]) or key in BASE_MARKS for key in tensors)
    scaled = any(key.endswith(".attn2.alpha") for key in tensors)
    if whole and scaled != config.unet.learnable_image_scale:
        raise CheckpointError(
            "The camera modules are of another variant",
            f"{file} holds a base {'with' if scaled else 'without'} an image scale in its blocks, unlike {config.name}",
            "Name theirs as the variant.",
        )
