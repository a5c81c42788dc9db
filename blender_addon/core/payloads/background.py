"""What an engine added to a scene to make a clip, as ordinary textured meshes: background.npz among a job's results.

Vertices are in metres in the frame of the photo's camera (x right, y down, z forward), as those of its own mesh.
A file holds `version` (1), `names` [L] of its L layers, and of layer k

    vertices_k   [N, 3] float32 metres
    triangles_k  [T, 3] int32 vertex indices
    uv_k         [N, 2] float32 in the texture, (0, 0) its top-left corner, (1, 1) its bottom-right one
    texture_k    [h, w, 3] uint8 sRGB
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..arrays import BROKEN_ARRAYS, Float32, Int32, UInt8
from ..errors import ShotError

BACKGROUND_FILE = "background.npz"
"""Name of the file among a clip's results."""
VERSION = 1
"""Of the file's form."""
_PARTS = ("vertices", "triangles", "uv", "texture")


@dataclass(frozen=True, eq=False)
class BackgroundLayer:
    """One textured mesh.

    Attributes:
        name: what it shows, in a few words.
        vertices: [N, 3] float32 metres, in the frame of the photo's camera.
        triangles: [T, 3] int32, indices into the vertices.
        uv: [N, 2] float32 in the texture, (0, 0) its top-left corner.
        texture: [h, w, 3] uint8 sRGB.

    Raises:
        ShotError: the parts do not fit each other.
    """

    name: str
    vertices: Float32
    triangles: Int32
    uv: Float32
    texture: UInt8

    def __post_init__(self) -> None:
        count = len(self.vertices)
        shapes = {
            "vertices": self.vertices.shape == (count, 3) and self.vertices.dtype == np.float32,
            "triangles": self.triangles.shape == (len(self.triangles), 3) and self.triangles.dtype == np.int32,
            "uv": self.uv.shape == (count, 2) and self.uv.dtype == np.float32,
            "texture": self.texture.ndim == 3 and self.texture.shape[2] == 3 and self.texture.dtype == np.uint8,
        }
        wrong = [part for part, right in shapes.items() if not right]
        if wrong or not self.texture.size:
            raise ShotError("A background layer has the wrong form", f"{self.name}: {', '.join(wrong) or 'texture'}")
        if len(self.triangles) and not 0 <= self.triangles.min() <= self.triangles.max() < count:
            raise ShotError("A background layer has the wrong form", f"{self.name}: triangles beyond {count} vertices")


def encode_background(layers: Sequence[BackgroundLayer]) -> bytes:
    """The bytes of background.npz."""
    arrays = {f"{part}_{k}": getattr(layer, part) for k, layer in enumerate(layers) for part in _PARTS}
    stream = io.BytesIO()
    names = np.array([layer.name for layer in layers], dtype=np.str_)
    np.savez_compressed(stream, version=np.array(VERSION), names=names, **arrays)
    return stream.getvalue()


def decode_background(data: bytes) -> tuple[BackgroundLayer, ...]:
    """The layers in the bytes of background.npz.

    Raises:
        ShotError: they are no background, or of a newer version.
    """
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
            version, names = int(arrays["version"]), [str(name) for name in arrays["names"]]
            if version > VERSION:
                raise ShotError(
                    "The background is of a newer RealCam", f"version {version}, known is {VERSION}", "Update RealCam."
                )
            parts = [[arrays[f"{part}_{k}"] for part in _PARTS] for k in range(len(names))]
    except (OSError, TypeError, *BROKEN_ARRAYS) as error:
        raise ShotError("The background cannot be read", str(error), "Generate the clip again.") from error
    return tuple(BackgroundLayer(name, *layer) for name, layer in zip(names, parts, strict=True))
