"""A camera check: a take's clip is sent to the server, and its achieved camera built into the scene when fetched."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

import bpy
import numpy as np

from ..camera_check.achieved_camera import place_achieved_camera
from ..core.arrays import Float64
from ..core.camera.projection import scaled_intrinsics
from ..core.camera.trajectory import Trajectory
from ..core.errors import TimelineError
from ..core.payloads.check_request import CHECK_FILE, CHECKER, CheckRequest, decode_check_result
from ..core.payloads.server_limits import check_clip_limits, depth_within
from ..core.payloads.shot import ShotSettings
from ..core.progress import JobProgress
from ..core.protocol.engine_checks import offered_engine
from ..core.protocol.messages import Limits
from ..datablocks import Reference
from ..scene import PhotoScene, find_photo_scene
from ..scene.photo_file import picture_pixels
from ..scene.photo_scene import photo_meshes
from ..timeline.take import Take, frame_file
from ..timeline.take_folders import clip_metadata
from ..timeline.takes import take_folder, takes_of
from .answers import answer_folder, discard_answer, read_answer
from .job_records import CheckTask, JobRecord
from .job_run import Slices
from .job_view import Phase
from .jobs import Jobs
from .scene_job import scene_now, scene_of


@dataclass
class CheckJob:
    """The check of a take's camera, on its way to the server.

    Attributes:
        scene: The take's scene.
        take: The take whose clip is checked.
    """

    scene: Reference
    take: Take
    preparing: ClassVar[Phase] = Phase.READING
    _limits: Limits = field(default_factory=Limits)

    @property
    def title(self) -> str:
        """What the panel calls the job."""
        return f"Camera check of {self.take.label}"

    def folder(self, job_id: str) -> Path:
        """The folder that the result is fetched into.

        Raises:
            TimelineError: The take's photo or its files are not there.
        """
        asked_camera(self.take, photo_of_take(scene_now(self.scene), self.take))
        return answer_folder(job_id)

    def engine(self, jobs: Jobs) -> str:
        """The name of the server's camera check.

        Raises:
            RealCamError: The server has none, or it cannot run there.
        """
        self._limits = jobs.limits
        checker = offered_engine(jobs.checkers, CHECKER).name
        asked = asked_camera(self.take, photo_of_take(scene_now(self.scene), self.take))
        check_clip_limits(self._limits, (asked.width, asked.height), len(asked), asked.fps)
        return checker

    def payload(self, engine: str) -> Slices[CheckRequest]:
        """Reads the clip, one frame a slice, and returns the check request: frames, camera, and the depth that gives
        metres.

        Raises:
            RealCamError: A frame, the take's metadata or its photo is gone.
        """
        folder = Path(bpy.path.abspath(take_folder(self.take)))
        frames = []
        for index in range(self.take.frames):
            frames.append(picture_pixels(folder / frame_file(index)))
            yield JobProgress(index + 1, self.take.frames, Phase.READING.value)
        photo = photo_of_take(scene_now(self.scene), self.take)
        depth = depth_within(photo.depth(), self._limits)
        rows, columns = depth.shape
        return CheckRequest(
            frames=np.stack(frames),
            trajectory=asked_camera(self.take, photo),
            depth=depth,
            depth_intrinsics=scaled_intrinsics(_lens_of_photo(self.take, photo), photo.photo_size, (columns, rows)),
            settings=ShotSettings(engine=engine),
        )

    def task(self) -> CheckTask:
        """The shot and the number of the take that is checked."""
        return CheckTask(shot=self.take.shot, take=self.take.number)


def import_check(record: JobRecord) -> bpy.types.Object:
    """Put the achieved camera of a fetched check into its scene, and remove the result's file.

    Returns:
        The camera object.

    Raises:
        TimelineError: The take, its files or its photo is gone.
        CameraError: The result cannot be read.
        ServiceError: The result's file cannot be read.
    """
    assert isinstance(record.task, CheckTask)
    scene = scene_of(record)
    wanted = (record.task.shot, record.task.take)
    take = next((take for take in takes_of(scene) if (take.shot, take.number) == wanted), None)
    if take is None:
        raise TimelineError("The take that was checked is gone", f"{wanted[0]}, take {wanted[1]}", "Use Find Takes.")
    result = decode_check_result(read_answer(record, CHECK_FILE))
    photo = photo_of_take(scene, take)
    camera = place_achieved_camera(scene, photo, take, asked_camera(take, photo), result)
    discard_answer(record)
    return camera


def photo_of_take(scene: bpy.types.Scene, take: Take) -> PhotoScene:
    """The photo that a take was made from.

    Raises:
        TimelineError: The photo is not in the scene, or the take's files do not tell which photo or scale it was.
    """
    photo = find_photo_scene(scene, None if take.photo is None else take.photo.imported_at)
    if photo is None:
        raise TimelineError(
            f"The photo that {take.label} was made from is not in this scene",
            "its depth is what metres are judged by",
            "Undo its removal, or generate the shot again.",
        )
    if take.photo is None and (photo.record.shot_scale != 1 or len(photo_meshes(scene)) > 1):
        raise TimelineError(
            f"The files of {take.label} do not say which photo it was made from and at what scale",
            "this scene has several photos or was re-metered, so what its metres were is not known",
            "Generate the shot again to check it.",
        )
    return photo


def asked_camera(take: Take, photo: PhotoScene) -> Trajectory:
    """The camera that a take was to follow, in the clip's pixels and in the metres of the photo's scene as it is now.

    Raises:
        TimelineError: The take's files are gone.
    """
    trajectory = clip_metadata(Path(bpy.path.abspath(take_folder(take)))).trajectory()
    return trajectory if take.photo is None else trajectory.rescale(photo.record.shot_scale / take.photo.scale)


def _lens_of_photo(take: Take, photo: PhotoScene) -> Float64:
    """[3, 3] float64 intrinsics of the photo when the take was made, in its pixels.

    Changing the focal length since then left each pixel's depth as it was.
    """
    return photo.intrinsics if take.photo is None else np.array(take.photo.intrinsics)
