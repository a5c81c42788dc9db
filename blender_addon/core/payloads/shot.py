"""A shot: everything that an engine needs to make a clip."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec
import numpy as np

from ..arrays import Float32, Float64, UInt8
from ..camera.trajectory import Trajectory, check_intrinsics
from ..errors import ShotError
from ..protocol.capability import SettingValue


class ShotSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The settings of a job.

    Attributes:
        engine: the engine's name.
        prompt: what the clip shows.
        negative_prompt: what it shall not show.
        seed: of the random numbers.
        options: values for options of this engine alone, by the names in its capability.
    """

    engine: str
    prompt: str = ""
    negative_prompt: str = ""
    seed: int = 0
    options: dict[str, SettingValue] = {}


@dataclass(frozen=True, eq=False)
class Shot:
    """Everything an engine needs to make a clip, checked.

    Attributes:
        trajectory: the camera of every frame in the clip's own pixels, relative to the photo's camera.
        preview: [F, H, W, 4] uint8 sRGB, straight alpha; alpha is visibility from that frame's camera.
        photo: [h, w, 3] uint8 sRGB.
        photo_intrinsics: [3, 3] in the photo's pixels.
        depth: [hd, wd] float32 metres along z seen by the reference camera, NaN where unknown; any resolution.
        settings: the job's.
        depth_edge: relative depth jump above which two neighbouring pixels are different surfaces.
        last_image: [h, w, 3] uint8 sRGB, what the last frame shall show, of any size; for engines that interpolate.

    Raises:
        ShotError: the parts do not fit each other.
        CameraError: the photo's intrinsics are none.
    """

    trajectory: Trajectory
    preview: UInt8
    photo: UInt8
    photo_intrinsics: Float64
    depth: Float32
    settings: ShotSettings
    depth_edge: float = 0.05
    last_image: UInt8 | None = None

    def __post_init__(self) -> None:
        t = self.trajectory
        wanted = (len(t), t.height, t.width, 4)
        if self.preview.shape != wanted or self.preview.dtype != np.uint8:
            raise ShotError(
                "The preview does not fit the trajectory",
                f"expected {list(wanted)} uint8, got {list(self.preview.shape)} {self.preview.dtype}",
            )
        _check_picture("photo", self.photo)
        if self.last_image is not None:
            _check_picture("last image", self.last_image)
        if self.depth.ndim != 2 or self.depth.dtype != np.float32:
            raise ShotError("The depth is not a float32 map", f"{list(self.depth.shape)} {self.depth.dtype}")
        check_intrinsics(np.asarray(self.photo_intrinsics, dtype=np.float64)[None])

    @property
    def photo_size(self) -> tuple[int, int]:
        """(width, height) of the photo, pixels."""
        return self.photo.shape[1], self.photo.shape[0]


def _check_picture(name: str, picture: UInt8) -> None:
    if picture.ndim != 3 or picture.shape[2] != 3 or picture.dtype != np.uint8 or not picture.size:
        raise ShotError(f"The {name} is not an RGB picture", f"{list(picture.shape)} {picture.dtype}")
