"""Results of an evaluation as they are written to JSON."""

from __future__ import annotations

import msgspec


class PublishedErrors(msgspec.Struct, frozen=True, kw_only=True):
    """RotErr, TransErr and CamMC as published: sums over the frames; see metrics.CameraErrors.

    Attributes:
        rot_err: radians.
        trans_err_rel, cam_mc_rel: each trajectory normalised by its own extent.
        trans_err_abs, cam_mc_abs: both normalised by the asked one's; None when the solved camera is not in metres.
    """

    rot_err: float
    trans_err_rel: float
    cam_mc_rel: float
    trans_err_abs: float | None
    cam_mc_abs: float | None


class TrialRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One solve.

    Attributes:
        seed: of its random numbers.
        failure: why not every frame was placed; "" when every one was.
        placed: frames with a pose.
        points: triangulated.
        reprojection_error: mean, pixels; None without points.
        metres_per_unit: by the depth of the first frame; None when no point there has depth.
        scale_votes: how many points gave metres_per_unit.
        scale_spread: robust standard deviation of theirs, relative to it.
        errors: only when every frame was placed.
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
    """The error of one frame.

    Attributes:
        degrees, metres: None where the frame was not placed. Metres are fitted when the evaluation is not metric.
    """

    degrees: float | None
    metres: float | None


class AgreementRecord(msgspec.Struct, frozen=True, kw_only=True):
    """Agreement of a clip with its preview, one value a frame.

    Attributes:
        psnr: dB; None where nothing is visible or nothing differs.
        ssim: -1..1; None where no whole window is visible.
        visible: share of the frame that the preview covers.
    """

    psnr: list[float | None]
    ssim: list[float | None]
    visible: list[float]


class ClipEvaluation(msgspec.Struct, frozen=True, kw_only=True):
    """The evaluation of one clip.

    Attributes:
        clip, reference: names, for the report.
        frames, width, height: of the clip.
        metric: whether achieved distances are metres; else they are fitted to the asked ones.
        trials: all solves.
        failed: how many of them did not place every frame.
        errors: mean over the complete trials (those beyond 10 standard deviations left out, as published) or None.
        errors_per_frame: [F] of the best trial.
        scale: achieved distance over asked, after undoing delay and mirror; None when not metric.
        delay: frames by which the clip is late (negative: early).
        mirror: what the move exchanges, a key of diagnosis.MIRRORS; "" when it is not mirrored.
        findings: sentences for the artist.
        notes: what was done to the reference to make it fit.
        asked: [F, 4, 4] relative to frame 0.
        achieved: [F, 4, 4] relative to frame 0, of the best trial; None for frames that were not placed.
        agreement: with the preview; None without one.
        seconds: that the evaluation took.
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
    """Everything that one run of `realcam evaluate` found.

    Attributes:
        clips: the evaluations.
        errors: mean over the clips that have them; None when none has.
        solves: of all clips.
        failed_solves: how many of them did not place every frame.
        video_distance: FVD; None when it was not asked for.
    """

    clips: list[ClipEvaluation]
    errors: PublishedErrors | None
    solves: int
    failed_solves: int
    video_distance: float | None = None
