"""A depth estimate: a photo is sent to the server, and a scene built of it and its depth when that is fetched."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import ClassVar

import bpy

from ..core.arrays import UInt8
from ..core.camera.lens import full_frame_focal
from ..core.camera.projection import scaled_intrinsics
from ..core.payloads.depth_request import DEPTH_FILE, DepthRequest, decode_depth_result
from ..core.payloads.import_request import ImportRequest
from ..core.payloads.server_limits import picture_within
from ..core.payloads.shot import ShotSettings
from ..core.photo.photo_file import photo_header
from ..core.protocol.engine_checks import offered_engine
from ..core.protocol.messages import Limits
from ..datablocks import Reference
from ..scene import PhotoScene, import_photo, read_photo
from ..scene.photo_file import photo_pixels
from .answers import answer_folder, discard_answer, read_answer
from .job_records import DepthTask, JobRecord, PhotoImport
from .job_run import Slices
from .job_view import Phase
from .jobs import Jobs
from .scene_job import scene_of


@dataclass
class DepthJob:
    """The depth estimate of a photo, on its way to the server.

    Attributes:
        scene: The scene that is built in.
        photo: The photo and how its scene shall be built.
        predictor: The name of one of the server's depth predictors, "" for the first that can run.
    """

    scene: Reference
    photo: PhotoImport
    predictor: str = ""
    preparing: ClassVar[Phase] = Phase.READING
    _read: tuple[UInt8, float | None, float | None] | None = None
    _limits: Limits = field(default_factory=Limits)
    _sent_size: tuple[int, int] | None = None

    @property
    def title(self) -> str:
        """What the panel calls the job."""
        return f"Depth of {Path(self.photo.path).name}"

    def folder(self, job_id: str) -> Path:
        """The folder that the result is fetched into. Also reads the photo.

        Raises:
            PhotoError: The photo cannot be read.
        """
        self._read_photo()
        return answer_folder(job_id)

    def _read_photo(self) -> None:
        """Read the photo's pixels and its focal length, as typed and as EXIF has it. A calibration counts as typed."""
        photo = read_photo(Path(self.photo.path))
        try:
            pixels = photo_pixels(photo.image)
        finally:
            bpy.data.images.remove(photo.image)
        typed = self.photo.focal_mm
        if self.photo.intrinsics is not None:
            size = (pixels.shape[1], pixels.shape[0])
            lens = self.photo.lens(size, photo.focal_35mm)
            typed = full_frame_focal(float(lens.intrinsics[0, 0]), *size)
        self._read = pixels, typed, photo.focal_35mm

    def engine(self, jobs: Jobs) -> str:
        """The name of the chosen predictor, else of the first that can run.

        Raises:
            RealCamError: The server does not have it, or it cannot run there.
        """
        self._limits = jobs.limits
        able = [predictor.name for predictor in jobs.predictors if not predictor.unavailable]
        name = self.predictor or next(iter([*able, *(predictor.name for predictor in jobs.predictors)]), "")
        return offered_engine(jobs.predictors, name, "depth predictor").name

    def payload(self, engine: str) -> Slices[DepthRequest]:
        """Returns the depth request in the first slice: `folder` has read the photo already."""
        yield from ()
        assert self._read is not None
        whole, typed, exif = self._read
        photo = picture_within(whole, self._limits)
        self._sent_size = (photo.shape[1], photo.shape[0])
        return DepthRequest(photo, ShotSettings(engine=engine), typed, exif)

    def task(self) -> DepthTask:
        """The photo whose scene is built of the result."""
        return DepthTask(photo=self.photo, sent_size=self._sent_size)


def import_depth(record: JobRecord) -> PhotoScene:
    """Build the scene of a fetched depth estimate, then remove the result's file; after an error the file stays.

    Args:
        record: The record of a depth job. A scene that was renamed or removed since is replaced by the one in the
            window.

    Raises:
        PhotoError: The result cannot be read, or photo and depth make no scene.
        CameraError: Blender has no camera with the result's intrinsics.
        ServiceError: The result's file cannot be read.
    """
    assert isinstance(record.task, DepthTask)
    scene = scene_of(record)
    estimate = decode_depth_result(read_answer(record, DEPTH_FILE))
    if record.task.sent_size is not None:
        # The lens is in pixels of what was sent, which may be smaller than the file.
        size = photo_header(Path(record.task.photo.path)).size
        estimate = replace(estimate, intrinsics=scaled_intrinsics(estimate.intrinsics, record.task.sent_size, size))
    built = import_photo(scene, ImportRequest(Path(record.task.photo.path), estimate, record.task.photo))
    discard_answer(record)
    return built
