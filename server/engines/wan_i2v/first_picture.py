"""The picture that the network goes on from: the photo, or a preview that shows nearly all of its first frame."""

from __future__ import annotations

import numpy as np

from blender_addon.core.arrays import Bool, UInt8
from blender_addon.core.errors import EngineError
from blender_addon.core.payloads.shot import Shot
from server.engines.pipelines.fitting.hole_filling import filled
from server.engines.pipelines.fitting.visibility import OPAQUE
from server.engines.shot_pictures import engine_picture, reference_frame

from .rule import LEAST_SEEN


def begins_at_photo(shot: Shot) -> bool:
    """Whether the first frame stands where the photo was taken."""
    return reference_frame(shot.trajectory.camera_to_world[:1]) == 0


def seen_share(shot: Shot, inside: Bool) -> float:
    """The share of the first frame in which the preview shows the photo.

    Args:
        shot: at the network's size.
        inside: [H, W] where the network's frame shows the artist's.
    """
    return float((shot.preview[0, ..., 3] >= OPAQUE)[inside].mean())


def check_first_picture(shot: Shot, inside: Bool) -> tuple[str, ...]:
    """Notes on the picture that the clip goes on from.

    Args:
        shot: at the network's size.
        inside: [H, W] where the network's frame shows the artist's.

    Raises:
        EngineError: there is none: the shot begins where too little of the photo is seen, or its lens is far wider.
    """
    if begins_at_photo(shot):
        # Refused here where the lens is too wide for the photo, not after the network is loaded.
        engine_picture(shot, shot.trajectory.intrinsics[0])
        return ()
    share = seen_share(shot, inside)
    if share < LEAST_SEEN:
        raise EngineError(
            "The clip has no first picture to go on from",
            f"it does not begin where the photo was taken, and its first frame shows {share:.0%} of the photo; the "
            f"network needs {LEAST_SEEN:.0%}",
            "Begin the camera at the photo's, or choose an engine that needs no first picture, such as vace.",
        )
    return (f"The shot does not begin at the photo: the clip goes on from the preview, which shows {share:.0%} of it.",)


def first_picture(shot: Shot) -> UInt8:
    """[H, W, 3] uint8, the picture that the clip goes on from.

    Args:
        shot: at the network's size.
    """
    if begins_at_photo(shot):
        return engine_picture(shot, shot.trajectory.intrinsics[0])
    frame = shot.preview[:1]
    return np.asarray(filled(frame[..., :3], frame[..., 3] >= OPAQUE)[0])
