"""A shot's camera as SANA-WM is given it: from where its photo was taken, 8 k + 1 frames."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from blender_addon.core.camera.beginning import lead_in_frames, moved
from blender_addon.core.camera.trajectory import Trajectory, interpolate_poses
from blender_addon.core.errors import EngineError

from .rule import GENTLE, GROUP, MOST_FRAMES

FASTEST = (0.05, 1.2)
"""Metres and degrees a frame of the fastest move in the model's own examples."""


@dataclass(frozen=True, eq=False)
class CameraPath:
    """The camera of every frame that is generated.

    Attributes:
        trajectory: [8 k + 1] frames; the first stands where the photo was taken.
        lead_in: frames at its start that are cut off.
        shown: the shot's frames, after them; what follows repeats the last.
    """

    trajectory: Trajectory
    lead_in: int
    shown: slice


def camera_path(shot: Trajectory, scale: float = 1.0) -> CameraPath:
    """The path for a shot, with a lead-in from the photo where the shot begins elsewhere.

    The model takes the first frame for the photo's, so a shot that begins elsewhere must be walked up to.

    Args:
        shot: relative to the photo's camera, metres, in the engine's pixels.
        scale: factor on all distances, for a model that moves more or less than it is told.

    Raises:
        EngineError: the lead-in and the shot together are longer than the model makes.
    """
    told = shot.rescale(scale)
    lead_in = lead_in_frames(moved(told.camera_to_world[0]), GENTLE)
    wanted = lead_in + len(told)
    made = GROUP * math.ceil((wanted - 1) / GROUP) + 1
    if made > MOST_FRAMES:
        raise EngineError(
            "The shot is longer than the model makes",
            f"{len(shot)} frames, and {lead_in} to come from the photo to where it begins, are more than {MOST_FRAMES}",
            "Make it shorter, or begin nearer to where the photo was taken.",
        )
    share = np.arange(lead_in) / max(lead_in, 1)
    start = interpolate_poses(
        np.repeat(np.eye(4)[None], lead_in, axis=0), np.repeat(told.camera_to_world[:1], lead_in, axis=0), share
    )
    after = made - wanted
    poses = np.concatenate([start, told.camera_to_world, np.repeat(told.camera_to_world[-1:], after, axis=0)])
    lenses = np.concatenate(
        [np.repeat(told.intrinsics[:1], lead_in, 0), told.intrinsics, *[told.intrinsics[-1:]] * after]
    )
    return CameraPath(replace(told, camera_to_world=poses, intrinsics=lenses), lead_in, slice(lead_in, wanted))


def lead_in_note(path: CameraPath) -> str:
    """A sentence where frames were made only to come to the shot's beginning, else ""."""
    if path.lead_in == 0:
        return ""
    return f"The shot does not begin at the photo: {path.lead_in} frames from there to it were made, and cut off."


def speed_note(path: CameraPath) -> str:
    """A sentence where the camera moves faster than in the model's own examples, else ""."""
    poses = path.trajectory.camera_to_world
    moves = np.linalg.inv(poses[:-1]) @ poses[1:]
    metres, degrees = np.array([moved(move) for move in moves]).reshape(-1, 2).max(axis=0, initial=0.0)
    if metres <= FASTEST[0] and degrees <= FASTEST[1]:
        return ""
    return (
        f"The camera moves up to {metres:.2f} m and {degrees:.1f} degrees from frame to frame; the model's own "
        f"examples stay below {FASTEST[0]} m and {FASTEST[1]} degrees. Slower shots follow the camera better."
    )
