"""Depth and disparity files to metres: PNG or TIFF, EXR with Blender's Z, NPY and NPZ.

One set of rules for the add-on and the server: the file's header decides whether it is read and how. Each side brings
its own decoder of pictures: Blender, or Pillow and FFmpeg.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from ..arrays import Float32
from ..errors import PhotoError
from ..photo.picture_header import PictureHeader, read_picture_header
from .exr import UnsupportedExrError, depth_channel, read_exr_channel

INTEGER_SCALE = 0.001
"""Metres for each unit of a file of whole numbers, when no scale is given: millimetres are what most tools write."""

FARTHEST_DEPTH = 1e6
"""Metres from which a depth counts as unknown. Renderers write 1e10 where they hit nothing."""

DEPTH_SUFFIXES = (".npz", ".npy", ".exr", ".png", ".tif", ".tiff")
"""Endings of the files that are read, in lower case."""

_EXPORT = "Export it as 16-bit PNG, EXR or NPY."
_GREY = {("unsigned", 16), ("signed", 16), ("unsigned", 32), ("signed", 32), ("float", 32)}
"""(kind of number, bits) that a PNG or TIFF of one channel may hold."""


@dataclass(frozen=True)
class DepthFormat:
    """What a depth file's numbers mean.

    Depth from disparity is focal * baseline / (disparity + doffs).

    Attributes:
        kind: "depth" along the viewing axis (not along the ray), or "disparity" in pixels of the depth map.
        scale: size of one stored unit, in metres (disparity: in pixels). None: 0.001 for whole numbers, else 1; 1 for
            disparity.
        focal: pixels of the depth map; for disparity.
        baseline: metres; for disparity.
        doffs: offset of the disparity, pixels of the depth map.
        unknown: a stored value that means "no depth", besides NaN, infinities, and 0 in files of whole numbers.
        channel: array of an NPZ or channel of an EXR. Empty: the only array, or one named depth or disparity; in an EXR
            the channel whose name is most like depth (exr.depth_channel).
    """

    kind: Literal["depth", "disparity"] = "depth"
    scale: float | None = None
    focal: float = 0.0
    baseline: float = 0.0
    doffs: float = 0.0
    unknown: float | None = None
    channel: str = ""

    @classmethod
    def of(cls, scale: float | None, disparity: tuple[float, float, float] | None = None) -> DepthFormat:
        """The format of depth with this scale, or of disparity: (focal px, baseline m, doffs px)."""
        if disparity is None:
            return cls(scale=scale)
        return cls("disparity", scale, *disparity)


class PictureDecoder(Protocol):
    """Decodes pictures that NumPy alone cannot read."""

    def numbers(self, path: Path, header: PictureHeader) -> NDArray[Any] | None:
        """The numbers of a PNG or TIFF, top row first.

        Args:
            path: the file.
            header: of the file, which is whole: one channel of 16 or 32 bits, or RGB or RGBA of 16.

        Returns:
            [h, w], or [h, w, 3 or 4] of a file in colour; of an integer type unless the file's numbers are floats. None
            when it cannot be decoded.
        """
        ...

    def single_layer(self, path: Path) -> NDArray[Any] | None:
        """The first channel of an EXR whose compression core.depth.exr does not read.

        Returns:
            [h, w], or None when the file has layers or cannot be decoded.
        """
        ...


def read_depth_file(path: Path, depth_format: DepthFormat, decoder: PictureDecoder) -> Float32:
    """Read a depth or disparity file as depth in metres.

    Zero and negative depths are kept, so that photo_checks.py can report them.

    Args:
        path: the file.
        depth_format: what its numbers mean.
        decoder: for PNG, TIFF, and EXR that core.depth.exr does not read.

    Returns:
        [h, w] float32 metres along z, top row first, NaN where unknown.

    Raises:
        PhotoError: the file cannot be read, is no map of one number a pixel, or the format is not complete.
    """
    if not path.is_file():
        raise PhotoError("There is no such depth file", f"{path} is a folder" if path.is_dir() else str(path))
    try:
        stored = _stored(path, depth_format.channel, decoder)
    except OSError as error:
        raise PhotoError("The depth file cannot be read", f"{path}: {error.strerror or error}") from error
    if stored.ndim == 3 and 1 in (stored.shape[0], stored.shape[2]):
        stored = stored[0] if stored.shape[0] == 1 else stored[..., 0]
    if stored.ndim != 2:
        raise PhotoError("The depth file is not a map of one number a pixel", f"{path}: {list(stored.shape)}")
    return to_metres(stored, depth_format, whole_numbers=stored.dtype.kind in "iu")


def to_metres(stored: NDArray[Any], depth_format: DepthFormat, *, whole_numbers: bool) -> Float32:
    """Stored numbers as depth in metres.

    Args:
        stored: [h, w], any number type.
        depth_format: what the numbers mean.
        whole_numbers: whether the file holds integers: then 0 is unknown and the default scale is INTEGER_SCALE.

    Returns:
        [h, w] float32 metres along z, NaN where unknown or from FARTHEST_DEPTH on.

    Raises:
        PhotoError: the scale is not positive, or disparity lacks its focal length or baseline.
    """
    values = stored.astype(np.float64)
    unknown = ~np.isfinite(values)
    if whole_numbers:
        unknown |= values == 0
    if depth_format.unknown is not None:
        unknown |= values == depth_format.unknown
    values[unknown] = np.nan
    if depth_format.kind == "disparity":
        values = _from_disparity(values, depth_format)
    else:
        scale = depth_format.scale if depth_format.scale is not None else INTEGER_SCALE if whole_numbers else 1.0
        if not np.isfinite(scale) or scale <= 0:
            raise PhotoError("The depth scale is not a positive number", f"{scale:g} metres a unit")
        values = values * scale
    values[np.abs(values) >= FARTHEST_DEPTH] = np.nan
    return values.astype(np.float32)


def _from_disparity(values: NDArray[np.float64], depth_format: DepthFormat) -> NDArray[np.float64]:
    if not depth_format.focal > 0 or not depth_format.baseline > 0:
        raise PhotoError(
            "Disparity alone is not depth",
            f"focal length {depth_format.focal:g} px, baseline {depth_format.baseline:g} m",
            "Give both; they stand in the stereo camera's calibration.",
        )
    pixels = values * (depth_format.scale if depth_format.scale is not None else 1.0) + depth_format.doffs
    with np.errstate(invalid="ignore", divide="ignore"):
        depth = depth_format.focal * depth_format.baseline / pixels
        return np.where(pixels > 0, depth, np.nan)


def _stored(path: Path, channel: str, decoder: PictureDecoder) -> NDArray[Any]:
    """The file's numbers, in its own type."""
    suffix = path.suffix.lower()
    if suffix in (".npy", ".npz"):
        return _numpy_array(path, channel)
    if suffix == ".exr":
        return _exr(path, channel, decoder)
    if suffix in DEPTH_SUFFIXES:
        return _picture(path, decoder)
    raise PhotoError("This kind of depth file is not read", path.name, "Use 16-bit PNG, EXR, NPY or NPZ.")


def _picture(path: Path, decoder: PictureDecoder) -> NDArray[Any]:
    """[h, w] the numbers of a PNG or TIFF, in their own type."""
    header = read_picture_header(path)
    if header is None:
        raise PhotoError("The depth file cannot be read", f"{path} is no PNG or TIFF", _EXPORT)
    if not header.whole:
        raise PhotoError("The depth file cannot be read", f"{path} ends before its last row", "Copy it again.")
    if header.bits <= 8:
        raise PhotoError(
            f"The depth file is a picture of {header.bits} bits",
            f"the {2**header.bits} steps of {path} are too coarse for metres",
            _EXPORT,
        )
    grey = header.model == "grey" and header.channels == 1 and (header.numbers, header.bits) in _GREY
    colours = header.model == "rgb" and header.channels in (3, 4) and (header.numbers, header.bits) == ("unsigned", 16)
    if not grey and not colours:
        raise PhotoError(
            "This kind of depth picture is not read",
            f"{path} has {header.channels} channels ({header.model}) of {header.bits} bits ({header.numbers})",
            _EXPORT,
        )
    pixels = decoder.numbers(path, header)
    if pixels is None:
        raise PhotoError("The depth file cannot be read", f"the pixels of {path} cannot be decoded", _EXPORT)
    if colours:
        # Blender writes a grey picture as RGB unless told otherwise.
        if (pixels[..., :1] != pixels[..., 1:3]).any():
            raise PhotoError("The depth file is not a map of one number a pixel", f"{path} is in colour", _EXPORT)
        return np.asarray(pixels[..., 0])
    return pixels


def _numpy_array(path: Path, channel: str) -> NDArray[Any]:
    try:
        # Of a broken archive NumPy leaves a file open that it opened itself.
        with path.open("rb") as file:
            loaded = np.load(file, allow_pickle=False)
            if isinstance(loaded, np.ndarray):
                array = loaded
            else:
                with loaded:
                    array = loaded[_array_name(path, loaded.files, channel)]
    except (OSError, ValueError, EOFError, BadZipFile, zlib.error) as error:
        raise PhotoError("The depth file is not a NumPy array of numbers", f"{path}: {error}") from error
    if array.dtype.kind not in "iuf":
        raise PhotoError("The depth file does not hold real numbers", f"{path}: {array.dtype}")
    return np.asarray(array)


def _array_name(path: Path, names: list[str], channel: str) -> str:
    if channel in names:
        return channel
    if not channel and len(names) == 1:
        return names[0]
    for usual in ("depth", "disparity") if not channel else ():
        if usual in names:
            return usual
    raise PhotoError(
        "Which array is the depth?", f"{path.name} holds {', '.join(names)}", "Name one of them as Channel."
    )


def _exr(path: Path, channel: str, decoder: PictureDecoder) -> NDArray[Any]:
    try:
        return read_exr_channel(path, channel or depth_channel(path))
    except UnsupportedExrError:
        # Of several layers a decoder would hand out colours as if they were depth.
        pixels = None if channel else decoder.single_layer(path)
        if pixels is None:
            raise
        return pixels
