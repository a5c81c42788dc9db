"""What is written down of a job under way, so that closing Blender does not lose it. No bpy.

A record is one JSON file beside the kept shot, in the extension's own folder; the scene carries a copy, so that the
.blend knows its job also on another machine.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import ClassVar, TypeVar

import msgspec

from ..core.atomic_file import write_whole
from ..core.camera.projection import intrinsics_matrix
from ..core.errors import ServiceError
from ..core.payloads.import_request import ImportSettings
from ..core.payloads.shot import ShotSettings
from ..timeline.take import PhotoState, ShotPlacement

R = TypeVar("R")

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


class ShotTask(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="shot"):
    """A clip is made of a shot: what lays it onto the timeline.

    camera: the Blender camera's name. photo_state: the photo's scene when the shot was sent. last_image: the file the
    shot was to end at, as the artist typed it, "" for none.
    """

    result: ClassVar[str] = "clip"
    outcome: ClassVar[str] = "is on the timeline"
    in_the_file: ClassVar[bool] = True

    camera: str
    placement: ShotPlacement
    photo_state: PhotoState | None = None
    last_image: str = ""


class DepthTask(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="depth"):
    """A photo's depth is estimated, and a scene built of both."""

    result: ClassVar[str] = "depth"
    outcome: ClassVar[str] = "is built into the scene"
    in_the_file: ClassVar[bool] = False

    photo: PhotoOrder


class CheckTask(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="check"):
    """The camera of a take is checked: its shot and number."""

    result: ClassVar[str] = "camera check"
    outcome: ClassVar[str] = "is done: see Takes"
    in_the_file: ClassVar[bool] = False

    shot: str
    take: int


Task = ShotTask | DepthTask | CheckTask
"""What a job's result is needed for.

result: what the job makes, as the middle of a sentence. outcome: where that is once the job is done, as the end of a
sentence. in_the_file: the .blend knows of the job too.
"""


class JobRecord(msgspec.Struct, frozen=True, kw_only=True):
    """Enough to fetch a job's result and to put it where it belongs as if Blender had never been closed.

    server: its address. blend: the file's absolute path. scene: its name. folder: where the result goes, absolute.
    submitted_at: seconds since 1970.
    """

    job_id: str
    server: str
    title: str
    blend: str
    scene: str
    folder: str
    settings: ShotSettings
    submitted_at: float
    task: Task


class _CheckedTake(msgspec.Struct, frozen=True, kw_only=True):
    shot: str
    take: int


class _FlatRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A record of version 0.1, in which a shot's fields stood beside the others, as zeros in jobs of another kind."""

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
    check: _CheckedTake | None = None

    @property
    def task(self) -> Task:
        """What its result is needed for."""
        if self.photo is not None:
            return DepthTask(photo=self.photo)
        if self.check is not None:
            return CheckTask(shot=self.check.shot, take=self.check.take)
        placement = ShotPlacement(
            artist_width=self.artist_width,
            artist_height=self.artist_height,
            pixel_aspect=self.pixel_aspect,
            frame_start=self.frame_start,
            frame_end=self.frame_end,
        )
        return ShotTask(
            camera=self.camera, placement=placement, photo_state=self.photo_state, last_image=self.last_image
        )

    @property
    def record(self) -> JobRecord:
        """The same as it is written now."""
        return JobRecord(
            job_id=self.job_id,
            server=self.server,
            title=self.title,
            blend=self.blend,
            scene=self.scene,
            folder=self.folder,
            settings=self.settings,
            submitted_at=self.submitted_at,
            task=self.task,
        )


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

    def pending_upload(self, job_id: str) -> Path:
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
    """The record in JSON `data`, of this version of the add-on or of 0.1; None when it is damaged or of another."""
    record = _decoded(data, JobRecord)
    if record is None:
        flat = _decoded(data, _FlatRecord)
        record = None if flat is None else flat.record
    return record if record is not None and _JOB_ID.fullmatch(record.job_id) else None


def _decoded(data: bytes | str, kind: type[R]) -> R | None:
    try:
        return msgspec.json.decode(data, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
