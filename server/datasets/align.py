"""One clip from its own unit to metres: triangulate under its poses, compare with metric depth, write it down."""

from __future__ import annotations

import msgspec
import numpy as np

from blender_addon.core.camera.trajectory import Trajectory
from server.reconstruction.scale import DEFAULT_RULES, DepthOfFrame, ScaleRules, clip_scale
from server.reconstruction.triangulate import triangulate

from .posed_clip import PosedClip


class AlignRecord(msgspec.Struct, frozen=True, kw_only=True):
    """What is kept of a clip.

    scale: metres in one unit of the clip's poses; refusal: why it is not to be believed, "" when it is.
    frame_scales: null where a frame has too few points. camera_to_world: relative to frame 0, metres, [F, 4, 4]; empty
    when refused. fingerprint: of the inputs and rules, so that a second run knows what is done.
    """

    clip: str
    fingerprint: str
    frames: int
    scale: float | None
    spread: float | None
    votes: int
    inliers: int
    refusal: str
    frame_scales: list[float | None]
    smallest: float | None
    largest: float | None
    reprojection_error: float | None
    camera_to_world: list[list[list[float]]]
    intrinsics: list[list[list[float]]]
    notes: tuple[str, ...] = ()


def align_clip(
    clip: PosedClip,
    depth_of_frame: DepthOfFrame,
    fingerprint: str,
    rules: ScaleRules = DEFAULT_RULES,
) -> AlignRecord:
    """Triangulate the clip with its poses and intrinsics fixed and find its scale.

    Raises CameraError when nothing can be triangulated.
    """
    t = clip.trajectory
    model = triangulate(clip.folder, tuple(file.name for file in clip.files), t)
    found = clip_scale(model, t.intrinsics, (t.width, t.height), depth_of_frame, rules)
    known = found.frame_scales[np.isfinite(found.frame_scales)]
    return AlignRecord(
        clip=clip.name,
        fingerprint=fingerprint,
        frames=len(t),
        scale=_number(found.scale),
        spread=_number(found.spread),
        votes=found.votes,
        inliers=found.inliers,
        refusal=found.refusal,
        frame_scales=[_number(value) for value in found.frame_scales],
        smallest=float(known.min()) if len(known) else None,
        largest=float(known.max()) if len(known) else None,
        reprojection_error=_number(model.reprojection_error),
        camera_to_world=[] if found.refusal else in_metres(t, found.scale).camera_to_world.tolist(),
        intrinsics=[] if found.refusal else t.intrinsics.tolist(),
        notes=clip.notes,
    )


def in_metres(trajectory: Trajectory, scale: float) -> Trajectory:
    """The published form of a clip's cameras: relative to its first frame, distances times the clip's scale."""
    return trajectory.relative_to(trajectory.camera_to_world[0]).rescale(scale)


def failed_record(name: str, fingerprint: str, why: str) -> AlignRecord:
    """The record of a clip that could not be aligned at all."""
    return AlignRecord(
        clip=name,
        fingerprint=fingerprint,
        frames=0,
        scale=None,
        spread=None,
        votes=0,
        inliers=0,
        refusal=why,
        frame_scales=[],
        smallest=None,
        largest=None,
        reprojection_error=None,
        camera_to_world=[],
        intrinsics=[],
    )


def _number(value: float) -> float | None:
    """JSON has no NaN."""
    return float(value) if np.isfinite(value) else None
