"""The input of an evaluation: a clip's frames, and the camera it was asked to follow."""

from __future__ import annotations

from dataclasses import dataclass

from blender_addon.core.arrays import UInt8
from blender_addon.core.camera.projection import scaled_intrinsics
from blender_addon.core.camera.trajectory import Trajectory
from blender_addon.core.payloads.shot import Shot
from server.reconstruction.scale import DepthMap


@dataclass(frozen=True, eq=False)
class EvaluationInput:
    """A clip and what is known of it.

    Attributes:
        clip: name, for the report.
        frames: [F, H, W, 3] uint8.
        reference_name: for the report.
        reference: the camera that was asked for.
        scene_depth: metric depth seen by the reference camera (the world of the trajectory); None when unknown.
        preview: [F, H, W, 4] uint8, straight alpha, or None.
    """

    clip: str
    frames: UInt8
    reference_name: str
    reference: Trajectory
    scene_depth: DepthMap | None = None
    preview: UInt8 | None = None


def input_of_shot(clip: str, frames: UInt8, shot_name: str, shot: Shot) -> EvaluationInput:
    """The input for a clip made from a shot, which gives camera, depth and preview.

    Args:
        clip: name, for the report.
        frames: [F, H, W, 3] uint8.
        shot_name: for the report.
        shot: its preview is left out when its frame count or size is not the clip's.
    """
    width, height = shot.photo_size
    rows, columns = shot.depth.shape
    lens = scaled_intrinsics(shot.photo_intrinsics, (width, height), (columns, rows))
    preview = shot.preview if frames.shape[:3] == shot.preview.shape[:3] else None
    return EvaluationInput(clip, frames, shot_name, shot.trajectory, DepthMap(shot.depth, lens), preview)
