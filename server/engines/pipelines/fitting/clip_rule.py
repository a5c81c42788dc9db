"""The clips that a network can make, and the artist's shot fitted to them and back, each pixel and frame in its place.

A size that the network can make with a border is padded, and the border cut off again: nothing is resampled. Only a
size that is too large for it, or a network of one size, is scaled.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from blender_addon.core.arrays import Bool, UInt8
from blender_addon.core.camera.frame_fit import FrameFit
from blender_addon.core.camera.trajectory import Trajectory
from blender_addon.core.errors import EngineError
from blender_addon.core.payloads.shot import Shot
from server.engines.shot_pictures import last_picture

T = TypeVar("T", bound=np.generic)

Size = tuple[int, int]
"""(width, height), pixels."""


@dataclass(frozen=True)
class ClipRule:
    """The clips that a network makes in one piece.

    Attributes:
        frame_step: it makes k * frame_step + 1 frames: the frames of a latent, but for the first.
        multiple: of which width and height are, pixels.
        most_frames: of one piece.
        most_pixels: of a frame.
        only_size: the one size that it makes, None where it makes any.
    """

    frame_step: int
    multiple: int
    most_frames: int
    most_pixels: int
    only_size: Size | None = None

    def frames(self, count: int) -> int:
        """The smallest number of frames that the network makes and that is no less than `count`."""
        return math.ceil((count - 1) / self.frame_step) * self.frame_step + 1

    def fit(self, size: Size) -> ClipFit:
        """How a clip of the artist's size lies in one that the network makes.

        Args:
            size: of the artist's clip.
        """
        if self.only_size is None:
            padded = (self._up(size[0]), self._up(size[1]))
            if padded[0] * padded[1] <= self.most_pixels:
                left, top = (padded[0] - size[0]) // 2, (padded[1] - size[1]) // 2
                return ClipFit(size, padded, (left, top, *size))
        engine = self.only_size or self._largest(size)
        rect = FrameFit(size, engine).artist_rect
        box = (round(rect[0]), round(rect[1]), max(1, round(rect[2])), max(1, round(rect[3])))
        return ClipFit(size, engine, box)

    def _up(self, pixels: int) -> int:
        return math.ceil(pixels / self.multiple) * self.multiple

    def _largest(self, size: Size) -> Size:
        """The largest size of about that shape with no more than `most_pixels`."""
        scale = math.sqrt(self.most_pixels / (size[0] * size[1]))
        width, height = (max(1, int(n * scale / self.multiple)) * self.multiple for n in size)
        return width, height


@dataclass(frozen=True)
class ClipFit:
    """How the artist's clip lies in the one that a network makes.

    Attributes:
        artist_size: of the artist's clip.
        engine_size: of the network's.
        box: (left, top, width, height) of the artist's clip in the network's, pixels.
    """

    artist_size: Size
    engine_size: Size
    box: tuple[int, int, int, int]

    @property
    def scaled(self) -> bool:
        """Whether pixels are resampled on the way there and back."""
        return self.box[2:] != self.artist_size

    @property
    def inside(self) -> Bool:
        """[H, W] where the network's clip shows the artist's."""
        left, top, width, height = self.box
        mask = np.zeros(self.engine_size[::-1], np.bool_)
        mask[top : top + height, left : left + width] = True
        return mask

    def camera(self, camera: Trajectory) -> Trajectory:
        """The same cameras in the pixels of the network's clip.

        Args:
            camera: in the artist's.
        """
        left, top, width, height = self.box
        to_engine = np.array(
            [[width / self.artist_size[0], 0.0, left], [0.0, height / self.artist_size[1], top], [0.0, 0.0, 1.0]]
        )
        intrinsics = to_engine @ camera.intrinsics
        return replace(camera, intrinsics=intrinsics, width=self.engine_size[0], height=self.engine_size[1])

    def pictures(self, frames: UInt8) -> UInt8:
        """The artist's frames as frames of the network's size.

        Args:
            frames: [F, h, w, 3], around which their border is repeated, or [F, h, w, 4], around which alpha is 0.
        """
        left, top, width, height = self.box
        if self.scaled:
            frames = np.stack([resized(frame, (width, height)) for frame in frames])
        right, bottom = self.engine_size[0] - left - width, self.engine_size[1] - top - height
        around = ((0, 0), (top, bottom), (left, right), (0, 0))
        return np.pad(frames, around) if frames.shape[-1] == 4 else np.pad(frames, around, mode="edge")

    def shot(self, shot: Shot) -> Shot:
        """The shot at the network's size: its camera, its preview and its last image.

        Args:
            shot: of the artist's size.

        Raises:
            EngineError: the last image is of quite another shape.
        """
        last = shot.last_image
        if last is not None:
            last = self.pictures(last_picture(last, self.artist_size)[None])[0]
        return replace(
            shot, trajectory=self.camera(shot.trajectory), preview=self.pictures(shot.preview), last_image=last
        )

    def back(self, frames: UInt8, count: int) -> UInt8:
        """The network's frames as the artist's clip.

        Args:
            frames: [F, H, W, 3] of the network's size; those after `count` were padding.
            count: frames of the artist's clip.

        Returns:
            [count, h, w, 3] uint8.

        Raises:
            EngineError: there are fewer, or they are of another size.
        """
        if len(frames) < count or frames.shape[1:] != (*self.engine_size[::-1], 3):
            raise wrong_frames(frames, count, self.engine_size)
        left, top, width, height = self.box
        cut = frames[:count, top : top + height, left : left + width]
        if self.scaled:
            return np.stack([resized(frame, self.artist_size) for frame in cut])
        return np.ascontiguousarray(cut)


def wrong_frames(frames: UInt8, count: int, size: Size) -> EngineError:
    """The error for a network that returned other frames than were asked for.

    Args:
        frames: [F, H, W, 3] as they came.
        count: the number that was asked for.
        size: that was asked for.
    """
    made = f"{frames.shape[0]} of {frames.shape[2]} x {frames.shape[1]} pixels" if frames.ndim == 4 else frames.shape
    return EngineError(
        "The network returned other frames than it was asked for",
        f"{made} in place of {count} of {size[0]} x {size[1]} pixels",
        "Restart the server and generate again; if it stays, choose another memory setting of the engine.",
    )


def padded_in_time(shot: Shot, frames: int) -> Shot:
    """The shot with its last frame repeated until it has so many.

    Args:
        shot: with no more frames.
        frames: to have.
    """
    camera, more = shot.trajectory, frames - len(shot.trajectory)
    if more == 0:
        return shot
    longer = replace(
        camera,
        camera_to_world=_repeated(camera.camera_to_world, more),
        intrinsics=_repeated(camera.intrinsics, more),
    )
    return replace(shot, trajectory=longer, preview=_repeated(shot.preview, more))


def _repeated(values: NDArray[T], more: int) -> NDArray[T]:
    return np.concatenate([values, np.repeat(values[-1:], more, axis=0)])


def resized(picture: UInt8, size: Size) -> UInt8:
    """The picture at another size; what is transparent gives its colour to nothing.

    Args:
        picture: [h, w, 3 or 4] uint8, straight alpha.
        size: (width, height) of the result.
    """
    smaller = size[0] < picture.shape[1]
    kernel = Image.Resampling.BILINEAR if smaller else Image.Resampling.LANCZOS
    image = Image.fromarray(picture)
    if image.mode == "RGBA":
        return np.asarray(image.convert("RGBa").resize(size, kernel).convert("RGBA"))
    return np.asarray(image.resize(size, kernel))
