"""What is written down of a job under way, so that closing Blender does not lose it. No bpy.

A record is one JSON file beside the kept shot, in the extension's own folder; the scene carries a copy, so that the
.blend knows its job also on another machine.
"""

from __future__ import annotations

import re
from pathlib import Path

import msgspec

from ..core.atomic_file import write_whole
from ..core.camera.projection import intrinsics_matrix
from ..core.errors import ServiceError
from ..core.payloads.import_request import ImportSettings
from ..core.payloads.shot import ShotSettings
from ..timeline.take import PhotoState

_JOB_ID = re.compile(r"[0-9a-f]{32}")


class PhotoOrder(ImportSettings, frozen=True, kw_only=True):
    """The photo that a job asks the depth of, and how the scene of both shall be built.

    calibration: fx, fy, cx, cy or zeros; what records of 0.1 hold instead of intrinsics.
    """

    path: str
    calibration: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)

    def __post_init__(self) -> None:
        fx, fy, cx, cy = self.calibration
        if self.intrinsics is None and fx and fy:
            msgspec.structs.force_setattr(self, "intrinsics", intrinsics_matrix(fx, fy, cx, cy).tolist())


class CheckOrder(msgspec.Struct, frozen=True, kw_only=True):
    """Which take a job checks the camera of."""

    shot: str
    take: int


class JobRecord(msgspec.Struct, frozen=True, kw_only=True):
    """Enough to fetch a job's clip and to lay it on the timeline as if Blender had never been closed.

    blend: the file's absolute path. folder: where the clip goes, absolute. artist_size: (width, height, pixel aspect
    x/y) of the scene's render, which the clip is laid back onto. photo_state: the photo's scene when the shot was sent.
    last_image: the file the shot was to end at, as the artist typed it, "" for none.
    photo, check: the job asks for this photo's depth, or checks this take's camera, instead of making a clip.
    """

    job_id: str
    server: str
    title: str
    blend: str
    scene: str
    camera: str
    folder: str
    settings: ShotSettings
    artist_width: int
    artist_height: int
    pixel_aspect: float
    frame_start: int
    frame_end: int
    submitted_at: float
    photo_state: PhotoState | None = None
    last_image: str = ""
    photo: PhotoOrder | None = None
    check: CheckOrder | None = None

    @property
    def result(self) -> str:
        """What the job makes, as the middle of a sentence."""
        if self.photo is not None:
            return "depth"
        return "camera check" if self.check is not None else "clip"

    @property
    def outcome(self) -> str:
        """Where the result is once the job is done, as the end of a sentence."""
        if self.photo is not None:
            return "is built into the scene"
        return "is done: see Takes" if self.check is not None else "is on the timeline"


class JobRecords:
    """The folder of records."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def write(self, record: JobRecord) -> None:
        """Write a record so that it is whole or not there. Raises ServiceError when the disk refuses."""
        path = self._path(record.job_id)
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            write_whole(path, encode(record))
        except OSError as error:
            raise ServiceError(
                "The job cannot be written down", f"{path}: {error.strerror or error}", "Free some space and try again."
            ) from error

    def forget(self, job_id: str) -> None:
        """Remove a record and its kept shot, if they are there, and what a killed writer left of either."""
        for path in self._folder.glob(f"{self._path(job_id).stem}.*"):
            path.unlink(missing_ok=True)

    def all(self) -> tuple[JobRecord, ...]:
        """Every record that can be read, oldest first."""
        found = (decode(path.read_bytes()) for path in self._folder.glob("*.json"))
        return tuple(sorted((r for r in found if r is not None), key=lambda record: record.submitted_at))

    def of_blend(self, blend: str) -> tuple[JobRecord, ...]:
        """The records of one .blend file."""
        return tuple(record for record in self.all() if record.blend == blend)

    def kept_shot(self, job_id: str) -> Path:
        """Where the shot of a job is kept until the server has accepted it."""
        return self._path(job_id).with_suffix(".shot")

    def _path(self, job_id: str) -> Path:
        if not _JOB_ID.fullmatch(job_id):
            raise ServiceError("The record of a job is damaged", f"{job_id!r} is no job id")
        return self._folder / f"{job_id}.json"


def encode(record: JobRecord) -> bytes:
    """The record as JSON."""
    return msgspec.json.encode(record)


def decode(data: bytes | str) -> JobRecord | None:
    """The record in JSON `data`; None when it is damaged or of another version of the add-on."""
    try:
        record = msgspec.json.decode(data, type=JobRecord)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    return record if _JOB_ID.fullmatch(record.job_id) else None
