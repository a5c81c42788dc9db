"""A picture as a texture: bilinear lookup in a pyramid, so that a picture drawn small does not alias."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from blender_addon.core.arrays import Float32


@dataclass(frozen=True, eq=False)
class Texture:
    """A pyramid of pictures for lookup by texture coordinates.

    Attributes:
        levels: pictures [h, w, C] float32, each half as large as the one before, rounded up; the first is the picture
            itself. All of them show the whole of it and nothing else, so that a texture coordinate is the same place
            in each.
    """

    levels: tuple[Float32, ...]

    @staticmethod
    def of(picture: NDArray[np.generic]) -> Texture:
        """The texture of a picture.

        Args:
            picture: [h, w, C] of any dtype; the values are converted to float32, not rescaled.
        """
        levels = [np.ascontiguousarray(picture, dtype=np.float32)]
        while min(levels[-1].shape[:2]) >= 4:
            levels.append(np.ascontiguousarray(_halved(levels[-1])))
        return Texture(tuple(levels))

    def level_for(self, texels: float) -> int:
        """The level of which one texel is about as large as one output pixel.

        Args:
            texels: texels of the finest level that one output pixel covers along one axis, see `texels_per_pixel`.
        """
        return int(np.clip(np.round(np.log2(max(texels, 1e-6))), 0, len(self.levels) - 1))

    def sample(self, uv: Float32, level: int = 0) -> Float32:
        """Bilinear values of one level.

        Args:
            uv: [N, 2] float32; (0, 0) is the picture's top-left corner, (1, 1) its bottom-right one; clamped to the
                picture.
            level: index into `levels`.

        Returns:
            [N, C] float32.
        """
        picture = self.levels[level]
        height, width = picture.shape[:2]
        x = np.clip(uv[:, 0] * np.float32(width) - np.float32(0.5), 0, width - 1)
        y = np.clip(uv[:, 1] * np.float32(height) - np.float32(0.5), 0, height - 1)
        # A picture of one row or column is its own neighbour.
        right, below = min(1, width - 1), min(1, height - 1) * width
        left, top = (
            np.minimum(x.astype(np.int64), max(width - 2, 0)),
            np.minimum(y.astype(np.int64), max(height - 2, 0)),
        )
        fx, fy = (x - left).astype(np.float32)[:, None], (y - top).astype(np.float32)[:, None]
        flat, first = picture.reshape(-1, picture.shape[2]), top * width + left
        upper = flat[first] * (1 - fx) + flat[first + right] * fx
        lower = flat[first + below] * (1 - fx) + flat[first + below + right] * fx
        return np.asarray(upper * (1 - fy) + lower * fy, dtype=np.float32)


def texels_per_pixel(uv: Float32, seen: NDArray[np.bool_], width: int) -> float:
    """How many texels one output pixel covers along x: the median over neighbouring pixels that are both seen.

    Args:
        uv: [H, W, 2] texture coordinates of each output pixel.
        seen: [H, W] bool; uv elsewhere is ignored.
        width: of the texture, texels.

    Returns:
        Texels; 1 if no two neighbouring pixels are seen.
    """
    pairs = seen[:, 1:] & seen[:, :-1]
    steps = np.abs(uv[:, 1:, 0] - uv[:, :-1, 0])[pairs]
    return float(np.median(steps)) * width if steps.size else 1.0


def _halved(picture: Float32) -> Float32:
    """The picture at half size, rounded up; each pixel is the mean of the area that it covers."""
    return _halved_rows(_halved_rows(picture).swapaxes(0, 1)).swapaxes(0, 1)


def _halved_rows(picture: Float32) -> Float32:
    """The picture at half its height, rounded up. 2n - 1 rows become n, each of which covers a little less than two.

    Row i of those covers a share i / n of row 2i - 1, row 2i, and a share 1 - (i + 1) / n of row 2i + 1.
    """
    count = (len(picture) + 1) // 2
    if len(picture) % 2 == 0:
        return np.asarray((picture[0::2] + picture[1::2]) / 2, dtype=np.float32)
    share = (np.arange(1, count, dtype=np.float32) / np.float32(count))[:, None, None]
    halved = picture[0::2].copy()
    halved[1:] += share * picture[1::2]
    halved[:-1] += (1 - share) * picture[1::2]
    return halved / np.float32(2 - 1 / count)
