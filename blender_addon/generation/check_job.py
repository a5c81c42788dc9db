"""A take's clip sent to be checked, and its achieved camera put into the scene when the answer is here."""

from __future__ import annotations

from dataclasses import dataclass
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
from ..core.payloads.shot import ShotSettings
from ..core.progress import JobProgress
from ..core.protocol.engine_checks import offered_engine
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
from .scene_job import scene_of


@dataclass
class CheckJob:
    """scene: a name. take: whose clip is checked."""

    scene: str
    take: Take
    preparing: ClassVar[Phase] = Phase.READING

    @property
    def title(self) -> str:
        """What the panel calls the job."""
        return f"Camera check of {self.take.label}"

    def folder(self, job_id: str) -> Path:
        """Where the answer waits. Raises TimelineError when something that is to be sent is not there."""
        asked_camera(self.take, photo_of_take(scene_of(self.scene), self.take))
        return answer_folder(job_id)

    def engine(self, jobs: Jobs) -> str:
        """The server's camera check."""
        return offered_engine(jobs.checkers, CHECKER).name

    def payload(self, engine: str) -> Slices[CheckRequest]:
        """The clip's frames, one a slice; then its camera and the depth that makes distances metres."""
        folder = Path(bpy.path.abspath(take_folder(self.take)))
        frames = []
        for index in range(self.take.frames):
            frames.append(picture_pixels(folder / frame_file(index)))
            yield JobProgress(index + 1, self.take.frames, Phase.READING.value)
        photo = photo_of_take(scene_of(self.scene), self.take)
        depth = photo.depth()
        rows, columns = depth.shape
        return CheckRequest(
            frames=np.stack(frames),
            trajectory=asked_camera(self.take, photo),
            depth=depth,
            depth_intrinsics=scaled_intrinsics(_lens_of_photo(self.take, photo), photo.photo_size, (columns, rows)),
            settings=ShotSettings(engine=engine),
        )

    def task(self) -> CheckTask:
        """Whose check it is."""
        return CheckTask(shot=self.take.shot, take=self.take.number)


def import_check(record: JobRecord) -> bpy.types.Object:
    """Put the achieved camera of a fetched check into its scene, and remove the answer's file.

    Raises TimelineError when the take or its photo is gone, CameraError or ServiceError when the answer cannot be read.
    """
    assert isinstance(record.task, CheckTask)
    scene = scene_of(record.scene)
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
    """The photo that a take was made from. Raises TimelineError when it is not in the scene, or cannot be told."""
    photo = find_photo_scene(scene, None if take.photo is None else take.photo.imported_at)
    if photo is None:
        raise TimelineError(
            f"The photo that {take.label} was made from is not in this scene",
            "its depth is what metres are judged by",
            "Undo its removal, or generate the shot again.",
        )
    if take.photo is None and (photo.record.scale != 1 or len(photo_meshes(scene)) > 1):
        raise TimelineError(
            f"The files of {take.label} do not say which photo it was made from and at what scale",
            "this scene has several photos or was re-metered, so what its metres were is not known",
            "Generate the shot again to check it.",
        )
    return photo


def asked_camera(take: Take, photo: PhotoScene) -> Trajectory:
    """The camera that a take was to follow, in the clip's pixels and in the metres of the photo's scene as it is now.

    Raises TimelineError when the take's files are gone.
    """
    trajectory = clip_metadata(Path(bpy.path.abspath(take_folder(take)))).trajectory()
    return trajectory if take.photo is None else trajectory.rescale(photo.record.scale / take.photo.scale)


def _lens_of_photo(take: Take, photo: PhotoScene) -> Float64:
    """[3, 3] of the photo when the take was made: another focal length since keeps each pixel's depth."""
    return photo.intrinsics if take.photo is None else np.array(take.photo.intrinsics)
