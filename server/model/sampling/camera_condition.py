"""The camera of a whole shot, made once: pose features and attention plans for every level of the UNet."""

from __future__ import annotations

import torch
from torch import Tensor

from server.geometry.epipolar import cell_centres, epipolar_mask_rows, fundamental_matrices
from server.geometry.plucker import plucker_rays
from server.geometry.relative_poses import CORRECT, CameraConventions
from server.model.config import LATENT_DOWNSAMPLE, UNetConfig
from server.model.unet.attention_plan import (
    DENSE_TOKENS,
    AttentionPlan,
    BlockPlan,
    DensePlan,
    attention_plan,
    candidate_orders,
)
from server.model.unet.pose_encoder import PoseEncoder
from server.model.unet.transformers import LevelCamera
from server.model.unet.unet import Camera

from .compiled import can_compile


def camera_condition(
    pose_encoder: PoseEncoder,
    config: UNetConfig,
    poses: Tensor,
    intrinsics: Tensor,
    size: tuple[int, int],
    conventions: CameraConventions = CORRECT,
    noise: Tensor | None = None,
) -> Camera:
    """The camera of a clip at every level of the UNet.

    Args:
        pose_encoder: makes the features.
        config: of the UNet.
        poses: [B, T, 4, 4] camera-to-world, relative to the reference frame, metres.
        intrinsics: [B, T, 3, 3], pixels.
        size: (width, height) of a frame, pixels.
        conventions: where to follow the published geometry.
        noise: standard normal [B, T, T, 3], which the published conventions want.

    Raises:
        ValueError: the conventions want noise and there is none, or the weights know fewer frames.
    """
    width, height = size
    weight = next(pose_encoder.parameters())
    rays = plucker_rays(poses, intrinsics, height, width)
    features = pose_encoder(rays.to(weight))
    plans = camera_plans(config, poses, intrinsics, size, conventions, noise, weight.dtype)
    return tuple(LevelCamera(*level) for level in zip(features, plans, strict=True))


def camera_plans(
    config: UNetConfig,
    poses: Tensor,
    intrinsics: Tensor,
    size: tuple[int, int],
    conventions: CameraConventions = CORRECT,
    noise: Tensor | None = None,
    dtype: torch.dtype = torch.float32,
) -> tuple[tuple[AttentionPlan, ...] | None, ...]:
    """Which tokens attend to which, at every level of the UNet, finest first; see LevelCamera.

    Args:
        config: of the UNet.
        poses: [B, T, 4, 4] camera-to-world.
        intrinsics: [B, T, 3, 3], pixels.
        size: (width, height) of a frame, pixels.
        conventions: where to follow the published geometry.
        noise: standard normal [B, T, T, 3], which the published conventions want.
        dtype: of the tokens that will attend.

    Raises:
        ValueError: the conventions want noise and there is none.
    """
    fundamental = fundamental_matrices(poses, intrinsics, conventions, noise)
    cells = (LATENT_DOWNSAMPLE * 2**level for level in range(len(config.channel_mult)))
    return tuple(
        tuple(device_plan(f, size, cell, config.register_tokens, conventions, dtype) for f in fundamental)
        if cell in config.mask_cells
        else None
        for cell in cells
    )


def device_plan(
    fundamental: Tensor,
    size: tuple[int, int],
    cell: int,
    registers: int,
    conventions: CameraConventions = CORRECT,
    dtype: torch.dtype = torch.float32,
) -> AttentionPlan:
    """The attention plan that suits the device of the fundamental matrices.

    That is FlexAttention on CUDA where there is much to skip, and where it can be compiled; without that it would store
    all scores.

    Args:
        fundamental: [T, T, 3, 3], of one clip.
        size: (width, height) of a frame, pixels.
        cell: side of a cell, pixels.
        registers: number of register tokens.
        conventions: where to follow the published geometry.
        dtype: of the tokens that will attend.
    """
    tokens = len(fundamental) * (size[0] // cell) * (size[1] // cell)
    if fundamental.device.type == "cuda" and tokens > DENSE_TOKENS and can_compile(fundamental.device):
        from server.model.unet.flex_plan import flex_plan

        return flex_plan(normalised(fundamental), size, cell, registers, conventions)
    return level_plan(fundamental.cpu(), size, cell, registers, conventions, dtype).to(fundamental.device)


def level_plan(
    fundamental: Tensor,
    size: tuple[int, int],
    cell: int,
    registers: int,
    conventions: CameraConventions = CORRECT,
    dtype: torch.dtype = torch.float32,
) -> DensePlan | BlockPlan:
    """The attention plan of one clip at one level, dense or in blocks, made on the CPU.

    Args:
        fundamental: [T, T, 3, 3], on the CPU.
        size: (width, height) of a frame, pixels.
        cell: side of a cell, pixels.
        registers: number of register tokens.
        conventions: where to follow the published geometry.
        dtype: of the tokens that will attend.
    """
    width, height = size
    # Cells are compared with half their diagonal, 5 pixels and more: float32 is ample, and half the memory traffic.
    single = fundamental if conventions.single_precision else normalised(fundamental).to(torch.float32)
    centres = cell_centres(height, width, cell, conventions.cell_offset)
    return attention_plan(
        rows=lambda frame: epipolar_mask_rows(single, frame, height, width, cell, conventions),
        frames=len(fundamental),
        height=height // cell,
        width=width // cell,
        registers=registers,
        orders=lambda frame: candidate_orders(fundamental, frame, centres),
        dtype=dtype,
    )


def normalised(fundamental: Tensor) -> Tensor:
    """The fundamental matrices [..., 3, 3] scaled to norm 1: a baseline of 1e-6 would underflow in float32 products."""
    return fundamental / fundamental.norm(dim=(-2, -1), keepdim=True)
