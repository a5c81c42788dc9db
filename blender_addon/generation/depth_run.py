"""A photo's depth asked of the server: sent by the job thread, and built into a scene when it is here."""

from __future__ import annotations

import shutil
import time
import uuid
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path

import bpy

from ..core.depth_request import DEPTH_FILE, DepthRequest, decode_depth_result
from ..core.errors import PhotoError, RealCamError, ServiceError
from ..core.lens import full_frame_focal
from ..core.projection import intrinsics_matrix
from ..core.shot import ShotSettings, UInt8
from ..scene import PhotoImport, PhotoScene, read_photo
from ..scene.estimated import scene_of_estimate
from ..scene.photo_file import photo_pixels
from . import user_files
from .job_events import ServerSettings
from .job_records import JobRecord, JobRecords, PhotoOrder
from .job_view import Phase
from .jobs import Jobs, check_predictor

PAUSE = 0.005


@dataclass(frozen=True)
class DepthOrder:
    """What the artist chose. scene: a name. predictor: one of the server's, "" for the first that can run."""

    scene: str
    photo: PhotoOrder
    predictor: str = ""

    @property
    def title(self) -> str:
        """What the panel calls the job."""
        return f"Depth of {Path(self.photo.path).name}"


class DepthRun:
    """One request being made: `step` until it returns False, pumping the jobs meanwhile; then the job thread has it."""

    def __init__(self, jobs: Jobs, order: DepthOrder, server: ServerSettings, records: JobRecords) -> None:
        """Begin at once. Raises RealCamError when another job is under way or the photo cannot be read."""
        self._jobs = jobs
        self._order = order
        self._server = server
        if jobs.busy:
            # Said before a large photo is read.
            jobs.begin(order.title, server, records)
        self._request = _request(order)
        jobs.begin(order.title, server, records)
        self._slices = self._run()

    def step(self) -> bool:
        """A look at the connection. False: nothing is left to do here, the jobs' view says what became of it."""
        try:
            next(self._slices)
        except StopIteration:
            return False
        except RealCamError as error:
            self._jobs.fail(error)
            return False
        return True

    def _run(self) -> Generator[None, None, None]:
        while not self._jobs.connected:
            if not self._jobs.busy:
                return
            yield
        name = self._order.predictor or _first_that_runs(self._jobs)
        check_predictor(self._jobs.predictors, name)
        photo, typed, exif = self._request
        request = DepthRequest(photo, ShotSettings(engine=name), typed, exif)
        self._jobs.submit(request, self._record(name))

    def _record(self, predictor: str) -> JobRecord:
        job_id = uuid.uuid4().hex
        return JobRecord(
            job_id=job_id,
            server=str(self._server.address),
            title=self._order.title,
            blend=bpy.data.filepath,
            scene=self._order.scene,
            camera="",
            folder=str(user_files.user_folder() / "depth" / job_id),
            settings=ShotSettings(engine=predictor),
            artist_width=0,
            artist_height=0,
            pixel_aspect=1.0,
            frame_start=0,
            frame_end=0,
            submitted_at=time.time(),
            photo=self._order.photo,
        )


def place_depth(record: JobRecord) -> PhotoScene:
    """Build the scene of a fetched estimate and remove its file. Raises PhotoError; the file stays then.

    A scene that was renamed or removed since is replaced by the one in the window.
    """
    assert record.photo is not None
    scene = bpy.data.scenes.get(record.scene) or bpy.context.scene
    folder = Path(record.folder)
    try:
        data = (folder / DEPTH_FILE).read_bytes()
    except OSError as error:
        raise PhotoError(
            "The server's depth cannot be read", f"{folder / DEPTH_FILE}: {error.strerror}", "Estimate it again."
        ) from error
    photo = record.photo
    fx, fy, cx, cy = photo.calibration
    request = PhotoImport(
        photo=Path(photo.path),
        depth=folder / DEPTH_FILE,
        focal_mm=photo.focal_mm,
        prefer_focal_mm=photo.prefer_focal_mm,
        intrinsics=intrinsics_matrix(fx, fy, cx, cy) if fx and fy else None,
        depth_edge=photo.depth_edge,
        max_vertices=photo.max_vertices,
    )
    built = scene_of_estimate(scene, request, decode_depth_result(data))
    shutil.rmtree(folder, ignore_errors=True)
    return built


def estimate_blocking(jobs: Jobs, order: DepthOrder, server: ServerSettings, records: JobRecords) -> PhotoScene:
    """Photo -> server -> scene, in a loop without a window. Raises RealCamError with the panel's sentence."""
    run = DepthRun(jobs, order, server, records)
    while run.step():
        jobs.pump()
        time.sleep(PAUSE)
    while jobs.view is not None and not jobs.view.phase.final and jobs.view.phase is not Phase.PLACING:
        if not jobs.pump():
            time.sleep(PAUSE)
    view = jobs.view
    if view is None or view.phase is Phase.CANCELLED:
        raise ServiceError("The estimate was cancelled")
    if view.phase is Phase.FAILED:
        raise ServiceError(view.error)
    assert jobs.record is not None
    built = place_depth(jobs.record)
    jobs.placed()
    return built


def _request(order: DepthOrder) -> tuple[UInt8, float | None, float | None]:
    """The photo's pixels, and its focal length as typed and as its EXIF tells it, the one to be believed."""
    photo = read_photo(Path(order.photo.path))
    try:
        pixels = photo_pixels(photo.image)
    finally:
        bpy.data.images.remove(photo.image)
    fx, typed = order.photo.calibration[0], order.photo.focal_mm
    if fx:
        return pixels, full_frame_focal(fx, pixels.shape[1], pixels.shape[0]), None
    if photo.focal_35mm and not (order.photo.prefer_focal_mm and typed):
        return pixels, None, photo.focal_35mm
    return pixels, typed, None


def _first_that_runs(jobs: Jobs) -> str:
    names = [predictor.name for predictor in jobs.predictors if not predictor.unavailable]
    return names[0] if names else next((predictor.name for predictor in jobs.predictors), "")
