"""Bring one clip from its own unit to metres: triangulate under its poses, compare with metric depth, make a record."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, TypeVar

import msgspec
import numpy as np

from blender_addon.core.camera.trajectory import Trajectory
from blender_addon.core.errors import RealCamError
from server.reconstruction.scale import DEFAULT_RULES, DepthOfFrame, ScaleRules, clip_scale
from server.reconstruction.triangulate import triangulate

from .posed_clip import PosedClip

Row3 = Annotated[list[float], msgspec.Meta(min_length=3, max_length=3)]
Row4 = Annotated[list[float], msgspec.Meta(min_length=4, max_length=4)]
Matrix3 = Annotated[list[Row3], msgspec.Meta(min_length=3, max_length=3)]
Matrix4 = Annotated[list[Row4], msgspec.Meta(min_length=4, max_length=4)]
S = TypeVar("S", bound=msgspec.Struct)


class RecordError(RealCamError):
    """What an alignment wrote cannot be read again."""


class AlignRecord(msgspec.Struct, frozen=True, kw_only=True):
    """What is stored of one clip, as JSON.

    Attributes:
        clip: name of its folder.
        fingerprint: of the inputs and rules, so that a later run can tell whether the clip is done.
        frames: how many.
        scale: metres in one unit of the clip's poses; None when not known.
        spread: robust standard deviation of the frame scales, relative to `scale`.
        votes: observed points with depth.
        inliers: votes close to the clip's scale.
        refusal: why the scale is not accepted, "" when it is.
        frame_scales: [F] of each frame, None where it has too few points.
        smallest, largest: of the frame scales; None without any.
        reprojection_error: mean, pixels.
        camera_to_world: [F, 4, 4] relative to frame 0, metres; empty when refused.
        intrinsics: [F, 3, 3] pixels; empty when refused.
        notes: sentences on what was odd or assumed.
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
    camera_to_world: list[Matrix4]
    intrinsics: list[Matrix3]
    notes: tuple[str, ...] = ()


def align_clip(
    clip: PosedClip,
    depth_of_frame: DepthOfFrame,
    fingerprint: str,
    rules: ScaleRules = DEFAULT_RULES,
) -> AlignRecord:
    """The record of a clip: its scale, from points triangulated with its poses and intrinsics fixed.

    Args:
        clip: the frames and their cameras.
        depth_of_frame: metric depth by frame index.
        fingerprint: is stored in the record.
        rules: when a scale is accepted.

    Raises:
        CameraError: nothing can be triangulated.
        MissingPycolmapError: pycolmap is not installed.
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
    """The clip's cameras in the published form: relative to the first frame, in metres.

    Args:
        trajectory: in the clip's own world and unit.
        scale: metres in that unit.
    """
    return trajectory.relative_to(trajectory.camera_to_world[0]).rescale(scale)


def failed_record(name: str, fingerprint: str, why: str) -> AlignRecord:
    """The record of a clip that could not be aligned; `why` becomes its refusal."""
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


def read_record(file: Path) -> AlignRecord:
    """The record of a file.

    Raises:
        RecordError: it cannot be read, or is damaged.
    """
    return read_written(file, AlignRecord)


def read_written(file: Path, kind: type[S]) -> S:
    """What an alignment wrote into a file, as JSON.

    Args:
        file: of a record or a summary.
        kind: what it holds.

    Raises:
        RecordError: it cannot be read, or is damaged.
    """
    try:
        return msgspec.json.decode(file.read_bytes(), type=kind)
    except OSError as error:
        raise RecordError("A record cannot be read", f"{file}: {error.strerror}") from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        remedy = "Delete it, and run `realcam data align` or `data render` again."
        raise RecordError("A record is damaged", f"{file}: {error}", remedy) from error


def _number(value: float) -> float | None:
    """JSON has no NaN."""
    return float(value) if np.isfinite(value) else None
