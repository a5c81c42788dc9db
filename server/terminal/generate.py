"""A whole clip without Blender: photo, depth and camera file -> preview -> a server -> clip.mp4."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

import numpy as np

from blender_addon.core.arrays import Float32, UInt8
from blender_addon.core.camera.focal_length import PhotoLens
from blender_addon.core.camera.formats import read_trajectory
from blender_addon.core.camera.frame_fit import FrameFit
from blender_addon.core.camera.projection import scaled_intrinsics
from blender_addon.core.camera.trajectory import Trajectory
from blender_addon.core.depth.depth_mesh import depth_mesh, known_depth
from blender_addon.core.depth.photo_checks import check_faces
from blender_addon.core.errors import ServiceError
from blender_addon.core.payloads.coverage import check_seen, coverage
from blender_addon.core.payloads.import_request import DepthFile, ImportSettings
from blender_addon.core.payloads.server_limits import (
    check_clip_limits,
    depth_within,
    picture_within,
    shot_within,
)
from blender_addon.core.payloads.shot import Shot, ShotSettings
from blender_addon.core.progress import JobProgress, OnProgress, unwatched
from blender_addon.core.protocol.capability import EngineCapability, EngineKind, SettingValue
from blender_addon.core.protocol.client import Client
from blender_addon.core.protocol.engine_checks import (
    check_last_image,
    check_size,
    checked_options,
    offered_engine,
)
from blender_addon.core.protocol.messages import Limits, Welcome
from blender_addon.core.protocol.server_address import ServerAddress
from blender_addon.core.version import COMMAND_LINE_SOFTWARE, command_line_client_id
from server.depth.photo_files import PhotoFile, check_photo_and_depth, read_depth, read_photo
from server.engines.random_weights import RANDOM_WEIGHTS
from server.geometry.preview import PreviewRenderer
from server.terminal.estimated_depth import estimated_depth
from server.terminal.local_service import local_service
from server.terminal.named_move import NamedMove, moved_camera
from server.terminal.sent_shot import clips_of


@dataclass(frozen=True)
class GenerateRequest:
    """What to make.

    Attributes:
        photo: the photo's file.
        depth: its depth's file; None to estimate it, where a predictor is installed.
        trajectory: the camera file; None for a move.
        out: the clip to write.
        import_settings: the lens and the depth edge are taken from it.
        engine: name of the engine.
        size: (width, height) in pixels; None takes the engine's default.
        frames: frame count; None takes the engine's default.
        fps: frames a second; None takes the camera file's.
        seed: of the random numbers.
        prompt: what the clip shows.
        negative_prompt: what it shall not show.
        options: values for the engine's own options, by name.
        start_at_photo: the camera file's first pose is the photo's camera; otherwise the file's world is the photo
            camera's frame.
        server: None starts one for this job alone.
        last_image: file of what the last frame shall show, for engines that interpolate.
        random_weights: model size of the random weights that a server started for this job gives the engine realcam; ""
            uses the installed weights.
        move: the camera where there is no file of it; with neither, it stands still where the photo was taken.
        predictor: name of the one that estimates the depth; "" for the first that is installed.
        also: names of engines that get the same shot after `engine`. Each clip is then named by its engine.
    """

    photo: Path
    depth: DepthFile | None
    trajectory: Path | None
    out: Path
    import_settings: ImportSettings = field(default_factory=ImportSettings)
    engine: str = "draft"
    size: tuple[int, int] | None = None
    frames: int | None = None
    fps: float | None = None
    seed: int = 0
    prompt: str = ""
    negative_prompt: str = ""
    options: Mapping[str, SettingValue] = field(default_factory=dict)
    start_at_photo: bool = False
    server: ServerAddress | None = None
    last_image: Path | None = None
    random_weights: Literal["", "tiny", "full"] = ""
    move: NamedMove | None = None
    predictor: str = ""
    also: tuple[str, ...] = ()

    def file(self, engine: str) -> Path:
        """The clip of an engine."""
        return self.out.with_stem(f"{self.out.stem}-{engine}") if self.also else self.out


@dataclass(frozen=True)
class GenerateResult:
    """A finished clip, or those of several engines.

    Attributes:
        clips: the mp4 of each engine that made one.
        focal_source: where the focal length came from, in words.
        coverage: [F] share of each frame that the photo sees.
        notes: what was unusual in the input; of each engine what it loses of the shot, its notes, or why it made none.
    """

    clips: tuple[Path, ...]
    focal_source: str
    coverage: tuple[float, ...]
    notes: tuple[str, ...]

    @property
    def clip(self) -> Path:
        """The first of them."""
        return self.clips[0]


@dataclass(frozen=True, eq=False)
class ShotInputs:
    """The content of a request's files.

    Attributes:
        photo: [h, w, 3] uint8 sRGB.
        depth: [hd, wd] float32 metres, of the photo's aspect, NaN where unknown.
        lens: the photo's.
        artist: the camera of the trajectory file, in the photo's pixels; None for a move, whose frames the engine says.
        last_image: [h, w, 3] uint8 sRGB; None without one.
        notes: what was unusual in the files.
    """

    photo: UInt8
    depth: Float32
    lens: PhotoLens
    artist: Trajectory | None
    last_image: UInt8 | None
    notes: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class PreparedShot:
    """A shot that can be sent.

    Attributes:
        shot: for the first of the engines, without options.
        engines: those that were asked for.
        coverage: [F] share of each frame that the photo sees.
        notes: what was unusual in the input.
    """

    shot: Shot
    engines: tuple[EngineCapability, ...]
    coverage: tuple[float, ...]
    notes: tuple[str, ...]


def generate(request: GenerateRequest, on_progress: OnProgress) -> GenerateResult:
    """Make a clip and write it to `request.out`.

    Args:
        request: what to make.
        on_progress: called for every frame of the preview, for transfers, and for the engine's steps.

    Raises:
        PhotoError: the photo or its depth cannot be used.
        CameraError: the camera file cannot be used.
        ShotError: the engine makes no such clip, or the camera never sees the photo.
        EngineError: an option cannot be used.
        ServiceError: the server failed or refused, or the clip cannot be written.
    """
    for name in (request.engine, *request.also):
        _check_out(request.file(name))
    inputs = read_inputs(request, on_progress)
    with ExitStack() as stack:
        client, welcome = stack.enter_context(_session(request.server, request.random_weights))
        made = prepared_shot(request, inputs, welcome, on_progress)
        asked = [(engine, _options_of(engine, request), request.file(engine.name)) for engine in made.engines]
        clips, said = clips_of(client, made.shot, request.photo.stem, asked, on_progress)
    return GenerateResult(clips, inputs.lens.words, made.coverage, made.notes + said)


def prepared_shot(
    request: GenerateRequest, inputs: ShotInputs, welcome: Welcome, on_progress: OnProgress = unwatched
) -> PreparedShot:
    """The shot of a request, for a server that was asked what it takes; its options are not set yet.

    Args:
        request: what to make.
        inputs: the content of its files.
        welcome: the server's.
        on_progress: called for every frame of the preview.

    Raises:
        PhotoError: the depth makes no surface.
        CameraError: a move would run into its subject.
        ShotError: the engine makes no such clip, or the camera never sees the photo.
        EngineError: an option cannot be used.
        ServiceError: the server has no such engine.
    """
    engines = _engines(welcome, request, inputs)
    artist, moved = _artist(inputs, request, engines[0])
    trajectory = _for_engine(artist, request, engines[0], welcome.limits)
    for engine in engines[1:]:
        check_size(engine, (trajectory.width, trajectory.height))
    inputs = within_limits(inputs, welcome.limits)
    preview, shares = _preview(inputs, trajectory, request.import_settings.depth_edge, on_progress)
    shot = Shot(
        trajectory=trajectory,
        preview=preview,
        photo=inputs.photo,
        photo_intrinsics=inputs.lens.intrinsics,
        depth=inputs.depth,
        settings=ShotSettings(
            engine=request.engine,
            prompt=request.prompt,
            negative_prompt=request.negative_prompt,
            seed=request.seed,
        ),
        depth_edge=request.import_settings.depth_edge,
        last_image=inputs.last_image,
    )
    return PreparedShot(shot_within(shot, welcome.limits), tuple(engines), shares, (*inputs.notes, *moved))


def read_inputs(request: GenerateRequest, on_progress: OnProgress = unwatched) -> ShotInputs:
    """The content of a request's files, before a server is asked.

    Args:
        request: what to make.
        on_progress: told when a depth is estimated.

    Raises:
        PhotoError: the photo, its depth or the last image cannot be used.
        CameraError: the camera file or the calibration cannot be used.
        PredictorError: there is no depth, and no predictor for it.
    """
    photo = read_photo(request.photo)
    last_image = None if request.last_image is None else read_photo(request.last_image).pixels
    depth, lens, notes = _depth_and_lens(request, photo, on_progress)
    if request.trajectory is None:
        return ShotInputs(photo.pixels, depth, lens, None, last_image, notes)
    size = (photo.pixels.shape[1], photo.pixels.shape[0])
    camera = read_trajectory(request.trajectory, *size, request.fps, intrinsics=lens.intrinsics)
    return ShotInputs(photo.pixels, depth, lens, camera.trajectory, last_image, (*notes, *camera.notes))


def _depth_and_lens(
    request: GenerateRequest, photo: PhotoFile, on_progress: OnProgress
) -> tuple[Float32, PhotoLens, tuple[str, ...]]:
    """The depth of the request's file, or an estimate, the lens that belongs to it, and what is to be said of them."""
    settings = request.import_settings
    if request.depth is None:
        scene, notes = estimated_depth(photo, settings, request.predictor, on_progress)
        return scene.cleaned.depth, scene.lens, notes
    depth = read_depth(request.depth.path, request.depth.format, trust_unit=settings.trust_scale)
    check_photo_and_depth(photo.pixels, depth)
    size, depth_size = ((pixels.shape[1], pixels.shape[0]) for pixels in (photo.pixels, depth))
    return known_depth(depth), settings.lens(size, photo.focal_35mm, (request.depth.path, depth_size)), ()


def _artist(
    inputs: ShotInputs, request: GenerateRequest, capability: EngineCapability
) -> tuple[Trajectory, tuple[str, ...]]:
    """The camera in the photo's pixels, and what is to be said of it.

    Raises:
        CameraError: a move would run into its subject.
    """
    if inputs.artist is not None:
        return inputs.artist, ()
    size = (inputs.photo.shape[1], inputs.photo.shape[0])
    count = request.frames or capability.frame_counts[0]
    move = request.move or NamedMove("still", {})
    camera, words = moved_camera(move, inputs.depth, inputs.lens.intrinsics, size, count, request.fps)
    return camera, (words,)


def within_limits(inputs: ShotInputs, limits: Limits) -> ShotInputs:
    """The inputs with pictures as large as a server takes, the lens in the photo's pixels then, and a note of it."""
    photo, depth = picture_within(inputs.photo, limits), depth_within(inputs.depth, limits)
    if photo is inputs.photo and depth is inputs.depth:
        return inputs
    (height, width), (rows, columns) = photo.shape[:2], inputs.photo.shape[:2]
    scaled = scaled_intrinsics(inputs.lens.intrinsics, (columns, rows), (width, height))
    note = f"The server takes {limits.photo_pixels / 1e6:g} million pixels: the photo is sent as {width} x {height}."
    lens = replace(inputs.lens, intrinsics=scaled)
    return replace(inputs, photo=photo, depth=depth, lens=lens, notes=(*inputs.notes, note))


def _check_out(out: Path) -> None:
    """Refuse, before any work, a path where the clip cannot be written."""
    if out.is_dir():
        raise ServiceError("The clip cannot be written", f"{out} is a folder", "Name a file with --out.")


@contextmanager
def _session(address: ServerAddress | None, random_weights: str) -> Iterator[tuple[Client, Welcome]]:
    """A connected client and the server's welcome; without an address, of a server started for it."""
    with ExitStack() as stack:
        if address is None:
            own = tempfile.TemporaryDirectory(prefix="realcam-", ignore_cleanup_errors=True)
            folder = Path(stack.enter_context(own))
            environment = {RANDOM_WEIGHTS: random_weights} if random_weights else {}
            address = stack.enter_context(
                local_service(folder / "jobs", folder / "server.log", environment=environment)
            )
        client = stack.enter_context(Client(address, command_line_client_id(), COMMAND_LINE_SOFTWARE))
        yield client, client.connect()


def _engine(welcome: Welcome, name: str, request: GenerateRequest, inputs: ShotInputs) -> EngineCapability:
    """The engine of this name, checked to make what is asked for.

    Raises:
        ServiceError: the server has none, or it cannot run.
        ShotError: it makes no such clips.
        EngineError: it has no such options.
    """
    engine = offered_engine([engine for engine in welcome.engines if engine.kind is EngineKind.CLIP], name)
    if request.size is not None:
        check_size(engine, request.size)
    checked_options(engine.options, _options_of(engine, request), engine.label)
    if inputs.last_image is not None:
        check_last_image(engine)
    return engine


def _engines(welcome: Welcome, request: GenerateRequest, inputs: ShotInputs) -> list[EngineCapability]:
    """The engines asked for, each checked, see `_engine`.

    Raises:
        EngineError: none of them has an option that was given.
    """
    engines = [_engine(welcome, name, request, inputs) for name in (request.engine, *request.also)]
    everything = [option for engine in engines for option in engine.options]
    known = {option.name for option in everything}
    unknown = {name: value for name, value in request.options.items() if name not in known}
    checked_options(everything, unknown, " and ".join(engine.label for engine in engines))
    return engines


def _options_of(engine: EngineCapability, request: GenerateRequest) -> Mapping[str, SettingValue]:
    """The options that an engine gets: all, and of those for several engines the ones that it has."""
    if not request.also:
        return request.options
    known = {option.name for option in engine.options}
    return {name: value for name, value in request.options.items() if name in known}


def _for_engine(
    artist: Trajectory, request: GenerateRequest, capability: EngineCapability, limits: Limits
) -> Trajectory:
    """The camera in the engine's pixels and frame count, relative to the photo's camera.

    Raises:
        ShotError: the clip is larger than the server takes.
    """
    size = request.size or capability.sizes[0]
    count = request.frames or capability.frame_counts[0]
    check_clip_limits(limits, size, count, artist.fps, (request.prompt, request.negative_prompt))
    if request.start_at_photo:
        artist = artist.relative_to(artist.camera_to_world[0])
    fitted = FrameFit((artist.width, artist.height), size).trajectory(artist)
    return fitted if count == len(fitted) else fitted.resample(count)


def _preview(
    inputs: ShotInputs, trajectory: Trajectory, depth_edge: float, on_progress: OnProgress
) -> tuple[UInt8, tuple[float, ...]]:
    """The preview [F, H, W, 4] uint8, and the share of each frame that the photo sees.

    Raises:
        ShotError: the photo is seen in no frame.
        PhotoError: the depth makes no surface.
    """
    size = (inputs.photo.shape[1], inputs.photo.shape[0])
    mesh = depth_mesh(inputs.depth, inputs.lens.intrinsics, size, depth_edge)
    check_faces(mesh)
    renderer = PreviewRenderer(inputs.photo, mesh)
    preview = np.empty((len(trajectory), trajectory.height, trajectory.width, 4), np.uint8)
    for index, frame in enumerate(renderer.frames(trajectory)):
        preview[index] = frame
        on_progress(JobProgress(index + 1, len(trajectory), "Preview"))
    shares = coverage(preview)
    check_seen(shares)
    return preview, tuple(shares.tolist())
