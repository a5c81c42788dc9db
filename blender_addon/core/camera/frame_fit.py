"""FrameFit: how the artist's frame lies inside the engine's, so that the clip can be laid back where it belongs.

An engine makes clips of a few fixed sizes; an artist renders at any size, with any pixel aspect. The engine's frame
contains the artist's frame: the artist's picture, in square pixels, scaled uniformly to the largest size that fits,
centred. What the engine sees beyond it is overscan that is laid outside the artist's frame again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from ..arrays import Float64
from ..errors import CameraError
from .trajectory import Trajectory


@dataclass(frozen=True)
class FrameFit:
    """The artist's frame, the engine's frame, and the map between their pixels.

    To lay the clip back, centre it on the artist's frame and scale it by `clip_scale`, per axis. In Blender that is
    - a sequencer strip added with its original size: `transform.scale_x, scale_y`, no offset. Blender multiplies strip
      scales by the scene's resolution percentage, so divide them by it when artist_size is at less than 100 %;
    - a camera background image: frame method CROP, scale 1, no offset. The clip then covers the frame exactly,
      whatever the pixel aspect, because Blender fits backgrounds in square pixels;
    - a compositor Scale node: RELATIVE with `clip_scale`, then alpha-over (both are centred).

    Attributes:
        artist_size: (width, height) in the artist's render pixels, after the resolution percentage.
        engine_size: (width, height) of the clip, square pixels.
        pixel_aspect: (x, y) the width and height of one of the artist's pixels; only the ratio matters.

    Raises:
        CameraError: a size or an aspect is not positive and finite.
    """

    artist_size: tuple[int, int]
    engine_size: tuple[int, int]
    pixel_aspect: tuple[float, float] = (1.0, 1.0)

    def __post_init__(self) -> None:
        numbers = (*self.artist_size, *self.engine_size, *self.pixel_aspect)
        if not (np.isfinite(numbers).all() and min(numbers) > 0):
            raise CameraError(
                "The frame has no area",
                f"render {self.artist_size}, pixel aspect {self.pixel_aspect}, engine {self.engine_size}",
                "Set a positive resolution and pixel aspect in the output properties.",
            )

    @property
    def engine_scale(self) -> tuple[float, float]:
        """(x, y) engine pixels that one of the artist's pixels covers."""
        (width, height), (aspect_x, aspect_y) = self.artist_size, self.pixel_aspect
        uniform = min(self.engine_size[0] / (width * aspect_x), self.engine_size[1] / (height * aspect_y))
        return uniform * aspect_x, uniform * aspect_y

    @property
    def clip_scale(self) -> tuple[float, float]:
        """(x, y) artist's pixels that one engine pixel covers: the scale that lays the clip back."""
        x, y = self.engine_scale
        return 1.0 / x, 1.0 / y

    @property
    def artist_rect(self) -> tuple[float, float, float, float]:
        """(x, y, width, height) of the artist's frame in engine pixels, from the top left; not rounded."""
        scale_x, scale_y = self.engine_scale
        width, height = self.artist_size[0] * scale_x, self.artist_size[1] * scale_y
        return (self.engine_size[0] - width) / 2, (self.engine_size[1] - height) / 2, width, height

    @property
    def share_seen(self) -> float:
        """The share of the clip's pixels that lie in the artist's frame, 0 to 1; the others are overscan."""
        _, _, width, height = self.artist_rect
        return width * height / (self.engine_size[0] * self.engine_size[1])

    @property
    def engine_from_artist(self) -> Float64:
        """[3, 3] float64, the homogeneous map from the artist's pixels to engine pixels."""
        x, y, _, _ = self.artist_rect
        scale_x, scale_y = self.engine_scale
        return np.array([[scale_x, 0.0, x], [0.0, scale_y, y], [0.0, 0.0, 1.0]])

    def trajectory(self, artist: Trajectory) -> Trajectory:
        """The same cameras with intrinsics in engine pixels.

        Args:
            artist: cameras sampled in the artist's render pixels.

        Returns:
            The same poses at engine_size. A camera that is undistorted in square pixels gets fx = fy.

        Raises:
            CameraError: `artist` was sampled at another size than artist_size.
        """
        if (artist.width, artist.height) != self.artist_size:
            raise CameraError(
                "The camera was sampled at another size",
                f"trajectory {artist.width} x {artist.height}, render {self.artist_size[0]} x {self.artist_size[1]}",
            )
        width, height = self.engine_size
        return replace(artist, intrinsics=self.engine_from_artist @ artist.intrinsics, width=width, height=height)


ABOUT_AS_MUCH = 0.02
"""Sizes whose shares of seen pixels differ by less than this fit a frame equally well."""


def best_size(
    sizes: Sequence[tuple[int, int]], artist_size: tuple[int, int], pixel_aspect: tuple[float, float] = (1.0, 1.0)
) -> tuple[int, int]:
    """The size of a clip that wastes the fewest pixels on what lies outside the artist's frame.

    Args:
        sizes: (width, height) of each that an engine makes, its preferred one first.
        artist_size: (width, height) in the artist's render pixels.
        pixel_aspect: (x, y) the width and height of one of the artist's pixels.

    Returns:
        Of sizes that fit about equally well, the one whose number of pixels is nearest the first size's.

    Raises:
        CameraError: a size or an aspect is not positive and finite.
    """
    shares = [FrameFit(artist_size, size, pixel_aspect).share_seen for size in sizes]
    usual = np.log(np.prod(sizes[0]))
    fitting = [size for size, share in zip(sizes, shares, strict=True) if share > max(shares) - ABOUT_AS_MUCH]
    return min(fitting, key=lambda size: float(abs(np.log(np.prod(size)) - usual)))
