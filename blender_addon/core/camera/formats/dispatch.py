"""Read and write camera files of any known format: find the format from content or ending, then call its module."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from ...arrays import Float64
from ...errors import CameraError
from ...foreign_files import copied_from
from ..trajectory import Trajectory
from . import bundler, camera_info, fspy, motionctrl, nuke_chan, realestate10k, tum
from .camera_file import CameraFile, Known
from .colmap import binary as colmap_binary
from .colmap import text as colmap_text
from .lens_models import of_one_aspect
from .nerf import camera_path, exported_cameras, transforms
from .text_lines import data_lines, parse_json, read_text, split_fields

Reader = Callable[[Path, Known], CameraFile]
"""(file or folder, what the caller knows) -> the file as read; raises CameraError."""
Writer = Callable[[Path, Trajectory, Sequence[str], Float64 | None], None]
"""(file or folder, trajectory, picture names [F] or empty, timestamps [F] in seconds or None)."""

READERS: dict[str, Reader] = {
    module.NAME: module.read
    for module in (
        realestate10k,
        colmap_text,
        colmap_binary,
        tum,
        transforms,
        camera_path,
        exported_cameras,
        nuke_chan,
        bundler,
        fspy,
        motionctrl,
        camera_info,
    )
}
"""How to read each format, by name."""

WRITERS: dict[str, Writer] = {
    module.NAME: module.write for module in (realestate10k, colmap_text, colmap_binary, tum, transforms, nuke_chan)
}
"""How to write each format, by name. The COLMAP ones write a folder."""

BY_ENDING = {".txt": "realestate10k", ".tum": "tum", ".json": "transforms", ".chan": "chan", "": "colmap"}
"""The format written to a file with this ending, when none is given."""

KNOWN_FORMATS = (
    "RealEstate10K, COLMAP, TUM, transforms.json and nerfstudio's camera paths, Nuke .chan, Bundler, fSpy, MotionCtrl, "
    "AC3D's JSON, Lyra's and RealCam-Vid's NPZ"
)
"""The readable formats, for error messages."""


def read_trajectory(
    path: str | Path,
    width: int | None = None,
    height: int | None = None,
    fps: float | None = None,
    *,
    intrinsics: ArrayLike | None = None,
    format: str | None = None,
) -> CameraFile:
    """Read a camera file or a COLMAP folder of any known format.

    Args:
        path: the file or folder.
        width, height: of the picture, pixels. Needed where the file does not store a size. Where it does, the cameras
            are scaled to this size.
        fps: overrides the mean rate of the file's timestamps.
        intrinsics: [3, 3] pixels, used only where the file has none.
        format: a key of READERS; None to find the format from the content.

    Returns:
        The cameras in the file's own world and unit, with notes on what was assumed.

    Raises:
        CameraError: the file cannot be read; the message names it.
    """
    source = Path(path)
    known = Known(
        (width, height) if width and height else None,
        fps,
        None if intrinsics is None else np.asarray(intrinsics, dtype=np.float64),
    )
    try:
        name, place = (format, source) if format else sniff(source)
        if name not in READERS:
            raise CameraError("There is no such camera format", name, f"There are: {', '.join(READERS)}.")
        return _drawn_at(READERS[name](place, known), known.size).with_notes(_other_models(source, place))
    except CameraError as error:
        raise CameraError(f"{source.name or source}: {error.what}", error.why, error.remedy) from error
    except OSError as error:
        raise CameraError(f"{source} cannot be read", error.strerror or str(error)) from error


def write_trajectory(
    path: str | Path,
    trajectory: Trajectory,
    format: str | None = None,
    *,
    names: Sequence[str] = (),
    timestamps: ArrayLike | None = None,
) -> None:
    """Write a camera file.

    Args:
        path: the file, or the folder for COLMAP.
        trajectory: the cameras to write.
        format: a key of WRITERS; None to choose by the ending (BY_ENDING).
        names: [F] picture names, kept by COLMAP and transforms.json; empty for numbered ones.
        timestamps: [F] seconds; None for frame / fps.

    Raises:
        CameraError: the format cannot be written, a list has another length than the trajectory, or the file cannot be
            written.
    """
    target = Path(path)
    name = format or BY_ENDING.get(target.suffix.lower(), target.suffix)
    if name not in WRITERS:
        raise CameraError("This camera format cannot be written", name, f"There are: {', '.join(WRITERS)}.")
    seconds = None if timestamps is None else np.asarray(timestamps, dtype=np.float64)
    for given, what in ((names, "names"), (() if seconds is None else seconds, "timestamps")):
        if len(given) not in (0, len(trajectory)):
            raise CameraError(f"The {what} do not fit the trajectory", f"{len(given)} for {len(trajectory)} frames")
    try:
        WRITERS[name](target, trajectory, names, seconds)
    except OSError as error:
        raise CameraError(f"{target.name} cannot be written", error.strerror or str(error)) from error


def sniff(path: Path) -> tuple[str, Path]:
    """The format of a file, found from its content.

    Args:
        path: a file or a folder.

    Returns:
        (key of READERS, file or folder to read).

    Raises:
        CameraError: it is no known format.
        OSError: it cannot be read.
    """
    if path.is_dir():
        return _sniff_folder(path)
    if path.name in ("cameras.txt", "images.txt"):
        return colmap_text.NAME, path.parent
    if path.name in ("cameras.bin", "images.bin"):
        return colmap_binary.NAME, path.parent
    with path.open("rb") as file:
        start = file.read(4)
    if start == fspy.MAGIC:
        return fspy.NAME, path
    if start == camera_info.MAGIC:
        return camera_info.NAME, path
    return _sniff_text(path), path


def _sniff_folder(folder: Path) -> tuple[str, Path]:
    for place in (folder, folder / "sparse" / "0", folder / "sparse", folder / "0"):
        if (place / "images.bin").is_file():
            return colmap_binary.NAME, place
        if (place / "images.txt").is_file():
            return colmap_text.NAME, place
    if (folder / "transforms.json").is_file():
        return transforms.NAME, folder / "transforms.json"
    parts = sorted(folder.glob("transforms_*.json"))
    parts = [part for part in parts if copied_from(part.name) not in {other.name for other in parts}]
    if len(parts) == 1:
        return _sniff_text(parts[0]), parts[0]
    why = (
        f"it holds {', '.join(part.name for part in parts)}" if parts else "neither a COLMAP model nor transforms.json"
    )
    raise CameraError(
        "The folder holds no camera file" if not parts else "It is not certain which file holds the cameras",
        why,
        "Name a file.",
    )


def _other_models(source: Path, place: Path) -> str:
    """A note where COLMAP left several models beside the one that was chosen, else ""."""
    if place == source or place.parent.name != "sparse":
        return ""
    others = [
        folder.name
        for folder in sorted(place.parent.iterdir())
        if folder != place and any((folder / f"images.{ending}").is_file() for ending in ("bin", "txt"))
    ]
    if not others:
        return ""
    return f"There are several models: sparse/{place.name} is read, not {', '.join(others)}. Name a folder for another."


def _sniff_text(path: Path) -> str:
    text = read_text(path)
    if text.lstrip()[:1] in ("{", "["):
        return _sniff_json(text)
    if text.startswith("# Bundle file"):
        return bundler.NAME
    if path.suffix.lower() == ".chan":
        return nuke_chan.NAME
    columns = Counter(len(split_fields(line)) for _, line in data_lines(text))
    if realestate10k.COLUMNS in columns:
        return realestate10k.NAME
    if columns and columns.most_common(1)[0][0] == tum.COLUMNS:
        return tum.NAME
    found = f"its lines have {', '.join(map(str, sorted(columns)))} values" if columns else "it is empty"
    raise CameraError("This is no camera file that RealCam knows", found, f"It reads {KNOWN_FORMATS}.")


def _sniff_json(text: str) -> str:
    document = parse_json(text)
    if isinstance(document, list):
        return exported_cameras.NAME if document and isinstance(document[0], dict) else motionctrl.NAME
    if "cameraTransform" in document:
        return fspy.NAME
    if camera_path.CAMERAS in document:
        return camera_path.NAME
    return camera_info.NAME if any(key in document for key in camera_info.POSES) else transforms.NAME


def _drawn_at(file: CameraFile, size: tuple[int, int] | None) -> CameraFile:
    trajectory = file.trajectory
    own = (trajectory.width, trajectory.height)
    if size is None or size == own:
        return file
    note = f"The file's pictures are {own[0]} x {own[1]}: at {size[0]} x {size[1]} the pixels are not square."
    return replace(file, trajectory=trajectory.resized(*size)).with_notes("" if of_one_aspect(size, own) else note)
