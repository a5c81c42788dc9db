"""A photo and a camera as data -> a shot, by the same steps as `realcam generate`."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Annotated, TypeVar
from zipfile import BadZipFile, ZipFile, is_zipfile

import msgspec
import numpy as np
from msgspec import Meta

from blender_addon.core.camera.trajectory import Trajectory
from blender_addon.core.depth.depth_format import DepthFormat
from blender_addon.core.depth.exr import exr_window
from blender_addon.core.errors import ServiceError
from blender_addon.core.payloads.import_request import DepthFile, ImportSettings
from blender_addon.core.payloads.shot import Shot
from blender_addon.core.photo.picture_header import read_picture_header
from blender_addon.core.progress import unwatched
from blender_addon.core.protocol.capability import SettingValue
from blender_addon.core.protocol.engine_checks import stated_options
from blender_addon.core.protocol.engine_comparison import lost
from blender_addon.core.protocol.messages import RefusalCode, Welcome
from server.depth.predictor import PredictorError
from server.terminal.generate import GenerateRequest, prepared_shot, read_inputs
from server.terminal.named_move import read_move
from server.terminal.sent_shot import traits_of

from .bodies import LARGEST_FIELD, Part, malformed

P = TypeVar("P", bound="PhotoSettings")
Row4 = tuple[float, float, float, float]
Row3 = tuple[float, float, float]
Pose = tuple[Row4, Row4, Row4, Row4]
Lens = tuple[Row3, Row3, Row3]
ENDING = re.compile(r"\.[a-z0-9]{1,8}\Z")
FILES = ("photo", "depth", "camera", "last_image")
"""The parts of a form that are files; the part `settings` is JSON."""
MOST_PIXELS = 150_000_000
"""Of a picture: the largest cameras' photos. Decoded they take a gigabyte."""
LARGEST_CAMERA_FILE = 16_000_000
"""Bytes of a text with some hundred thousand poses."""
MOST_UNPACKED = 1_000_000_000
"""Bytes of all arrays in an archive: a depth of 64 million pixels in float64, and as much beside it."""


class CameraPath(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The camera of every frame: camera-to-world matrices in metres, OpenCV axes (x right, y down, z forward), relative
    to the photo's camera; intrinsics of each frame, or one for all, in pixels of `width` x `height`.
    """

    camera_to_world: Annotated[list[Pose], Meta(min_length=1)]
    intrinsics: Annotated[list[Lens], Meta(min_length=1)]
    width: Annotated[int, Meta(ge=1, le=65535)]
    height: Annotated[int, Meta(ge=1, le=65535)]
    fps: Annotated[float, Meta(gt=0, le=1000)] = 24.0


class PhotoSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to make of a photo. There is a camera, or a move such as "orbit 20"; without a depth one is estimated, where
    the gateway has a predictor. `intrinsics` and `focal_mm` (35 mm equivalent) are the photo's.
    """

    camera: CameraPath | None = None
    move: Annotated[str, Meta(max_length=200)] = ""
    engine: Annotated[str, Meta(pattern="^[a-z0-9][a-z0-9_.-]{0,63}$")] = "draft"
    size: tuple[Annotated[int, Meta(ge=1, le=65535)], Annotated[int, Meta(ge=1, le=65535)]] | None = None
    frames: Annotated[int, Meta(ge=1, le=65535)] | None = None
    fps: Annotated[float, Meta(gt=0, le=1000)] | None = None
    seed: Annotated[int, Meta(ge=0, le=2**53)] = 0
    prompt: str = ""
    negative_prompt: str = ""
    options: dict[str, SettingValue] = {}
    focal_mm: float | None = None
    intrinsics: Lens | None = None
    depth_format: DepthFormat = DepthFormat()
    trust_unit: bool = False
    predictor: str = ""
    start_at_photo: bool = False


class PhotoJob(PhotoSettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The same with the files in base64. Of `depth_name` the ending alone counts, which says the depth's format."""

    photo: bytes
    depth: bytes | None = None
    depth_name: str = "depth.png"
    last_image: bytes | None = None


def read_photo_job(body: bytes | memoryview) -> tuple[PhotoSettings, dict[str, Part]]:
    """The settings and files of a JSON body.

    Raises:
        ServiceError: it is none; code "malformed".
    """
    job = _decoded(body, PhotoJob)
    files = {
        "photo": Part(job.photo),
        "depth": Part(job.depth or b"", job.depth_name),
        "last_image": Part(job.last_image or b""),
    }
    return job, {name: part for name, part in files.items() if part.content or name == "photo"}


def read_photo_form(parts: Mapping[str, Part]) -> tuple[PhotoSettings, dict[str, Part]]:
    """The settings and files of a form.

    Raises:
        ServiceError: it has no photo, or parts that nothing reads; code "malformed".
    """
    if unknown := set(parts) - {*FILES, "settings"}:
        raise malformed("The form has a part that nothing reads", ", ".join(sorted(unknown))[:200])
    if "photo" not in parts:
        raise malformed("The form has no photo", f"its parts are {', '.join(parts) or 'none'}")
    sent = parts["settings"].content if "settings" in parts else b"{}"
    settings = _decoded(sent if isinstance(sent, bytes) else sent.read(LARGEST_FIELD + 1), PhotoSettings)
    return settings, {name: part for name, part in parts.items() if name != "settings"}


def photo_shot(settings: PhotoSettings, files: Mapping[str, Part], welcome: Welcome) -> tuple[Shot, tuple[str, ...]]:
    """The shot to submit, and what is to be said of it.

    Raises:
        RealCamError: as prepared_shot and read_inputs raise, or an archive is too large, code "too-large".
    """
    cameras = (settings.camera is not None) + ("camera" in files) + bool(settings.move)
    if cameras != 1:
        raise malformed("The shot needs one camera", f"{cameras} of: a camera path, a camera file, a move")
    with tempfile.TemporaryDirectory(prefix="realcam-gateway-", ignore_cleanup_errors=True) as folder:
        try:
            request = _request(settings, _written(files, Path(folder)))
            inputs = read_inputs(request)
            if settings.camera is not None:
                inputs = replace(inputs, artist=_trajectory(settings.camera))
            made = prepared_shot(request, inputs, welcome, unwatched)
        except PredictorError as error:
            remedy = "Send the photo's depth."
            raise ServiceError(error.what, error.why, remedy, code=RefusalCode.BAD_PAYLOAD) from error
    options = stated_options(made.engines[0].options, settings.options)
    shot_settings = msgspec.structs.replace(made.shot.settings, options=options)
    lens = f"Focal length: {inputs.lens.words}."
    seen = f"The photo can see {min(made.coverage):.0%} to {max(made.coverage):.0%} of each frame."
    shot = replace(made.shot, settings=shot_settings)
    return shot, (*made.notes, lens, seen, *lost(made.engines[0], traits_of(shot)))


def _request(settings: PhotoSettings, files: Mapping[str, Path]) -> GenerateRequest:
    photo_lens = None if settings.intrinsics is None else [list(row) for row in settings.intrinsics]
    return GenerateRequest(
        photo=files["photo"],
        depth=DepthFile(files["depth"], settings.depth_format) if "depth" in files else None,
        trajectory=files.get("camera"),
        move=read_move(settings.move) if settings.move else None,
        last_image=files.get("last_image"),
        out=Path(),
        import_settings=ImportSettings(
            focal_mm=settings.focal_mm, intrinsics=photo_lens, trust_scale=settings.trust_unit
        ),
        engine=settings.engine,
        size=settings.size,
        frames=settings.frames,
        fps=settings.fps,
        seed=settings.seed,
        prompt=settings.prompt,
        negative_prompt=settings.negative_prompt,
        options=settings.options,
        predictor=settings.predictor,
        start_at_photo=settings.start_at_photo,
    )


def _trajectory(camera: CameraPath) -> Trajectory:
    lenses = np.array(camera.intrinsics)
    return Trajectory(
        np.array(camera.camera_to_world),
        lenses[0] if len(lenses) == 1 else lenses,
        camera.width,
        camera.height,
        camera.fps,
    )


def _written(files: Mapping[str, Part], folder: Path) -> dict[str, Path]:
    """The files under names of our own; of the sender's name the ending alone is kept."""
    written = dict[str, Path]()
    for name, part in files.items():
        ending = PurePosixPath(part.name.lower()).suffix
        written[name] = folder / (name + (ending if ENDING.match(ending) else ""))
        part.write(written[name])
        if is_zipfile(written[name]):
            _check_unpacked(written[name])
        elif name == "camera":
            _check_camera_file(written[name])
        else:
            _check_pixels(written[name])
    return written


def _check_camera_file(path: Path) -> None:
    """Refuse a text whose numbers would take gigabytes once they are read."""
    nbytes = path.stat().st_size
    if nbytes > LARGEST_CAMERA_FILE:
        raise memory_needed(f"the camera file has {nbytes / 1e6:.0f} MB, allowed {LARGEST_CAMERA_FILE / 1e6:.0f}")


def _check_pixels(path: Path) -> None:
    """Refuse a picture, small as its file may be, that would take gigabytes once it is decoded."""
    if path.suffix == ".exr":
        sizes = [(window.width, window.height) for window in exr_window(path)]
    else:
        header = read_picture_header(path)
        sizes = [] if header is None else [header.size]
    for width, height in sizes:
        if width * height > MOST_PIXELS:
            raise memory_needed(f"{path.name} has {width} x {height} pixels, allowed {MOST_PIXELS / 1e6:.0f} million")


def _check_unpacked(path: Path) -> None:
    """Refuse an archive, as .npz is, whose content is far larger than itself. What it states is what is unpacked."""
    try:
        with ZipFile(path) as archive:
            nbytes = sum(file.file_size for file in archive.infolist())
    except (BadZipFile, OSError, ValueError):
        return  # Whoever reads it says what is wrong with it.
    if nbytes > MOST_UNPACKED:
        raise memory_needed(f"{path.name} unpacks to {nbytes / 1e6:.0f} MB, allowed {MOST_UNPACKED / 1e6:.0f}")


def memory_needed(why: str) -> ServiceError:
    """The error of a shot that takes too much memory; code "too-large"."""
    what = "The shot takes more memory than the gateway has for it"
    return ServiceError(what, why, "Send a smaller photo or depth.", code=RefusalCode.TOO_LARGE)


def _decoded(data: bytes | memoryview, kind: type[P]) -> P:
    try:
        return msgspec.json.decode(data, type=kind)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise malformed("The settings of the shot cannot be read", str(error)) from error
