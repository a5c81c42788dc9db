"""Blender's lens (focal length, sensor, shift, sensor fit) to intrinsics and back, and 35 mm equivalents."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from ..arrays import Float64
from ..errors import CameraError
from .projection import intrinsics_matrix

SensorFit = Literal["AUTO", "HORIZONTAL", "VERTICAL"]

FULL_FRAME_WIDTH = 36.0
"""Millimetres; the sensor width assumed for lenses made here."""
FULL_FRAME_DIAGONAL = float(np.hypot(36.0, 24.0))
"""Millimetres, of the 36 x 24 mm frame that 35 mm equivalents refer to."""
DEFAULT_HORIZONTAL_FOV = float(np.radians(55.0))
"""Radians (55 degrees), assumed when nothing is known of a lens."""


@dataclass(frozen=True)
class RenderFrame:
    """The pixel grid of a render.

    Attributes:
        width, height: render pixels after the resolution percentage.
        aspect_x, aspect_y: the width and height of one pixel; only the ratio matters.
    """

    width: int
    height: int
    aspect_x: float = 1.0
    aspect_y: float = 1.0


@dataclass(frozen=True)
class Lens:
    """The optics of a Blender camera.

    Attributes:
        focal, sensor_width, sensor_height: millimetres.
        shift_x, shift_y: how far the view is moved right and up, in units of the frame's fitted side.
        sensor_fit: which side of the frame the sensor is fitted to; AUTO is the longer one.
    """

    focal: float
    sensor_width: float = FULL_FRAME_WIDTH
    sensor_height: float = 24.0
    shift_x: float = 0.0
    shift_y: float = 0.0
    sensor_fit: SensorFit = "AUTO"

    def fitted_side(self, frame: RenderFrame) -> float:
        """Length of the side of the frame that the sensor is fitted to, in horizontal pixels."""
        width, height = frame.width * frame.aspect_x, frame.height * frame.aspect_y
        horizontal = width >= height if self.sensor_fit == "AUTO" else self.sensor_fit == "HORIZONTAL"
        return (width if horizontal else height) / frame.aspect_x

    def intrinsics(self, frame: RenderFrame) -> Float64:
        """[3, 3] float64 intrinsics in the frame's pixels.

        Raises:
            CameraError: the focal length or the sensor is not positive.
        """
        # Only a vertical fit measures the sensor's height; AUTO takes its width for either side.
        sensor = self.sensor_height if self.sensor_fit == "VERTICAL" else self.sensor_width
        if not self.focal > 0 or not sensor > 0:
            raise CameraError("The camera has no lens", f"focal length {self.focal:g} mm, sensor {sensor:g} mm")
        side = self.fitted_side(frame)
        tall = frame.aspect_x / frame.aspect_y
        fx = self.focal / sensor * side
        cx = frame.width / 2 - self.shift_x * side
        cy = frame.height / 2 + self.shift_y * side * tall
        return intrinsics_matrix(fx, fx * tall, cx, cy)


def lens_of(intrinsics: Float64, width: int, height: int) -> tuple[Lens, RenderFrame]:
    """The Blender lens and render frame whose picture has these intrinsics.

    fx and fy of different length become the pixel aspect, which in Blender belongs to the render, not the camera.

    Args:
        intrinsics: [3, 3] in pixels of width x height.
        width, height: pixels.

    Returns:
        (lens, frame). The lens has a full-frame sensor width and horizontal sensor fit.

    Raises:
        CameraError: the intrinsics have skew, which Blender's cameras cannot represent.
    """
    fx, fy, cx, cy = intrinsics[0, 0], intrinsics[1, 1], intrinsics[0, 2], intrinsics[1, 2]
    if abs(intrinsics[0, 1]) > 1e-6 * fx:
        raise CameraError("The camera has skew", f"{intrinsics[0, 1]:g} px", "Blender's cameras have none: rectify it.")
    ratio = float(fy / fx)
    frame = RenderFrame(width, height, max(ratio, 1.0), max(1 / ratio, 1.0))
    lens = Lens(
        focal=float(fx / width * FULL_FRAME_WIDTH),
        shift_x=float((width / 2 - cx) / width),
        shift_y=float((cy - height / 2) / width / ratio),
        sensor_fit="HORIZONTAL",
    )
    return lens, frame


def focal_pixels(full_frame_focal: float, width: int, height: int) -> float:
    """A focal length in pixels from its 35 mm equivalent, which compares diagonals (CIPA DCG-001).

    Args:
        full_frame_focal: 35 mm equivalent, millimetres.
        width, height: of the photo, pixels.
    """
    return full_frame_focal * float(np.hypot(width, height)) / FULL_FRAME_DIAGONAL


def full_frame_focal(pixels: float, width: int, height: int) -> float:
    """The 35 mm equivalent, in millimetres, of a focal length in pixels of a width x height photo."""
    return pixels * FULL_FRAME_DIAGONAL / float(np.hypot(width, height))
