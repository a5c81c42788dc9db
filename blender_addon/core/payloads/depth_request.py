"""A depth job: a photo goes up, its metric depth comes back.

A request is a payload (see payload_format.py). The result is one NPZ.
"""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..arrays import BROKEN_ARRAYS, Float32, Float64, UInt8
from ..camera.focal_length import check_focal_mm
from ..camera.trajectory import check_intrinsics
from ..errors import PhotoError
from ..protocol.messages import Limits
from .payload_format import PayloadFormat, PayloadHeader, check_pixels
from .shot import ShotSettings

DEPTH_FILE = "depth.npz"
"""Name of the result's file."""


@dataclass(frozen=True, eq=False)
class DepthRequest:
    """A photo whose depth is asked for.

    Attributes:
        photo: [h, w, 3] uint8 sRGB.
        settings: `engine` is the predictor's name.
        typed_mm: the photo's focal length (35 mm equivalent) as the artist typed it; goes before `exif_mm`.
        exif_mm: the same as its EXIF gives it.

    Raises:
        PhotoError: the photo is no RGB picture, or a focal length is not positive.
    """

    photo: UInt8
    settings: ShotSettings
    typed_mm: float | None = None
    exif_mm: float | None = None

    def __post_init__(self) -> None:
        if self.photo.ndim != 3 or self.photo.shape[2] != 3 or self.photo.dtype != np.uint8 or self.photo.size == 0:
            raise PhotoError("The photo is not an RGB picture", f"{list(self.photo.shape)} {self.photo.dtype}")
        for millimetres in (self.typed_mm, self.exif_mm):
            if millimetres is not None:
                check_focal_mm(millimetres)


@dataclass(frozen=True, eq=False)
class DepthResult:
    """A photo's estimated depth.

    Attributes:
        depth: [h, w] float32 metres along z, cleaned, NaN where unknown.
        before: the same before cleaning.
        cleaning_flags: [h, w] uint8, bits of what cleaning did (core.depth.cleaning.clean).
        intrinsics: [3, 3] in pixels of the photo that was sent.
        focal_source: where the focal length came from, in words.
        predictor: what made it, in words.
        licence: of the predictor's weights, in words.
    """

    depth: Float32
    before: Float32
    cleaning_flags: UInt8
    intrinsics: Float64
    focal_source: str
    predictor: str
    licence: str


class _Header(PayloadHeader, frozen=True, kw_only=True, forbid_unknown_fields=True):
    settings: ShotSettings
    typed_mm: float | None
    exif_mm: float | None


def _check_header(header: _Header, limits: Limits) -> None:
    check_pixels("photo", header.buffers["photo"], limits)


DEPTH_REQUEST = PayloadFormat(
    what="request for depth",
    magic=b"RCDEPT\x00\x02",
    header=_Header,
    buffers={"photo": ("uint8", (None, None, 3))},
    check=_check_header,
)


def encode_depth_request(request: DepthRequest) -> bytes:
    """The payload of a request."""
    arrays = {"photo": request.photo}
    header = _Header(
        settings=request.settings,
        typed_mm=request.typed_mm,
        exif_mm=request.exif_mm,
        buffers=DEPTH_REQUEST.specs(arrays),
    )
    return DEPTH_REQUEST.encode(header, arrays)


def decode_depth_request(data: bytes | memoryview, limits: Limits) -> DepthRequest:
    """The request in a payload; its photo is a view on `data`.

    Raises:
        WireError: the bytes are no request within the limits.
        PhotoError: a focal length is not positive.
    """
    header, arrays = DEPTH_REQUEST.decode(data, limits)
    return DepthRequest(arrays["photo"], header.settings, header.typed_mm, header.exif_mm)


def encode_depth_result(result: DepthResult) -> bytes:
    """The NPZ of a result, not compressed: that would take longer than sending it."""
    stream = io.BytesIO()
    words = np.array([result.focal_source, result.predictor, result.licence])
    np.savez(
        stream,
        depth=result.depth,
        before=result.before,
        touched=result.cleaning_flags,
        intrinsics=np.asarray(result.intrinsics, dtype=np.float64),
        words=words,
    )
    return stream.getvalue()


def decode_depth_result(data: bytes) -> DepthResult:
    """The result in an NPZ.

    Raises:
        PhotoError: the bytes are no depth result.
        CameraError: its intrinsics are none.
    """
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
            depth, before, cleaning_flags, intrinsics, words = (
                arrays[name] for name in ("depth", "before", "touched", "intrinsics", "words")
            )
    except (OSError, *BROKEN_ARRAYS) as error:
        raise PhotoError("The server's depth cannot be read", str(error), "Estimate it again.") from error
    _check_result(depth, before, cleaning_flags, words)
    check_intrinsics(intrinsics[None])
    source, predictor, licence = (str(word) for word in words)
    return DepthResult(depth, before, cleaning_flags, intrinsics, source, predictor, licence)


def _check_result(*arrays: NDArray[np.generic]) -> None:
    depth, before, cleaning_flags, words = arrays
    shapes = {depth.shape, before.shape, cleaning_flags.shape}
    if depth.ndim != 2 or len(shapes) != 1 or depth.dtype != np.float32 or before.dtype != np.float32:
        raise PhotoError("The server's depth has the wrong form", f"{depth.dtype} {sorted(map(str, shapes))}")
    if cleaning_flags.dtype != np.uint8 or words.shape != (3,):
        raise PhotoError("The server's depth has the wrong form", f"{cleaning_flags.dtype}, {words.size} words")
