"""A shot from the artist's camera to the job thread, in slices that a window's timer or a plain loop calls.

The same code makes a shot in the window (one slice a tick), on the command line and in tests. Between slices only names
are held, no Blender pointers.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import bpy
import numpy as np

from ..core.arrays import Float32, Float64, UInt8
from ..core.camera.frame_fit import FrameFit
from ..core.camera.trajectory import Trajectory
from ..core.errors import PhotoError, RealCamError, ShotError
from ..core.payloads.coverage import check_seen
from ..core.payloads.shot import ShotSettings
from ..core.protocol.engine_checks import check_clip_engine
from ..scene import PhotoScene, find_photo_scene, upright_pixels
from ..shot import (
    Method,
    PreviewRenderer,
    assemble_shot,
    coverage,
    quick_coverage,
    render_frame,
    sample_camera,
    spread_frames,
)
from ..timeline.take import PhotoState
from ..timeline.take_folders import discard_take_folder, new_take_folder
from ..timeline.takes import blend_folder
from .job_events import ServerSettings
from .job_records import JobRecord, JobRecords
from .jobs import Jobs
from .scene_job import remember_job


@dataclass(frozen=True)
class ShotRequest:
    """What the artist chose. scene, camera: names. size: (width, height) of the clip. method: of the preview.

    last_image: the file of what the last frame shall show, as the artist typed it; "" for none.
    """

    scene: str
    camera: str
    title: str
    settings: ShotSettings
    size: tuple[int, int]
    frames: int
    frame_start: int
    frame_end: int
    method: Method = "eevee"
    last_image: str = ""


@dataclass(frozen=True, eq=False)
class RenderedPreview:
    """trajectory: at the clip's size. frames: [F, H, W, 4] uint8. coverage: [F] share that the photo sees, 0 to 1.

    depth: [h, w] metres of the photo's scene that was rendered. fit: how the artist's render lies in the clip's frame.
    """

    trajectory: Trajectory
    depth: Float32
    frames: UInt8
    coverage: Float64
    fit: FrameFit


PreviewSlices = Generator[tuple[int, int], None, RenderedPreview]
"""Yields (frames done, frames in all) before the first frame and after each; returns the preview. Closing it early
tidies up."""


def preview_slices(request: ShotRequest) -> PreviewSlices:
    """Sample the camera and render the preview, a frame a slice. Raises RealCamError."""
    scene, photo = scene_and_photo(request)
    trajectory, fit = clip_trajectory(scene, photo, request)
    depth = photo.depth()
    check_seen(quick_coverage(photo, depth, trajectory))
    frames = []
    with PreviewRenderer(photo, depth, trajectory, request.method) as renderer:
        del scene, photo
        yield 0, len(trajectory)
        for index in range(len(trajectory)):
            frames.append(renderer.render(index))
            yield index + 1, len(trajectory)
    stacked = np.stack(frames)
    return RenderedPreview(trajectory, depth, stacked, coverage(stacked), fit)


def clip_trajectory(scene: bpy.types.Scene, photo: PhotoScene, request: ShotRequest) -> tuple[Trajectory, FrameFit]:
    """The request's camera in the clip's pixels, relative to the photo's camera, and how the frames fit."""
    camera = bpy.data.objects.get(request.camera)
    if camera is None:
        raise ShotError("The scene has no active camera", request.camera, "Choose one in the panel.")
    frame = render_frame(scene)
    fit = FrameFit((frame.width, frame.height), request.size, (frame.aspect_x, frame.aspect_y))
    at = spread_frames(request.frame_start, request.frame_end, request.frames)
    return fit.trajectory(sample_camera(scene, camera, at, photo.mesh)), fit


def estimated_coverage(request: ShotRequest) -> Float64:
    """[F] share 0..1 of each frame that the photo sees, without rendering: milliseconds a frame."""
    scene, photo = scene_and_photo(request)
    trajectory, _ = clip_trajectory(scene, photo, request)
    return quick_coverage(photo, photo.depth(), trajectory)


def scene_and_photo(request: ShotRequest) -> tuple[bpy.types.Scene, PhotoScene]:
    """The request's scene and the photo in it. Raises ShotError when either is gone."""
    scene = bpy.data.scenes.get(request.scene)
    photo = find_photo_scene(scene) if scene is not None else None
    if scene is None or photo is None:
        raise ShotError("There is no photo in this scene", request.scene, "Import a photo with its depth first.")
    return scene, photo


def last_image(request: ShotRequest) -> UInt8 | None:
    """[h, w, 3] uint8 sRGB, None when the artist gave none. Raises PhotoError when its file cannot be read."""
    if not request.last_image:
        return None
    try:
        return upright_pixels(Path(bpy.path.abspath(request.last_image)))
    except PhotoError as error:
        raise PhotoError("The last image cannot be used", error.sentence, "Choose another file, or none.") from error


class ShotRun:
    """One shot being made: `step` until it returns False, pumping the jobs in between; then the job thread has it."""

    def __init__(self, jobs: Jobs, request: ShotRequest, server: ServerSettings, records: JobRecords) -> None:
        """Begin at once. Raises RealCamError when another shot is under way or there is no place for the clip."""
        self.request = request
        self.preview: RenderedPreview | None = None
        self._jobs = jobs
        self._server = server
        self._blend_folder = blend_folder()
        self._folder: Path | None = None
        self._submitted = False
        jobs.begin(request.title, server, records)
        try:
            self._folder = new_take_folder(self._blend_folder, request.title)
        except RealCamError as error:
            jobs.fail(error)
            raise
        self._slices = self._run()

    def step(self) -> bool:
        """One slice of work for the main thread. False: nothing is left to do here, the jobs' view says what became
        of it."""
        try:
            next(self._slices)
        except StopIteration:
            self.close()
            return False
        except RealCamError as error:
            self._jobs.fail(error)
            self.close()
            return False
        return True

    def close(self) -> None:
        """End early: the preview's scene goes, and the folder if nothing is in it."""
        self._slices.close()
        if self._folder is not None and not self._submitted:
            discard_take_folder(self._folder)

    def _run(self) -> Generator[None, None, None]:
        while not self._jobs.connected:
            if not self._jobs.busy:
                return
            yield
        request = self.request
        ends = bool(request.last_image)
        check_clip_engine(self._jobs.engines, request.settings.engine, request.size, request.frames, ends)
        self._last_image = last_image(request)
        with closing(preview_slices(request)) as slices:
            while self._jobs.busy:
                try:
                    done, total = next(slices)
                except StopIteration as finished:
                    self.preview = finished.value
                    break
                self._jobs.preview_rendered(done, total)
                yield
        if self.preview is not None and self._jobs.busy:
            self._submit(self.preview)

    def _submit(self, preview: RenderedPreview) -> None:
        scene, photo = scene_and_photo(self.request)
        frames, settings = preview.frames, self.request.settings
        shot = assemble_shot(photo, preview.depth, preview.trajectory, frames, settings, self._last_image)
        record = self._record(preview.fit, photo)
        self._jobs.submit(shot, record)
        self._submitted = True
        remember_job(scene, record)

    def _record(self, fit: FrameFit, photo: PhotoScene) -> JobRecord:
        request = self.request
        return JobRecord(
            job_id=uuid.uuid4().hex,
            server=str(self._server.address),
            title=request.title,
            blend=bpy.data.filepath,
            scene=request.scene,
            camera=request.camera,
            folder=str(self._folder),
            settings=request.settings,
            artist_width=fit.artist_size[0],
            artist_height=fit.artist_size[1],
            pixel_aspect=fit.pixel_aspect[0] / fit.pixel_aspect[1],
            frame_start=request.frame_start,
            frame_end=request.frame_end,
            submitted_at=time.time(),
            last_image=request.last_image,
            photo_state=PhotoState(
                imported_at=photo.record.imported_at,
                scale=photo.record.scale,
                intrinsics=photo.record.intrinsics,
            ),
        )
