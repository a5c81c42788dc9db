"""Camera poses for the network, in torch: relative to the reference frame, and between every two frames.

The published code inverts matrices in float32 and, for two cameras at one place, draws a random direction. Both are
kept as an option (PUBLISHED) because the trained weights saw them; otherwise the arithmetic is float64 and the
direction is the camera's own motion.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

SAME_PLACE = 1e-6
"""Two camera centres closer than this along every axis (in the poses' unit of length) have no baseline."""


@dataclass(frozen=True)
class CameraConventions:
    """Where the published geometry and the correct one differ.

    Attributes:
        random_baseline: a frame against itself gets a line in a random direction (a new draw each time), not in the
            direction of its own motion.
        key_intrinsics_only: the fundamental matrix uses the key frame's intrinsics on both sides (wrong for zooms).
        cell_offset: pixels added to the centre of a mask cell; published -0.5, although the intrinsics are given for
            pixel centres at 0.5.
        single_precision: float32 throughout, general matrix inverse.
    """

    random_baseline: bool = False
    key_intrinsics_only: bool = False
    cell_offset: float = 0.0
    single_precision: bool = False


PUBLISHED = CameraConventions(random_baseline=True, key_intrinsics_only=True, cell_offset=-0.5, single_precision=True)
"""The published code's geometry."""
CORRECT = CameraConventions()
"""The correct geometry, in float64."""


def relative_poses(
    camera_to_world: Tensor,
    reference: Tensor,
    scale: Tensor | float = 1.0,
    frame_scales: Tensor | None = None,
) -> Tensor:
    """The poses as seen from a reference frame, with scaled translations.

    Args:
        camera_to_world: [B, T, 4, 4].
        reference: [B], index of each clip's reference frame.
        scale: factor on translations, a scalar or [B].
        frame_scales: [B, T], metres per unit of length as each frame's depth says; the reference frame's holds for its
            whole clip. Clips of unknown scale, as in training, need it; a shot's poses are metric already.

    Returns:
        Camera-to-reference [B, T, 4, 4]; the reference frame's is the identity.
    """
    batch = torch.arange(len(camera_to_world), device=camera_to_world.device)
    relative = torch.linalg.inv(camera_to_world[batch, reference])[:, None] @ camera_to_world
    factor = torch.as_tensor(scale, dtype=relative.dtype, device=relative.device).reshape(-1, 1, 1)
    if frame_scales is not None:
        factor = factor * frame_scales[batch, reference].to(relative)[:, None, None]
    scaled = relative.clone()
    scaled[..., :3, 3] = relative[..., :3, 3] * factor
    return scaled


def pair_poses(poses: Tensor) -> Tensor:
    """The poses between every two frames.

    Args:
        poses: camera-to-world [B, T, 4, 4].

    Returns:
        [B, T, T, 4, 4]: entry (i, j) maps frame i's camera coordinates to frame j's.
    """
    return torch.linalg.inv(poses)[:, None] @ poses[:, :, None]


def baselines(pairs: Tensor, poses: Tensor, conventions: CameraConventions, noise: Tensor | None = None) -> Tensor:
    """The translations between every two frames, with a substitute for those that are zero.

    Args:
        pairs: [B, T, T, 4, 4] as `pair_poses` gives them.
        poses: camera-to-world [B, T, 4, 4].
        conventions: their `random_baseline` says which substitute.
        noise: standard normal [B, T, T, 3], read where `random_baseline` is set only.

    Returns:
        [B, T, T, 3], none of them zero.

    Raises:
        ValueError: `random_baseline` is set and there is no noise.
    """
    translation = pairs[..., :3, 3]
    same = (translation.abs() < SAME_PLACE).all(dim=-1, keepdim=True)
    if conventions.random_baseline:
        if noise is None:
            raise ValueError("the published geometry needs its noise, [B, T, T, 3]")
        substitute = noise.to(translation) * SAME_PLACE
    else:
        substitute = motion_directions(poses)[:, None].expand_as(translation) * SAME_PLACE
    return torch.where(same, substitute, translation)


def motion_directions(poses: Tensor) -> Tensor:
    """The direction in which each camera moves, in its own axes.

    This is what the epipole of two neighbouring frames tends to as they approach each other.

    Args:
        poses: camera-to-world [B, T, 4, 4].

    Returns:
        [B, T, 3] unit vectors; along x where the camera stands still.
    """
    centres = poses[..., :3, 3]
    velocity = torch.zeros_like(centres)
    if centres.shape[1] > 1:
        velocity[:, 0] = centres[:, 1] - centres[:, 0]
        velocity[:, -1] = centres[:, -1] - centres[:, -2]
        velocity[:, 1:-1] = centres[:, 2:] - centres[:, :-2]
    local = (poses[..., :3, :3].transpose(-1, -2) @ velocity[..., None])[..., 0]
    length = local.norm(dim=-1, keepdim=True)
    sideways = torch.tensor([1.0, 0.0, 0.0], dtype=local.dtype, device=local.device).expand_as(local)
    return torch.where(length < SAME_PLACE, sideways, local / length.clamp_min(SAME_PLACE))
