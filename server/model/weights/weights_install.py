"""Published files to a folder of converted weights, and the check that the weights follow the camera."""

from __future__ import annotations

import math
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import Tensor

from blender_addon.core.progress import OnProgress
from server.geometry.relative_poses import relative_poses
from server.model.config import ModelConfig
from server.model.model import RealCamModel, build_parts
from server.model.sampling.camera_condition import camera_condition
from server.model.sampling.conditions import BoundDenoiser, bind
from server.model.tokenizer import check_vocabulary

from .load import CheckpointFiles, fitting_states, open_checkpoint, part_sources
from .own_networks import SHIPPED
from .tensor_files import TensorFile
from .weights_fetch import SpaceNeeded, check_disk_space, sha256_of
from .weights_sources import WeightsError, first_line
from .weights_store import FRESH_PREFIX, MODEL_FILE, TOKENIZER_FILES, Manifest, SourceFile, WeightsStore


def install(
    store: WeightsStore,
    config: ModelConfig,
    files: CheckpointFiles,
    tokenizer: tuple[Path, Path],
    sources: tuple[SourceFile, ...],
    on_progress: OnProgress,
) -> Manifest:
    """Merge, check and convert published files into store.folder(config.name).

    The manifest is written last: a folder without one counts as empty.

    Args:
        store: where to.
        config: the variant.
        files: its published checkpoint.
        tokenizer: CLIP's vocab.json and merges.txt.
        sources: what the manifest says the weights were made of.
        on_progress: told of the bytes checked.

    Returns:
        The manifest of the folder.

    Raises:
        CheckpointError: the files are not of this variant, or not CLIP's tokenizer.
        WeightsError: the disk is too small, or fills meanwhile.
    """
    check_vocabulary(*tokenizer)
    file = open_checkpoint(files)
    tensors = used_tensors(file, config)
    folder = store.folder(config.name)
    folder.mkdir(parents=True, exist_ok=True)
    needed = sum(t.numel() * t.element_size() for t in tensors.values())
    check_disk_space([SpaceNeeded(store.root, needed, "for the converted weights")])
    with tempfile.TemporaryDirectory(prefix=FRESH_PREFIX, dir=store.root, ignore_cleanup_errors=True) as fresh:
        path = Path(fresh) / MODEL_FILE
        try:
            save_file({key: tensor.contiguous() for key, tensor in tensors.items()}, path)
        except SafetensorError as error:
            raise WeightsError(
                "The converted weights cannot be written",
                f"{store.root}: {first_line(error)}",
                "Make room there and start it again: what was fetched is kept.",
            ) from error
        for name, source in zip(TOKENIZER_FILES, tokenizer, strict=True):
            shutil.copyfile(source, Path(fresh) / name)
        manifest = Manifest(
            variant=config.name,
            sha256=sha256_of(path, "Checking what was made", on_progress),
            bytes=path.stat().st_size,
            sources=sources,
        )
        # safetensors writes files that only their owner can read, and the server may run as another user.
        shutil.copymode(Path(fresh) / TOKENIZER_FILES[0], path)
        return store.put(manifest, path, [Path(fresh) / name for name in TOKENIZER_FILES])


def verified_hash(store: WeightsStore, variant: str) -> str:
    """The SHA-256 of the installed model file, in hex, compared with the manifest's.

    Raises:
        WeightsError: the variant is not installed, or its file has another hash.
    """
    manifest = store.manifest(variant)
    again = "Install the server again." if store == SHIPPED else f"Run `realcam weights get {variant}` again."
    if manifest is None:
        raise WeightsError(f"{variant} is not installed", f"nothing whole of it in {store.folder(variant)}", again)
    found = sha256_of(store.model_file(variant))
    if found != manifest.sha256:
        why = f"SHA-256 {found[:16]}..., was {manifest.sha256[:16]}..."
        raise WeightsError("The weights changed on the disk", why, again)
    return found


def used_tensors(file: TensorFile, config: ModelConfig) -> dict[str, Tensor]:
    """The tensors that the model reads, by their published keys.

    Raises:
        CheckpointError: the file is not complete, or not of the model's shapes.
    """
    with torch.device("meta"):
        parts = build_parts(config)
    fitting_states(parts, file, config)
    wanted = {source.key for found in part_sources(parts, config).values() for source in found.values()}
    return {key: file[key] for key in sorted(wanted)}


@dataclass(frozen=True)
class CameraEffect:
    """How the prediction for one noise differs for a camera that moves, relative to the prediction's norm.

    Attributes:
        moving: compared with the same camera standing still.
        ignored: compared with the base model, which knows no camera.
    """

    moving: float
    ignored: float

    @property
    def steers(self) -> bool:
        """Whether the weights follow the camera."""
        return self.moving > SMALLEST_EFFECT


SMALLEST_EFFECT = 1e-3
"""The least `moving` of weights that follow the camera. Camera weights that are zero or were loaded into nothing give
exactly 0; trained ones some percent.
"""


def require_camera_effect(model: RealCamModel) -> CameraEffect:
    """The measured effect of the camera, of a model that follows it.

    Raises:
        WeightsError: the weights ignore the camera, or the prediction is not a number.
    """
    effect = camera_effect(model)
    if math.isnan(effect.moving):
        raise WeightsError(
            "The weights are damaged", "what the network predicts is not a number", "Get them again, with --again."
        )
    if not effect.steers:
        raise WeightsError(
            "The weights ignore the camera",
            f"{effect.moving:.2%} of the prediction changes when it moves a metre",
            "The camera's file is damaged or of another model: get it again, with --again.",
        )
    return effect


def camera_effect(model: RealCamModel, frames: int = 4) -> CameraEffect:
    """The effect of a camera that moves a metre sideways, measured in three small forward passes of pure noise.

    Args:
        model: the model to measure.
        frames: of the clip.
    """
    size = (128, 128)
    poses = torch.eye(4, dtype=torch.float64).repeat(1, frames, 1, 1)
    moving = poses.clone()
    moving[0, :, 0, 3] = torch.linspace(0.0, 1.0, frames, dtype=torch.float64)
    intrinsics = torch.tensor([[64.0, 0, 64], [0, 64, 64], [0, 0, 1]], dtype=torch.float64).expand(1, frames, 3, 3)
    generator = torch.Generator().manual_seed(0)
    channels = model.config.unet.out_channels
    noise = torch.randn((1, 2 * channels, frames, 16, 16), generator=generator)
    context = torch.randn((1, 77 + 16 * frames, model.config.unet.context_channels), generator=generator)
    outputs = []
    with torch.inference_mode():
        context = context.to(model.device, model.dtype)
        for path in (moving, poses, None):
            camera = None
            if path is not None:
                seen = relative_poses(path, torch.tensor([0])).to(model.device)
                camera = camera_condition(
                    model.pose_encoder, model.config.unet, seen, intrinsics.to(model.device), size
                )
            bound = bind(model, noise[:, channels:].to(model.device), context, context, camera, 8)
            outputs.append(
                BoundDenoiser(model.unet, bound)(noise[:, :channels].to(model.device), 900, ["conditional"])[0]
            )
    scale = outputs[0].norm()
    return CameraEffect(
        moving=float((outputs[0] - outputs[1]).norm() / scale), ignored=float((outputs[0] - outputs[2]).norm() / scale)
    )
