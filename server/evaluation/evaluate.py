"""Evaluate one clip: solve its camera several times and compare it with the one it was asked to follow."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import av
import msgspec
import numpy as np

from blender_addon.core.arrays import Float64, UInt8
from blender_addon.core.camera.trajectory import Trajectory
from blender_addon.core.errors import CameraError
from blender_addon.core.payloads.clip import ClipSidecar
from blender_addon.core.progress import OnProgress, unwatched
from server.reconstruction.scale import MAD_TO_SIGMA, DepthMap, depth_along, scale_votes

from .agreement import agreement
from .consensus import consensus
from .diagnosis import Diagnosis, diagnose
from .first_frame_depth import depth_of_first_frame
from .inputs import EvaluationInput
from .merge import merged_errors
from .metrics import camera_errors, frame_errors, relative_to_first
from .records import AgreementRecord, ClipEvaluation, FrameRecord, PublishedErrors, TrialRecord
from .solve import Trial, solve_clip, solve_direct

Method = Literal["features", "direct"]
DEFAULT_TRIALS = 2
"""Solves of a clip."""
SIZE_TOLERANCE = 0.02
"""Relative difference of aspect up to which a reference camera fits a clip."""


@dataclass(frozen=True, eq=False)
class _Measured:
    """A trial and the camera that it found.

    Attributes:
        record: the trial's numbers.
        achieved: [F, 4, 4] relative to frame 0, in metres or with its distances fitted to the asked ones; None when
            frame 0 was not placed.
        still: whether the camera does not travel, so that its distances are known without a scale.
    """

    record: TrialRecord
    achieved: Float64 | None
    still: bool = False


def evaluate_clip(
    given: EvaluationInput,
    trials: int = DEFAULT_TRIALS,
    on_progress: OnProgress = unwatched,
    method: Method = "features",
) -> ClipEvaluation:
    """Solve the clip's camera and compare it with the reference.

    Args:
        given: the clip, its reference camera, and what is known of the scene.
        trials: solves.
        on_progress: is told each stage.
        method: "features" follows points through the clip; "direct" aligns each frame to the first one, whose depth
            must be known, for clips too small for features. It solves once.

    Returns:
        Everything that was measured. A camera that cannot be found is not an error: its trials say why.

    Raises:
        CameraError: the reference does not fit the clip, the clip is too short, or the direct method has no depth.
        ShotError: the preview does not fit the clip.
        MissingPycolmapError: pycolmap is not installed.
        Exception: what `on_progress` raises; it ends the evaluation.
    """
    started = time.monotonic()
    reference, notes = fitted_reference(given.reference, given.frames)
    asked = relative_to_first(reference.camera_to_world)
    depth = None if given.scene_depth is None else depth_of_first_frame(given.scene_depth, reference)
    if method == "features":
        solves = list(solve_clip(given.frames, reference, trials, on_progress))
    elif depth is None:
        raise CameraError(
            "Frames cannot be aligned directly", "the depth of the first frame is not known", "Give it with --depth."
        )
    else:
        solves = list(solve_direct(given.frames, reference, depth, on_progress))
    agreed = consensus(solves)
    measured = [
        _measure(trial, asked, reference, depth, agrees) for trial, agrees in zip(solves, agreed.agrees, strict=True)
    ]
    best = None if agreed.reported is None else measured[agreed.reported]
    records = [trial.record for trial in measured]
    still = best is not None and best.still
    metric = best is not None and (best.record.metres_per_unit is not None or (still and depth is not None))
    found = None if best is None or best.achieved is None else diagnose(asked, best.achieved, metric)
    achieved = None if best is None else best.achieved
    return ClipEvaluation(
        clip=given.clip,
        reference=given.reference_name,
        frames=len(asked),
        width=reference.width,
        height=reference.height,
        metric=metric,
        trials=records,
        failed=sum(record.failure != "" for record in records),
        errors=None if best is None else best.record.errors,
        errors_per_frame=_per_frame(asked, achieved),
        scale=found.fitted_scale if metric and found else None,
        delay=found.delay if found else 0.0,
        mirror=found.mirror if found else "",
        findings=_findings(found, records, metric, agreed.doubts, best),
        notes=notes,
        asked=asked.tolist(),
        achieved=_listed(achieved, len(asked)),
        agreement=None if given.preview is None else _agreement(given.frames, given.preview),
        seconds=time.monotonic() - started,
        reported=agreed.reported,
        published_mean=merged_errors([record.errors for record in records if record.errors is not None]),
        doubts=agreed.doubts,
    )


def fitted_reference(reference: Trajectory, frames: UInt8) -> tuple[Trajectory, tuple[str, ...]]:
    """The reference at the clip's size and frame count, and notes on what was changed.

    Args:
        reference: the camera that was asked for.
        frames: [F, H, W, 3] of the clip.

    Raises:
        CameraError: its aspect differs by more than SIZE_TOLERANCE, so that pixels cannot be compared.
    """
    count, height, width = frames.shape[:3]
    notes = []
    if abs((width / height) / (reference.width / reference.height) - 1) > SIZE_TOLERANCE:
        raise CameraError(
            "The reference camera does not fit the clip",
            f"clip {width} x {height}, camera {reference.width} x {reference.height}",
            "Give the camera of this clip, or a clip that is not cropped.",
        )
    if (width, height) != (reference.width, reference.height):
        notes.append(f"The camera of {reference.width} x {reference.height} px is drawn at the clip's size.")
        reference = reference.resized(width, height)
    if count != len(reference):
        notes.append(f"The camera's {len(reference)} frames are spread over the clip's {count}.")
        reference = reference.resample(count)
    return reference, tuple(notes)


def _measure(trial: Trial, asked: Float64, reference: Trajectory, depth: DepthMap | None, agrees: bool) -> _Measured:
    model = trial.model
    if model is None or not model.placed[0]:
        failure = trial.failure or "The first frame was not placed."
        placed = 0 if model is None else int(model.placed.sum())
        return _Measured(_record(trial, failure, placed, None, np.empty(0), None, agrees), None)
    votes = np.empty(0)
    if depth is not None:
        mine = model.frame == 0
        metric = depth_along(depth, model.pixel[mine], reference.intrinsics[0], reference.width, reference.height)
        votes = scale_votes(metric, model.depths()[mine])
    still = trial.best is not None and trial.best.still
    achieved = relative_to_first(model.camera_to_world)
    metres = float(np.median(votes)) if len(votes) else None
    achieved[:, :3, 3] *= _fitting_scale(asked, achieved) if metres is None else metres
    errors = None
    if trial.complete:
        found = camera_errors(asked, achieved)
        known = metres is not None or (still and depth is not None)
        errors = PublishedErrors(
            rot_err=found.rot_err,
            trans_err_rel=found.trans_err_rel,
            cam_mc_rel=found.cam_mc_rel,
            trans_err_abs=found.trans_err_abs if known else None,
            cam_mc_abs=found.cam_mc_abs if known else None,
        )
    record = _record(trial, trial.failure, int(model.placed.sum()), metres, votes, errors, agrees)
    return _Measured(record, achieved, still)


def _record(
    trial: Trial,
    failure: str,
    placed: int,
    metres: float | None,
    votes: Float64,
    errors: PublishedErrors | None,
    agrees: bool,
) -> TrialRecord:
    error = np.nan if trial.model is None else trial.model.reprojection_error
    spread = None if metres is None else float(MAD_TO_SIGMA * np.median(np.abs(votes - metres)) / metres)
    fit = None if trial.best is None else trial.best.fit
    return TrialRecord(
        seed=trial.seed,
        failure=failure,
        placed=placed,
        points=0 if trial.model is None else len(trial.model.points),
        reprojection_error=_finite(error),
        metres_per_unit=metres,
        scale_votes=len(votes),
        scale_spread=spread,
        errors=errors,
        start="" if trial.best is None else trial.best.start,
        tracks=trial.tracks,
        inliers=None if fit is None else fit.inliers,
        held_out=None if fit is None else _finite(fit.held_out),
        angle=None if fit is None else fit.angle,
        parallax=None if trial.found is None else _finite(trial.found.parallax),
        agrees=agrees,
    )


def _fitting_scale(asked: Float64, achieved: Float64) -> float:
    """Least-squares factor from achieved to asked distances; 1 where either stands still or they oppose each other."""
    known = np.isfinite(achieved).all(axis=(1, 2))
    ours, theirs = asked[known, :3, 3], achieved[known, :3, 3]
    power, along = float((theirs**2).sum()), float((ours * theirs).sum())
    if along > 0:
        return along / power
    return float(np.linalg.norm(ours) / np.sqrt(power)) if power > 0 else 1.0


def _per_frame(asked: Float64, achieved: Float64 | None) -> list[FrameRecord]:
    if achieved is None:
        return [FrameRecord(degrees=None, metres=None)] * len(asked)
    errors = frame_errors(asked, achieved)
    return [
        FrameRecord(degrees=_finite(degrees), metres=_finite(metres))
        for degrees, metres in zip(errors.degrees, errors.metres, strict=True)
    ]


def _findings(
    found: Diagnosis | None,
    records: list[TrialRecord],
    metric: bool,
    doubts: tuple[str, ...],
    reported: _Measured | None,
) -> tuple[str, ...]:
    failures = tuple(f"Trial {record.seed + 1}: {record.failure}" for record in records if record.failure)
    if found is None or reported is None:
        return ("The clip's camera could not be found.", *failures)
    if reported.still:
        seen = (
            f"The pictures show no parallax ({reported.record.parallax:.1f} px): the camera stands still or only turns."
        )
        return (*found.findings, seen, *doubts, *failures)
    unknown = () if metric else ("Without the scene's depth the camera's scale cannot be judged.",)
    return (*found.findings, *doubts, *unknown, *failures)


def _agreement(frames: UInt8, preview: UInt8) -> AgreementRecord:
    found = agreement(frames, preview)
    return AgreementRecord(
        psnr=[_finite(value) for value in found.psnr],
        ssim=[_finite(value) for value in found.ssim],
        visible=found.visible.tolist(),
    )


def _listed(achieved: Float64 | None, count: int) -> list[list[list[float]] | None]:
    if achieved is None:
        return [None] * count
    return [pose.tolist() if np.isfinite(pose).all() else None for pose in achieved]


def _finite(value: float) -> float | None:
    """The number, or None for NaN and infinity, which JSON does not have."""
    return float(value) if np.isfinite(value) else None


def camera_of_clip(clip: Path) -> Trajectory:
    """The camera stored with a clip.

    Args:
        clip: an mp4 with the metadata in its comment, or a folder of frames with a metadata.json.

    Raises:
        CameraError: the clip carries no camera.
    """
    try:
        sidecar = msgspec.json.decode(_stored(clip), type=ClipSidecar)
    except (OSError, KeyError, msgspec.DecodeError) as error:
        raise CameraError(
            f"{clip.name} does not carry its camera",
            str(error) or type(error).__name__,
            "Give the camera with --reference, or the shot with --shot.",
        ) from error
    return sidecar.metadata.trajectory()


def _stored(clip: Path) -> bytes:
    if clip.is_dir():
        return (clip / "metadata.json").read_bytes()
    with av.open(str(clip)) as container:
        return container.metadata["comment"].encode()
