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
        reprojection_error: mean over the observations that fit, pixels; None without any. It does not tell a right
            camera from a wrong one, which drops what it cannot explain.
        metres_per_unit: by the depth of the first frame; None when no point there has depth.
        scale_votes: how many points gave metres_per_unit.
        scale_spread: robust standard deviation of theirs, relative to it.
        errors: only when every frame was placed.
        start: what the search that led to this camera began with.
        tracks: points that can be followed through the clip.
        inliers: share of their observations that the camera explains; None without a camera, as all that follow.
        held_out: the same over the points that it was not adjusted to.
        angle: median triangulation angle, degrees.
        parallax: pixels that the pictures show beyond what turning explains.
        agrees: whether the camera is on the path of the reported solve.
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
    start: str = ""
    tracks: int = 0
    inliers: float | None = None
    held_out: float | None = None
    angle: float | None = None
    parallax: float | None = None
    agrees: bool = True


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
        errors: of the reported solve; None when it did not place every frame.
        errors_per_frame: [F] of the reported solve.
        scale: achieved distance over asked, after undoing delay and mirror; None when not metric.
        delay: frames by which the clip is late (negative: early).
        mirror: what the move exchanges, a key of diagnosis.MIRRORS; "" when it is not mirrored.
        findings: sentences for the artist.
        notes: what was done to the reference to make it fit.
        asked: [F, 4, 4] relative to frame 0.
        achieved: [F, 4, 4] relative to frame 0, of the reported solve; None for frames that were not placed.
        agreement: with the preview; None without one.
        seconds: that the evaluation took.
        reported: index of the reported solve, the one whose camera fits the pictures best; None without a camera.
        published_mean: the mean over the complete solves (those beyond 10 standard deviations left out), as published,
            whether they agree or not; None without any.
        doubts: why the reported camera may be wrong; they are among the findings too.
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
    reported: int | None = None
    published_mean: PublishedErrors | None = None
    doubts: tuple[str, ...] = ()


class EvaluationReport(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that one run of `realcam evaluate` found.

    Attributes:
        clips: the evaluations.
        errors: mean over the clips that have them, of their reported solves; None when none has.
        solves: of all clips.
        failed_solves: how many of them did not place every frame.
        video_distance: FVD; None when it was not asked for.
        published_mean: mean over the clips' means over their solves; None when none has one.
    """

    clips: list[ClipEvaluation]
    errors: PublishedErrors | None
    solves: int
    failed_solves: int
    video_distance: float | None = None
    published_mean: PublishedErrors | None = None
