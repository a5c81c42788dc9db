"""A shot of the artist's camera: the request, its preview rendered a frame a slice, and the job that makes its clip.

Between slices only references are held, no Blender pointers.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass, replace
from pathlib import Path

import bpy
import msgspec
import numpy as np

from ..blend_paths import blend_path
from ..core.arrays import Float32, Float64, UInt8
from ..core.camera.frame_fit import FrameFit
from ..core.camera.trajectory import Trajectory
from ..core.errors import CameraError, PhotoError, ShotError, TimelineError
from ..core.file_paths import file_name
from ..core.payloads.coverage import check_seen
from ..core.payloads.payload import JobPayload
from ..core.payloads.server_limits import check_clip_limits, shot_within
from ..core.payloads.shot import Shot, ShotSettings
from ..core.progress import JobProgress
from ..core.protocol.capability import INTERPOLATION_MODE, EngineCapability
from ..core.protocol.engine_checks import check_clip_engine, stated_options
from ..core.protocol.messages import Limits
from ..datablocks import Reference, in_session, library_of
from ..scene import PhotoScene, find_photo_scene, upright_pixels
from ..scene.photo_scene import Record, with_own_axes
from ..shot import (
    Method,
    PreviewRenderer,
    assemble_shot,
    coverage,
    quick_coverage,
    spread_frames,
)
from ..shot.camera_sample import camera_slices, scene_rate, to_the_end
from ..shot.shot_camera import cut_sentence, has_camera_markers
from ..timeline.take import PhotoState, ShotPlacement
from ..timeline.take_camera import remember_camera
from ..timeline.take_folders import discard_take_folder, new_take_folder, take_number
from ..timeline.takes import clips_folder, highest_number
from .job_records import JobRecord, ShotTask
from .job_run import Slices
from .job_view import Phase
from .jobs import Jobs
from .scene_job import begun_in, job_of, scene_now

LONGEST_TITLE = 64
"""Letters of a shot's name, as the panel takes them and a folder's name can have them."""


@dataclass(frozen=True)
class ShotRequest:
    """What the artist chose for a shot.

    Attributes:
        scene: The scene.
        camera: The camera; None when the scene has none.
        title: The shot's name.
        settings: Engine, prompt, seed and options.
        size: (width, height) of the clip in pixels.
        frames: How many frames the clip has.
        frame_start: Scene frame of the clip's first frame.
        frame_end: Scene frame of its last frame, included.
        method: How the preview is rendered.
        last_image: The file that the last frame shall show, as the artist typed it; "" for none.
        also: The settings with which the same shot goes to other engines too.
    """

    scene: Reference
    camera: Reference | None
    title: str
    settings: ShotSettings
    size: tuple[int, int]
    frames: int
    frame_start: int
    frame_end: int
    method: Method = "eevee"
    last_image: str = ""
    also: tuple[ShotSettings, ...] = ()

    def title_on(self, engine: str) -> str:
        """What the shot is called on an engine: its name alone, and with the engine's where it goes to several."""
        return f"{self.title[: LONGEST_TITLE - len(engine) - 1]} {engine}" if self.also else self.title


@dataclass(frozen=True, eq=False)
class RenderedPreview:
    """A preview and what it was rendered of.

    Attributes:
        trajectory: The camera at the clip's size, F frames.
        record: The photo's scene as it was when the camera was sampled.
        depth: [h, w] float32 metres of that scene.
        frames: [F, H, W, 4] uint8 sRGB; alpha = visible.
        coverage: [F] float64 share of each frame that the photo sees, 0 to 1.
        fit: How the artist's render lies in the clip's frame.
    """

    trajectory: Trajectory
    record: Record
    depth: Float32
    frames: UInt8
    coverage: Float64
    fit: FrameFit


def preview_slices(request: ShotRequest) -> Slices[RenderedPreview]:
    """Samples the camera and renders the preview, a frame a slice; returns the rendered preview.

    Raises:
        RealCamError: There is no photo or camera, the camera cannot be used or never sees the photo, or Blender cannot
            render.
    """
    check_one_camera(request)
    imported_at = scene_and_photo(request)[1].record.imported_at
    trajectory, fit = yield from trajectory_slices(request, imported_at)
    scene, photo = scene_and_photo(request, imported_at)
    record, depth = photo.record, photo.depth()
    check_seen(quick_coverage(photo, depth, trajectory))
    frames = []
    with PreviewRenderer(photo, depth, trajectory, request.method) as renderer:
        del scene, photo
        yield JobProgress(0, len(trajectory), "Preview")
        for index in range(len(trajectory)):
            frames.append(renderer.render(index))
            yield JobProgress(index + 1, len(trajectory), "Preview")
    stacked = np.stack(frames)
    return RenderedPreview(trajectory, record, depth, stacked, coverage(stacked), fit)


def clip_trajectory(scene: bpy.types.Scene, photo: PhotoScene, request: ShotRequest) -> tuple[Trajectory, FrameFit]:
    """The request's camera, and how the artist's frame lies in the clip's.

    Returns:
        The trajectory in the clip's pixels, relative to the photo's camera; the frame fit.

    Raises:
        ShotError: The camera is gone.
        CameraError: The camera cannot be followed.
    """
    return to_the_end(_trajectory(scene, photo, request))


def trajectory_slices(request: ShotRequest, imported_at: float) -> Slices[tuple[Trajectory, FrameFit]]:
    """The same in slices of the main thread's time: several where a simulation is stepped through.

    Args:
        request: What the artist chose.
        imported_at: Which photo the camera is relative to.

    Raises:
        RealCamError: The photo or the camera is gone, or the camera cannot be followed.
    """
    return (yield from _trajectory(*scene_and_photo(request, imported_at), request))


def _trajectory(scene: bpy.types.Scene, photo: PhotoScene, request: ShotRequest) -> Slices[tuple[Trajectory, FrameFit]]:
    camera = None if request.camera is None else in_session(bpy.data.objects, request.camera.session_uid)
    if camera is None:
        name = "" if request.camera is None else request.camera.name
        raise ShotError("The scene has no active camera", name, "Choose one in the panel.")
    was_active = camera == scene.camera
    at = spread_frames(request.frame_start, request.frame_end, request.frames)
    slices = camera_slices(scene, camera, at, photo.mesh)
    del scene, photo, camera
    sampled = yield from slices
    if not has_camera_markers(scene_and_photo(request)[0]) and (
        sampled.active is None or (was_active and not sampled.active)
    ):
        raise CameraError(
            "The scene's active camera changes within the shot",
            "a script or a driver makes another one active as the frames go by",
            "Take it away, or choose a range of frames and go to one of them: the camera that is active there is sent.",
        )
    frame = sampled.frame
    fit = FrameFit((frame.width, frame.height), request.size, (frame.aspect_x, frame.aspect_y))
    return fit.trajectory(sampled.trajectory), fit


def check_one_camera(request: ShotRequest) -> None:
    """Raise an error when markers cut from one camera to another within the shot: a clip holds one move.

    Raises:
        ShotError: They do, or the scene or its photo is gone.
    """
    cut = cut_sentence(scene_and_photo(request)[0], request.frame_start, request.frame_end)
    if cut is not None:
        raise ShotError(*cut)


@dataclass(frozen=True, eq=False)
class CoverageEstimate:
    """What the photo sees of a camera's frames, without a render.

    Attributes:
        trajectory: The camera at the clip's size, F frames.
        coverage: [F] float64 share of each frame that the photo sees, 0 to 1.
    """

    trajectory: Trajectory
    coverage: Float64


def estimated_coverage(request: ShotRequest) -> CoverageEstimate:
    """What the photo sees of each frame, without rendering: milliseconds a frame.

    Raises:
        RealCamError: There is no photo or camera, or the camera cannot be followed.
    """
    check_one_camera(request)
    scene, photo = scene_and_photo(request)
    trajectory, _ = clip_trajectory(scene, photo, request)
    return CoverageEstimate(trajectory, quick_coverage(photo, photo.depth(), trajectory))


def scene_and_photo(request: ShotRequest, imported_at: float | None = None) -> tuple[bpy.types.Scene, PhotoScene]:
    """The request's scene, and the photo in it that was imported then; None for the one imported last.

    Raises:
        ShotError: Either is gone.
    """
    scene = in_session(bpy.data.scenes, request.scene.session_uid)
    photo = find_photo_scene(scene, imported_at) if scene is not None else None
    if scene is None or photo is None:
        raise ShotError("There is no photo in this scene", request.scene.name, "Import a photo with its depth first.")
    return scene, with_own_axes(photo)


def last_image(request: ShotRequest) -> UInt8 | None:
    """[h, w, 3] uint8 sRGB, upright; None when the artist gave none.

    Raises:
        PhotoError: Its file cannot be read.
    """
    if not request.last_image:
        return None
    try:
        return upright_pixels(blend_path(request.last_image))
    except PhotoError as error:
        raise PhotoError("The last image cannot be used", error.sentence, "Choose another file, or none.") from error


class ShotJob:
    """A shot as the artist chose it, on its way to a clip.

    Attributes:
        scene: The scene.
        preview: What is sent, None until it is rendered.
    """

    preparing = Phase.PREVIEW

    def __init__(self, request: ShotRequest) -> None:
        self.scene = request.scene
        self.preview: RenderedPreview | None = None
        self._request = request
        self._settings = request.settings
        self._limits = Limits()
        self._also: list[tuple[EngineCapability, ShotSettings]] = []

    @property
    def title(self) -> str:
        """The shot's name, with the engine's where it goes to several."""
        return self._request.title_on(self._request.settings.engine)

    def folder(self, job_id: str) -> Path:
        """The folder made for the shot's next take.

        Raises:
            TimelineError: The disk refuses.
        """
        return _new_folder(self.title)

    def engine(self, jobs: Jobs) -> str:
        """The name of the chosen engine.

        Raises:
            RealCamError: The server does not have it, or it does not make or take such clips.
        """
        request = self._request
        ends = bool(request.last_image)
        self._limits = jobs.limits
        settings = request.settings
        scene = scene_now(request.scene)
        prompts = (settings.prompt, settings.negative_prompt)
        check_clip_limits(self._limits, request.size, request.frames, scene_rate(scene), prompts)
        others = [check_clip_engine(jobs.engines, one.engine, request.size, request.frames) for one in request.also]
        self._also = [(one, _stated(asked, one)) for one, asked in zip(others, request.also, strict=True)]
        engine = check_clip_engine(jobs.engines, settings.engine, request.size, request.frames, ends)
        self._settings = _stated(settings, engine)
        return engine.name

    def payload(self, engine: str) -> Slices[Shot]:
        """Renders the preview, a frame a slice, and returns the shot.

        Raises:
            RealCamError: See preview_slices; or the last image cannot be read.
        """
        ending = last_image(self._request)
        self.preview = preview = yield from preview_slices(self._request)
        _, photo = scene_and_photo(self._request, preview.record.imported_at)
        # The camera, the depth and the preview are those of the scene before: so are its lens and its cut.
        photo = replace(photo, record=preview.record)
        shot = assemble_shot(photo, preview.depth, preview.trajectory, preview.frames, self._settings, ending)
        return shot_within(shot, self._limits)

    def beside(self, payload: JobPayload, record: JobRecord) -> list[tuple[JobPayload, JobRecord]]:
        """The same shot for the other engines, with their records; the folders of their takes are made.

        Args:
            payload: What `payload` has returned.
            record: The record of the first engine's job.

        Raises:
            TimelineError: The disk refuses.
        """
        assert isinstance(payload, Shot)
        assert isinstance(record.task, ShotTask)
        scene, camera = scene_now(self._request.scene), self._request.camera
        followed = None if camera is None else in_session(bpy.data.objects, camera.session_uid)
        made: list[tuple[JobPayload, JobRecord]] = []
        for engine, settings in self._also:
            ends = INTERPOLATION_MODE in engine.modes
            title = self._request.title_on(settings.engine)
            try:
                folder = _new_folder(title)
            except TimelineError:
                for _, other in made:
                    discard_take_folder(Path(other.folder))
                raise
            task = msgspec.structs.replace(record.task, beside=True, last_image=record.task.last_image if ends else "")
            other = msgspec.structs.replace(
                record, job_id=uuid.uuid4().hex, title=title, folder=str(folder), settings=settings, task=task
            )
            shot = replace(payload, settings=settings, last_image=payload.last_image if ends else None)
            made.append((shot, other))
            begun_in(scene, other.job_id)
            if followed is not None:
                remember_camera(scene, other.job_id, followed)
        return made

    def task(self) -> ShotTask:
        """What is needed to lay the clip onto the timeline. Only after `payload`."""
        assert self.preview is not None
        request, fit, record = self._request, self.preview.fit, self.preview.record
        camera = None if request.camera is None else in_session(bpy.data.objects, request.camera.session_uid)
        placement = ShotPlacement(
            artist_width=fit.artist_size[0],
            artist_height=fit.artist_size[1],
            pixel_aspect=fit.pixel_aspect[0] / fit.pixel_aspect[1],
            frame_start=request.frame_start,
            frame_end=request.frame_end,
        )
        return ShotTask(
            camera="" if camera is None else camera.name,
            camera_library="" if camera is None else library_of(camera),
            placement=placement,
            photo_state=PhotoState(
                imported_at=record.imported_at, scale=record.shot_scale, intrinsics=record.intrinsics
            ),
            last_image=request.last_image,
        )


def _stated(settings: ShotSettings, engine: EngineCapability) -> ShotSettings:
    """The settings with the options that the engine has, as far as they are sent."""
    return msgspec.structs.replace(settings, options=stated_options(engine.options, settings.options))


def _new_folder(title: str) -> Path:
    """The folder made for the next take of a shot with this title.

    Raises:
        TimelineError: The disk refuses.
    """
    waiting = [record for scene in bpy.data.scenes if (record := job_of(scene)) is not None and record.title == title]
    above = max(highest_number(title), *(take_number(Path(file_name(record.folder))) for record in waiting), 0)
    return new_take_folder(clips_folder(), title, above)
