"""Weights and inputs anybody can make from a name: the kit's recipe (its section 17)."""

from __future__ import annotations

import math
import zlib
from typing import Any

import numpy as np
import torch

from server.geometry.relative_poses import PUBLISHED, relative_poses
from server.model.config import ModelConfig
from server.model.sampling.camera_condition import camera_condition
from server.model.unet.pose_encoder import PoseEncoder
from server.model.unet.unet import Camera, UNet, split_context
from server.model.weights import checkpoint


def recipe_weight(name: str, shape: tuple[int, ...], salt: int, rounding: torch.dtype = torch.float16) -> torch.Tensor:
    """float32 values of the parameter with the published `name`, rounded to `rounding`."""
    noise = np.random.RandomState(zlib.crc32(f"{name}|{salt}".encode())).standard_normal(shape)
    leaf = name.rsplit(".", 1)[-1]
    if leaf == "weight" and len(shape) >= 2:
        gain = 1.5 if name.endswith(("to_q.weight", "to_k.weight")) else 1.0
        noise = noise * (gain / math.sqrt(math.prod(shape[1:])))
    elif leaf == "weight":
        noise = 1 + 0.125 * noise
    elif leaf == "in_proj_weight":
        noise = noise * (1.2 / math.sqrt(shape[1]))
    elif leaf in ("bias", "in_proj_bias"):
        noise = 0.125 * noise
    elif leaf != "register_tokens":
        noise = 0.5 * noise
    return torch.from_numpy(np.asarray(noise, dtype=np.float32)).to(rounding).float()


def recipe_input(name: str, shape: tuple[int, ...]) -> torch.Tensor:
    noise = np.random.RandomState(zlib.crc32(name.encode())).standard_normal(shape)
    return torch.from_numpy(noise.astype(np.float16).astype(np.float32))


def fill(
    module: torch.nn.Module,
    part: checkpoint.Part,
    config: ModelConfig,
    salt: int,
    rounding: torch.dtype = torch.float16,
) -> None:
    """Give every parameter of `module` its recipe value; buffers stay as they were built."""
    parameters = dict(module.named_parameters())
    found = checkpoint.sources(part, parameters, config)
    meta = {name: torch.empty(p.shape, device="meta") for name, p in parameters.items()}
    made = {
        key: recipe_weight(key, tuple(t.shape), salt, rounding)
        for key, t in checkpoint.to_published(found, meta).items()
    }
    values = checkpoint.from_published(found, {name: p.shape for name, p in parameters.items()}, made)
    with torch.no_grad():
        for name, parameter in parameters.items():
            parameter.copy_(values[name])
    module.eval().requires_grad_(False)


def recipe_trajectory(frames: int) -> torch.Tensor:
    """World-to-camera [1, T, 4, 4] float32."""
    poses = np.tile(np.eye(4), (frames, 1, 1))
    for i in range(frames):
        cosine, sine = math.cos(0.03 * i), math.sin(0.03 * i)
        poses[i, 0, :3], poses[i, 2, :3] = (cosine, 0, sine), (-sine, 0, cosine)
        poses[i, :3, 3] = i * np.array([0.10, 0.02, 0.05])
    return torch.from_numpy(np.linalg.inv(poses).astype(np.float32))[None]


def recipe_intrinsics(frames: int, width: int, height: int) -> torch.Tensor:
    focal = 0.5 * max(width, height)
    k = torch.tensor([[focal, 0, width / 2], [0, focal, height / 2], [0, 0, 1]])
    return k.expand(1, frames, 3, 3).clone()


def recipe_models(config: ModelConfig, salt: int) -> tuple[UNet, PoseEncoder]:
    unet, pose_encoder = UNet(config.unet), PoseEncoder(config.pose_encoder)
    fill(unet, "unet", config, salt)
    fill(pose_encoder, "pose_encoder", config, salt)
    return unet, pose_encoder


def recipe_camera(
    name: str, pose_encoder: PoseEncoder, config: ModelConfig, frames: int, reference: int, scale: float
) -> Camera:
    """The camera condition of case `name`, with the published conventions."""
    width, height = config.size
    world_to_camera = recipe_trajectory(frames)
    poses = relative_poses(torch.linalg.inv(world_to_camera), torch.tensor([reference]), scale)
    noise = recipe_input(f"{name}.perturb", (1, frames, frames, 3, 1))[..., 0]
    intrinsics = recipe_intrinsics(frames, width, height)
    return camera_condition(pose_encoder, config.unet, poses, intrinsics, config.size, PUBLISHED, noise)


def recipe_forward(name: str, unet: UNet, config: ModelConfig, frames: int, fps: int, camera: Camera | None) -> Any:
    """The UNet's output for case `name` at timestep 601."""
    width, height = config.size
    x = recipe_input(f"{name}.x", (1, 8, frames, height // 8, width // 8))
    context = recipe_input(f"{name}.context", (1, 77 + 16 * frames, config.unet.context_channels))
    bound = unet.bind_context(split_context(context, frames))
    return unet(x, torch.tensor([601]), bound, camera, torch.tensor([fps]))
