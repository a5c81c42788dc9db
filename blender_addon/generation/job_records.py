"""The job record: what is written down of a job under way, so that closing Blender does not lose it. No bpy.

A record is one JSON file beside the pending upload, in the extension's own folder. The scene carries a copy, so that
the .blend knows its job also on another machine.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import ClassVar, TypeVar

import msgspec

from ..core.atomic_file import write_atomic
from ..core.camera.projection import intrinsics_matrix
from ..core.errors import ServiceError
from ..core.file_paths import same_file
from ..core.held_files import PATIENCE, discard
from ..core.payloads.import_request import ImportSettings
from ..core.payloads.shot import ShotSettings
from ..timeline.take import PhotoState, ShotPlacement

R = TypeVar("R")

_JOB_ID = re.compile(r"[0-9a-f]{32}")


class PhotoImport(ImportSettings, frozen=True, kw_only=True):
    """The photo that a job asks the depth of, and how the scene of both shall be built.

    Attributes:
        path: The photo's file.
        calibration: fx, fy, cx, cy in pixels, or zeros; records of version 0.1 hold it instead of intrinsics.
    """

    path: str
    calibration: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)

    def __post_init__(self) -> None:
        fx, fy, cx, cy = self.calibration
        if self.intrinsics is None and fx and fy:
            msgspec.structs.force_setattr(self, "intrinsics", intrinsics_matrix(fx, fy, cx, cy).tolist())


class ShotTask(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="shot"):
    """A clip is made of a shot: what is needed to put it into the sequencer.

    Attributes:
        camera: The Blender camera's name.
        camera_library: The file that the camera is linked from, as Blender writes it; "" for one of the .blend itself.
        placement: The frame range and render size that the clip belongs to.
        photo_state: The photo's scene when the shot was sent; None in records of older versions.
        last_image: The file that the shot was to end at, as the artist typed it, "" for none.
        beside: Whether the clip is laid beside another engine's of the same shot, and shown in the sequencer alone.
    """

    result: ClassVar[str] = "clip"
    outcome: ClassVar[str] = "is in the sequencer: see Takes"
    in_the_file: ClassVar[bool] = True

    camera: str
    placement: ShotPlacement
    photo_state: PhotoState | None = None
    last_image: str = ""
    camera_library: str = ""
    beside: bool = False


class DepthTask(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="depth"):
    """A photo's depth is estimated, and a scene built of both.

    Attributes:
        photo: The photo.
        sent_size: (width, height) of the photo as it was sent; None in records of older versions, which sent it whole.
    """

    result: ClassVar[str] = "depth"
    outcome: ClassVar[str] = "is built into the scene"
    in_the_file: ClassVar[bool] = False

    photo: PhotoImport
    sent_size: tuple[int, int] | None = None


class CheckTask(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="check"):
    """The camera of a take is checked.

    Attributes:
        shot: The name of the take's shot.
        take: The take's number.
    """

    result: ClassVar[str] = "camera check"
    outcome: ClassVar[str] = "is done: see Takes"
    in_the_file: ClassVar[bool] = False

    shot: str
    take: int


Task = ShotTask | DepthTask | CheckTask
"""What a job's result is needed for.

Class variables of each:
    result: What the job makes, as the middle of a sentence.
    outcome: Where that is once the job is done, as the end of a sentence.
    in_the_file: Whether the .blend also keeps the job's record.
"""


class JobRecord(msgspec.Struct, frozen=True, kw_only=True):
    """Enough to fetch a job's result and to put it where it belongs as if Blender had never been closed.

    Attributes:
        job_id: 32 hexadecimal digits.
        server: The server's address.
        title: What the panel calls the job.
        blend: The .blend file's absolute path, "" if it was not saved.
        scene: The scene's name.
        scene_library: The file that the scene is linked from, as Blender writes it; "" for one of the .blend itself.
        folder: The folder that the result goes into, absolute.
        settings: What the artist chose.
        submitted_at: Seconds since 1970.
        task: What the result is needed for.
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
    scene_library: str = ""


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
    photo: PhotoImport | None = None
    check: _CheckedTake | None = None

    @property
    def task(self) -> Task:
        """What the result is needed for."""
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
        """The record as this version writes it."""
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
    """The job records and pending uploads in one folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def write(self, record: JobRecord) -> None:
        """Write a record so that its file is whole or not there.

        Raises:
            ServiceError: The disk refuses, a path is no UTF-8, or the job id is not one.
        """
        path = self._path(record.job_id)
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            write_atomic(path, encode(record))
        except OSError as error:
            raise ServiceError(
                "The job cannot be written down", f"{path}: {error.strerror or error}", "Free some space and try again."
            ) from error
        except UnicodeEncodeError as error:
            raise ServiceError(
                "The job cannot be written down",
                f"a name in it is no UTF-8: {error.object}",
                "Rename the folder or the .blend file that is called so.",
            ) from error

    def forget(self, job_id: str) -> None:
        """Remove a record and its pending upload, if they are there, and the temporary files of a killed writer.

        What another program holds all the time stays: the job is offered once more then.

        Raises:
            ServiceError: The job id is not one.
        """
        for path in self._folder.glob(f"{self._path(job_id).stem}.*"):
            discard(path, PATIENCE)

    def all(self) -> tuple[JobRecord, ...]:
        """Every record that can be read, oldest first; damaged ones and copies that somebody made are left out."""
        paths = [path for path in self._folder.glob("*.json") if _JOB_ID.fullmatch(path.stem)]
        found = (record for path in paths if (record := _read(path)) is not None)
        return tuple(sorted(found, key=lambda record: record.submitted_at))

    def of_blend(self, blend: str) -> tuple[JobRecord, ...]:
        """The records of the .blend file with this absolute path, oldest first."""
        return tuple(record for record in self.all() if same_file(record.blend, blend))

    def pending_upload(self, job_id: str) -> Path:
        """The file that holds a job's payload until the server has accepted it.

        Raises:
            ServiceError: The job id is not one.
        """
        return self._path(job_id).with_suffix(".shot")

    def _path(self, job_id: str) -> Path:
        if not _JOB_ID.fullmatch(job_id):
            raise ServiceError("The record of a job is damaged", f"{job_id!r} is no job id")
        return self._folder / f"{job_id}.json"


def encode(record: JobRecord) -> bytes:
    """The record as JSON."""
    return msgspec.json.encode(record)


def decode(data: bytes | str) -> JobRecord | None:
    """The record in JSON, as this version of the add-on or 0.1 wrote it; None when it cannot be read as either."""
    record = _decoded(data, JobRecord)
    if record is None:
        flat = _decoded(data, _FlatRecord)
        record = None if flat is None else flat.record
    return record if record is not None and _JOB_ID.fullmatch(record.job_id) else None


def _read(path: Path) -> JobRecord | None:
    try:
        return decode(path.read_bytes())
    except OSError:
        return None


def _decoded(data: bytes | str, kind: type[R]) -> R | None:
    try:
        return msgspec.json.decode(data, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
