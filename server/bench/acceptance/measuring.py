"""What a clip of a known scene is measured by: the camera that it shows, and how like the truth it is."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from blender_addon.core.arrays import Bool, Float64, UInt8
from blender_addon.core.camera.rotation import rotation_log
from blender_addon.core.errors import RealCamError
from blender_addon.core.payloads.shot import Shot
from server.bench.fill_truth.scenes import VISIBLE
from server.evaluation.agreement import psnr
from server.evaluation.evaluate import evaluate_clip
from server.evaluation.inputs import input_of_shot
from server.evaluation.records import ClipEvaluation
from server.packages import absent_packages

from .clips import Truth
from .records import CameraFigures, TruthFigures

MOST_SOLVED = 17
"""Frames of a clip that its camera is solved from, spread evenly: more take long and make a camera no truer."""
LEAST_TRAVEL, LEAST_TURN = 1e-3, np.radians(0.5)
"""Metres and radians that must be asked for before the share that was followed means something."""


def camera_of(frames: UInt8, shot: Shot, name: str, trials: int) -> tuple[ClipEvaluation | None, str]:
    """The evaluation of a clip's camera, or why there is none.

    Args:
        frames: [F, H, W, 3] of the clip.
        shot: what it was made of.
        name: of the clip, for the report.
        trials: solves.
    """
    if absent := absent_packages(("pycolmap",), extra="evaluation"):
        return None, f"Cameras cannot be solved on this machine: {absent}."
    chosen = np.unique(np.linspace(0, len(frames) - 1, min(MOST_SOLVED, len(frames))).round().astype(int))
    camera = shot.trajectory
    cut = replace(
        shot,
        trajectory=replace(
            camera, camera_to_world=camera.camera_to_world[chosen], intrinsics=camera.intrinsics[chosen]
        ),
        preview=shot.preview[chosen],
    )
    try:
        return evaluate_clip(input_of_shot(name, frames[chosen], "its shot", cut), trials), ""
    except RealCamError as error:
        return None, error.sentence


def camera_figures(found: ClipEvaluation) -> CameraFigures:
    """An evaluation in a few numbers."""
    asked = np.array(found.asked)
    known = [index for index, pose in enumerate(found.achieved) if pose is not None]
    degrees, metres = (
        [value for value in (getattr(frame, name) for frame in found.errors_per_frame) if value is not None]
        for name in ("degrees", "metres")
    )
    travels = float(np.linalg.norm(asked[:, :3, 3], axis=1).max()) > LEAST_TRAVEL
    return CameraFigures(
        solved_frames=found.frames,
        solves=len(found.trials),
        failed=found.failed,
        followed=found.scale if travels else None,
        turned=_turned(asked[known[-1]], np.array(found.achieved[known[-1]])) if known else None,
        degrees=float(np.mean(degrees)) if degrees else None,
        metres=float(np.mean(metres)) if metres and found.metric else None,
        rot_err=None if found.errors is None else found.errors.rot_err,
        trans_err=None if found.errors is None else found.errors.trans_err_rel,
        findings=found.findings,
        seconds=found.seconds,
    )


def truth_figures(own: UInt8, kept: UInt8, preview: UInt8, truth: Truth) -> TruthFigures:
    """How like the true pictures a clip is.

    Args:
        own: [F, H, W, 3] the engine's frames.
        kept: [F, H, W, 3] the same with the photo laid back over them.
        preview: [F, H, W, 4].
        truth: of some of the frames.
    """
    chosen = list(truth.frames)
    seen = preview[chosen, ..., 3] >= VISIBLE
    shown, hidden = seen & truth.counted, ~seen & truth.counted
    return TruthFigures(
        frames=truth.frames,
        preview_seen=_psnr(preview[chosen, ..., :3], truth.pictures, shown),
        seen=_psnr(own[chosen], truth.pictures, shown),
        unseen=_psnr(own[chosen], truth.pictures, hidden),
        kept_seen=_psnr(kept[chosen], truth.pictures, shown),
        kept_unseen=_psnr(kept[chosen], truth.pictures, hidden),
    )


def _turned(asked: Float64, achieved: Float64) -> float | None:
    """Angle turned over the angle asked for, about the axis asked for; None where no turn was asked for."""
    wanted, got = rotation_log(asked[None, :3, :3])[0], rotation_log(achieved[None, :3, :3])[0]
    angle = float(np.linalg.norm(wanted))
    return float(got @ wanted) / angle**2 if angle > LEAST_TURN else None


def _psnr(pictures: UInt8, truth: UInt8, where: Bool) -> float | None:
    if not where.any():
        return None
    value = psnr(pictures.astype(np.float64), truth.astype(np.float64), where)
    return value if np.isfinite(value) else None
