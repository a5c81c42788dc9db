"""The camera a clip achieved, as a trajectory beside the one it was asked to follow."""

from __future__ import annotations

import numpy as np

from blender_addon.core.errors import CameraError
from blender_addon.core.trajectory import Trajectory

from .records import ClipEvaluation


def achieved_trajectory(evaluation: ClipEvaluation, reference: Trajectory) -> tuple[list[int], Trajectory]:
    """Frames that were placed (from 0), and their achieved cameras in the world of `reference`, starting with it.

    Distances are metres when the evaluation is metric; else they are fitted to the reference. Intrinsics are the
    reference's. Raises CameraError when the clip's camera was not found or the frames are not the reference's.
    """
    if len(reference) != evaluation.frames:
        raise CameraError(
            "The evaluation is of another camera", f"{evaluation.frames} frames against {len(reference)} of the camera"
        )
    placed = [(frame, pose) for frame, pose in enumerate(evaluation.achieved) if pose is not None]
    if not placed:
        raise CameraError("The clip's camera was not found", " ".join(evaluation.findings))
    frames = [frame for frame, _ in placed]
    poses = reference.camera_to_world[0] @ np.array([pose for _, pose in placed])
    lenses = reference.intrinsics[frames]
    return frames, Trajectory(poses, lenses, reference.width, reference.height, reference.fps)
