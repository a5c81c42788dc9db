"""The camera of a training batch: metric poses relative to each sample's condition frame, rays and masks of them."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from server.geometry.plucker import plucker_rays
from server.geometry.relative_poses import PUBLISHED, CameraConventions, relative_poses
from server.model.config import UNetConfig
from server.model.sampling.camera_condition import camera_plans
from server.model.unet.attention_plan import AttentionPlan
from server.model.unet.pose_encoder import PoseEncoder
from server.model.unet.transformers import LevelCamera
from server.model.unet.unet import Camera

from .data.camera_paths import CameraPaths


def in_half_precision(paths: CameraPaths) -> CameraPaths:
    """The cameras as the published run sees them: world-to-camera, intrinsics and scales are rounded to float16."""
    world_to_camera = torch.linalg.inv(paths.camera_to_world.double()).half().float()
    return CameraPaths(torch.linalg.inv(world_to_camera), paths.intrinsics.half().float(), paths.frame_scales.half())


def metric_poses(paths: CameraPaths, reference: Tensor) -> Tensor:
    """Camera-to-reference poses in metres by the condition frame's scale, [B, T, 4, 4] float32.

    Args:
        paths: of the batch.
        reference: [B], the condition frames.
    """
    return relative_poses(paths.camera_to_world.double(), reference, frame_scales=paths.frame_scales.double()).float()


@dataclass(frozen=True, eq=False)
class SeenCamera:
    """What the network is given of a camera, made without gradients.

    Attributes:
        poses: [B, T, 4, 4] float32, see `metric_poses`.
        rays: [B, 6, T, H, W] float32.
        plans: which tokens attend to which at every level, see LevelCamera.
    """

    poses: Tensor
    rays: Tensor
    plans: tuple[tuple[AttentionPlan, ...] | None, ...]

    def encoded(self, pose_encoder: PoseEncoder) -> Camera:
        """The camera at every level of the UNet; with gradients for the pose encoder where they are on."""
        features = pose_encoder(self.rays.to(next(pose_encoder.parameters()).dtype))
        return tuple(LevelCamera(*level) for level in zip(features, self.plans, strict=True))


def seen_camera(
    config: UNetConfig,
    paths: CameraPaths,
    reference: Tensor,
    perturbation: Tensor,
    size: tuple[int, int],
    conventions: CameraConventions = PUBLISHED,
    dtype: torch.dtype = torch.float32,
) -> SeenCamera:
    """Rays and masks of a batch, in float32 whatever the network computes in.

    Args:
        config: of the UNet.
        paths: of the batch.
        reference: [B], the condition frames.
        perturbation: standard normal [B, T, T, 3]: a frame against itself gets a line in a random direction.
        size: (width, height) of a frame, pixels.
        conventions: of the masks.
        dtype: of the tokens that will attend.
    """
    width, height = size
    with torch.no_grad(), torch.autocast(paths.camera_to_world.device.type, enabled=False):
        poses, intrinsics = metric_poses(paths, reference), paths.intrinsics.float()
        rays = plucker_rays(poses, intrinsics, height, width)
        plans = camera_plans(config, poses, intrinsics, size, conventions, perturbation, dtype)
    return SeenCamera(poses, rays, plans)
