"""Camera poses for the network, in torch: relative to the reference frame, and between every two frames.

The published code inverts matrices in float32 and, for two cameras at one place, draws a random direction. Both are
kept as an option (CameraConventions.published) because the trained weights saw them; otherwise the arithmetic is
float64 and the direction is the camera's own motion.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

SAME_PLACE = 1e-6
"""Two camera centres closer than this along every axis (scene units) have no baseline."""


@dataclass(frozen=True)
class CameraConventions:
    """Where the published geometry and the correct one differ.

    random_baseline: a frame against itself gets a line in a random direction (a new draw each time), not in the
        direction of its own motion.
    key_intrinsics_only: the fundamental matrix uses the key frame's intrinsics on both sides (wrong for zooms).
    cell_offset: pixels added to the centre of a mask cell; published -0.5, although K is given for centres at 0.5.
    single_precision: float32 throughout, general matrix inverse.
    """

    random_baseline: bool = False
    key_intrinsics_only: bool = False
    cell_offset: float = 0.0
    single_precision: bool = False


PUBLISHED = CameraConventions(random_baseline=True, key_intrinsics_only=True, cell_offset=-0.5, single_precision=True)
CORRECT = CameraConventions()


def relative_poses(
    camera_to_world: Tensor,
    reference: Tensor,
    scale: Tensor | float = 1.0,
    frame_scales: Tensor | None = None,
) -> Tensor:
    """Poses [B, T, 4, 4] seen from frame reference [B], translations times `scale` (scalar or [B]).

    frame_scales: metres per unit as each frame's depth says, [B, T]; the reference frame's holds for its whole clip.
    Clips of unknown scale, as in training, need it; a shot's poses are metric already.
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
    """[B, T, T, 4, 4] from poses [B, T, 4, 4]: entry (i, j) maps frame i's camera coordinates to frame j's."""
    return torch.linalg.inv(poses)[:, None] @ poses[:, :, None]


def baselines(pairs: Tensor, poses: Tensor, conventions: CameraConventions, noise: Tensor | None = None) -> Tensor:
    """Translations [B, T, T, 3] of `pairs`, none of them zero.

    noise: standard normal [B, T, T, 3], used where the published convention wants a random direction.
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
    """[B, T, 3] unit direction in which each camera moves, in its own axes; along x while it stands still.

    This is what the epipole of two neighbouring frames tends to as they approach each other.
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
