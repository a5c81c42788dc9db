"""A photo's depth asked of the server, and built into a scene when it is here."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path

import bpy
import msgspec

from ..core.arrays import UInt8
from ..core.camera.lens import full_frame_focal
from ..core.payloads.depth_request import DEPTH_FILE, DepthRequest, decode_depth_result
from ..core.payloads.import_request import ImportRequest
from ..core.payloads.shot import ShotSettings
from ..core.protocol.engine_checks import offered_engine
from ..scene import PhotoScene, import_photo, read_photo
from ..scene.photo_file import photo_pixels
from .errand import discard_answer, read_answer, scene_of
from .job_records import JobRecord, PhotoOrder
from .jobs import Jobs


@dataclass
class DepthErrand:
    """What the artist chose. scene: a name. predictor: one of the server's, "" for the first that can run."""

    scene: str
    photo: PhotoOrder
    predictor: str = ""
    _read: tuple[UInt8, float | None, float | None] | None = None

    @property
    def title(self) -> str:
        """What the panel calls the job."""
        return f"Depth of {Path(self.photo.path).name}"

    def read(self) -> None:
        """The photo's pixels, and its focal length as typed and as its EXIF tells it; a calibration counts as typed."""
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
        """The chosen predictor, else the first that runs."""
        able = [predictor.name for predictor in jobs.predictors if not predictor.unavailable]
        name = self.predictor or next(iter([*able, *(predictor.name for predictor in jobs.predictors)]), "")
        return offered_engine(jobs.predictors, name, "depth predictor").name

    def order(self, engine: str) -> Generator[None, None, DepthRequest]:
        """The photo, at once: it is read already."""
        yield from ()
        assert self._read is not None
        photo, typed, exif = self._read
        return DepthRequest(photo, ShotSettings(engine=engine), typed, exif)

    def note(self, record: JobRecord) -> JobRecord:
        """What shall be built."""
        return msgspec.structs.replace(record, photo=self.photo)


def place_depth(record: JobRecord) -> PhotoScene:
    """Build the scene of a fetched estimate and remove its file. Raises PhotoError or ServiceError; it stays then.

    A scene that was renamed or removed since is replaced by the one in the window.
    """
    assert record.photo is not None
    scene = scene_of(record.scene)
    estimate = decode_depth_result(read_answer(record, DEPTH_FILE))
    built = import_photo(scene, ImportRequest(Path(record.photo.path), estimate, record.photo))
    discard_answer(record)
    return built
