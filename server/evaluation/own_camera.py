"""The camera a clip of ours was asked to follow, which it carries with it."""

from __future__ import annotations

from pathlib import Path

import av
import msgspec
import numpy as np

from blender_addon.core.errors import CameraError
from blender_addon.core.shot import ClipSidecar
from blender_addon.core.trajectory import Trajectory


def camera_of_clip(clip: Path) -> Trajectory:
    """From the comment inside an mp4, or the metadata.json in a folder of frames. Raises CameraError without one."""
    try:
        sidecar = msgspec.json.decode(_stored(clip), type=ClipSidecar)
    except (OSError, KeyError, msgspec.DecodeError) as error:
        raise CameraError(
            f"{clip.name} does not carry its camera",
            str(error) or type(error).__name__,
            "Give the camera with --reference, or the shot with --shot.",
        ) from error
    made = sidecar.metadata
    poses, intrinsics = np.array(made.camera_to_world), np.array(made.intrinsics)
    return Trajectory(poses, intrinsics, made.width, made.height, made.fps)


def _stored(clip: Path) -> bytes:
    if clip.is_dir():
        return (clip / "metadata.json").read_bytes()
    with av.open(str(clip)) as container:
        return container.metadata["comment"].encode()
