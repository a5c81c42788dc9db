"""An engine that measures a clip's camera: a clip and the camera asked for in, the achieved camera out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from blender_addon.core.errors import EngineError
from blender_addon.core.payloads.check_request import CHECKER, CheckRequest, CheckResult
from blender_addon.core.progress import OnProgress
from blender_addon.core.protocol.capability import CHECK_MODE, EngineCapability
from server.engines.engine import EngineNeeds
from server.evaluation.evaluate import DEFAULT_TRIALS, evaluate_clip
from server.evaluation.inputs import EvaluationInput
from server.evaluation.records import ClipEvaluation
from server.evaluation.solve import achieved_trajectory
from server.packages import absent_packages
from server.reconstruction.scale import DepthMap


@dataclass(frozen=True)
class CameraChecker:
    """A CheckEngine.

    Attributes:
        trials: how often each clip is solved.
    """

    needs: ClassVar = EngineNeeds()
    trials: int = DEFAULT_TRIALS

    @property
    def capability(self) -> EngineCapability:
        """What the engine is, and why it cannot run on this machine, if it cannot."""
        return EngineCapability(
            name=CHECKER,
            label="Camera check",
            description="Finds a clip's camera from its frames alone, and how far it is from the one asked for",
            sizes=(),
            frame_counts=(),
            modes=(CHECK_MODE,),
            unavailable=absent_packages(("pycolmap",), extra="evaluation"),
        )

    def check(self, request: CheckRequest, report: OnProgress) -> CheckResult:
        """The camera that a clip shows, solved from its frames and compared with the one asked for.

        Args:
            request: the clip, its camera, and the scene's depth.
            report: called at each stage; what it raises (Cancelled) ends the check.

        Raises:
            CameraError: the camera does not fit the clip, or the clip is too short.
            EngineError: no camera was found, or how far it is off is not known.
            Cancelled: the job was cancelled.
        """
        given = EvaluationInput(
            clip="clip",
            frames=request.frames,
            reference_name="its shot",
            reference=request.trajectory,
            scene_depth=DepthMap(request.depth, request.depth_intrinsics),
        )

        return check_result(evaluate_clip(given, self.trials, report), request)


def check_result(evaluation: ClipEvaluation, request: CheckRequest) -> CheckResult:
    """The result of a check from an evaluation of the clip.

    Args:
        evaluation: of the request's clip.
        request: its trajectory gives the world of the result.

    Raises:
        EngineError: no camera was found, or a placed frame has no error.
    """
    if not any(evaluation.achieved):
        raise EngineError(
            "The clip's camera could not be found",
            " ".join(trial.failure for trial in evaluation.trials),
            "A clip can be checked when its picture holds still and the camera moves past it.",
        )
    placed, achieved = achieved_trajectory(evaluation, request.trajectory)
    errors = [evaluation.errors_per_frame[frame] for frame in placed]
    degrees = tuple(error.degrees for error in errors if error.degrees is not None)
    metres = tuple(error.metres for error in errors if error.metres is not None)
    if len(degrees) < len(placed) or len(metres) < len(placed):
        raise EngineError(
            "How far the clip's camera is off could not be told",
            f"of {len(placed)} frames {len(degrees)} have an angle, {len(metres)} a distance",
            "Check the clip again; if it stays so, send the report.",
        )
    return CheckResult(
        frames=evaluation.frames,
        placed=tuple(placed),
        achieved=tuple(tuple(map(tuple, pose)) for pose in achieved.camera_to_world.tolist()),
        degrees=degrees,
        metres=metres,
        metric=evaluation.metric,
        scale=evaluation.scale,
        findings=evaluation.findings,
    )
