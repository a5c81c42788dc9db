"""What an evaluation says, as it is written to JSON. Distances are metres when `metric`, else fitted."""

from __future__ import annotations

import msgspec


class PublishedErrors(msgspec.Struct, frozen=True, kw_only=True):
    """RotErr, TransErr and CamMC as published: sums over the frames; see metrics.CameraErrors.

    The absolute ones are None when the scale of the solved camera is not known in metres.
    """

    rot_err: float
    trans_err_rel: float
    cam_mc_rel: float
    trans_err_abs: float | None
    cam_mc_abs: float | None


class TrialRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One solve. failure: "" when every frame was placed. errors: only then.

    metres_per_unit: by the depth of the first frame, from scale_votes points that spread by scale_spread (relative).
    """

    seed: int
    failure: str
    placed: int
    points: int
    reprojection_error: float | None
    metres_per_unit: float | None
    scale_votes: int
    scale_spread: float | None
    errors: PublishedErrors | None


class FrameRecord(msgspec.Struct, frozen=True, kw_only=True):
    """Error of one frame, None where it was not placed."""

    degrees: float | None
    metres: float | None


class AgreementRecord(msgspec.Struct, frozen=True, kw_only=True):
    """Clip against preview where the preview sees anything, one value a frame (None: nothing visible, or no error)."""

    psnr: list[float | None]
    ssim: list[float | None]
    visible: list[float]


class ClipEvaluation(msgspec.Struct, frozen=True, kw_only=True):
    """One clip. errors: mean over the complete trials (those beyond 10 standard deviations left out, as published).

    scale: achieved distance over asked, after undoing delay and mirror; None when not metric.
    asked, achieved: relative to frame 0, [F, 4, 4]; achieved frames are None where not placed; of the best trial.
    findings: sentences for the artist.
    """

    clip: str
    reference: str
    frames: int
    width: int
    height: int
    metric: bool
    trials: list[TrialRecord]
    failed: int
    errors: PublishedErrors | None
    errors_per_frame: list[FrameRecord]
    scale: float | None
    delay: float
    mirror: str
    findings: tuple[str, ...]
    notes: tuple[str, ...]
    asked: list[list[list[float]]]
    achieved: list[list[list[float]] | None]
    agreement: AgreementRecord | None = None
    seconds: float = 0.0


class EvaluationReport(msgspec.Struct, frozen=True, kw_only=True):
    """Everything one run of `realcam evaluate` found. video_distance: FVD, when it was asked for."""

    clips: list[ClipEvaluation]
    errors: PublishedErrors | None
    solves: int
    failed_solves: int
    video_distance: float | None = None
