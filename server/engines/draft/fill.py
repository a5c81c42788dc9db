"""Fill the scene until no frame of a shot has a hole left, so that a hole has the same content in the whole clip.

The frame with the most unseen pixels is taken, its holes become a surface in the world (patch.py), the surface is
drawn into the holes of every frame, and so on until nothing worth a surface is left.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from blender_addon.core.arrays import Bool, Float32, Float64, UInt8
from blender_addon.core.depth.depth_mesh import thin_depth
from blender_addon.core.depth.rasterize import rasterize
from blender_addon.core.payloads.background import BackgroundLayer
from blender_addon.core.payloads.shot import Shot
from server.engines.draft.continuation import Rays
from server.engines.draft.free_space import FreeSpace
from server.engines.draft.painting import Painting, behind, beside
from server.engines.draft.patch import patch_of
from server.engines.draft.silhouettes import Silhouettes
from server.engines.draft.surfaces import Surface, View, colour_at, look_at, photo_surfaces
from server.geometry.pull_push import pull_push

MAX_PATCHES = 12
"""Patches at most, beside the canvas around the photo."""
ENOUGH = 5e-4
"""Fraction of a frame that may be left to its own neighbours instead of the world: single pixels between patches."""
MOSTLY_UNSEEN = 0.6
"""A frame with more than this missing waits until patches of its neighbours reach into it."""
CANVAS = 0.5
"""How far beyond the photo its surroundings are painted first, as a fraction of each side."""
CANVAS_PIXELS = (512, 1024)
"""Pixels of the photo's longer side in that painting, at least and at most; a clip needs no finer one than itself."""
OVERSCAN = 0.12
"""How far beyond the frame a patch is painted, as a fraction of each side, so that it covers the next frames too."""


@dataclass(eq=False)
class _Holes:
    """The pixels of one frame that its preview does not cover, and what was drawn there so far.

    Attributes:
        pixels: [n] int64 flat indices.
        depth: [n] float32 metres along z, infinite where nothing was drawn.
        colour: [n, 3] float32.
        invented: [n] bool, whether the content is not from the photo.
    """

    pixels: NDArray[np.int64]
    depth: Float32
    colour: Float32
    invented: NDArray[np.bool_]

    @staticmethod
    def of(preview: UInt8) -> _Holes:
        pixels = np.flatnonzero(preview[..., 3].ravel() < 255)
        count = len(pixels)
        depth, colour = np.full(count, np.inf, np.float32), np.zeros((count, 3), np.float32)
        return _Holes(pixels, depth, colour, np.ones(count, np.bool_))

    @property
    def empty(self) -> int:
        return int(np.isinf(self.depth).sum())


class WorldFill:
    """The surfaces of one shot: the photo's, and those that fill what it does not show."""

    def __init__(self, shot: Shot, on_frame: Callable[[str], None], alive: Callable[[], None]) -> None:
        """Prepare the photo's surfaces and complete its depth.

        Args:
            shot: what to fill.
            on_frame: called with the stage for each frame drawn; an exception from it stops the work.
            alive: called several times a second in between; an exception from it stops the work too.
        """
        self._shot = shot
        self._on_frame, self._alive = on_frame, alive
        self._holes = [_Holes.of(preview) for preview in shot.preview]
        photo, guessed = photo_surfaces(shot, alive)
        self._free = FreeSpace.of(thin_depth(shot.depth).depth, shot.photo_intrinsics, shot.photo_size)
        self._surfaces = [photo]
        self._silhouettes = Silhouettes.of(shot, photo)
        self._guessed, self._names = guessed, list[str]()
        depth = float(np.median(photo.vertices[:, 2]))
        self._nothing_seen = (shot.photo.mean(axis=(0, 1)).astype(np.float32), depth)
        self._draw(guessed, "Completing the depth")

    def fill(self) -> None:
        """Continue the photo beyond its border, then add patches until every frame is covered."""
        if any(holes.empty for holes in self._holes):
            self._add(self._canvas(), "beside the photo", "Extending the photo")
        for _ in range(MAX_PATCHES):
            frame = self._neediest_frame()
            if frame is None:
                return
            self._add(self._patch(frame), f"behind, frame {frame + 1}", "Filling what the photo does not show")

    def _add(self, patch: Surface, name: str, stage: str) -> None:
        self._surfaces.append(patch)
        self._names.append(name)
        self._draw(patch, stage)

    def frame(self, index: int, seam: float) -> UInt8:
        """One finished frame: the preview where it is opaque, elsewhere the filled scene behind it.

        Args:
            index: of the frame.
            seam: how much (0 to 1) the holes' first pixels take from the preview beside them, like a renderer's filter.

        Returns:
            [H, W, 3] uint8.
        """
        preview, holes = self._shot.preview[index], self._holes[index]
        height, width = preview.shape[:2]
        colour = preview[..., :3].astype(np.float32).reshape(-1, 3)
        colour[holes.pixels] = holes.colour
        known = np.ones(height * width, np.float32)
        known[holes.pixels[np.isinf(holes.depth)]] = 0
        if holes.empty:
            around = pull_push(colour.reshape(height, width, 3), known.reshape(height, width)).reshape(-1, 3)
            colour[known == 0] = around[known == 0]
        fill = colour.copy()
        _blend_over(colour, preview, holes.pixels, seam * holes.invented.astype(np.float32))
        if self._silhouettes is not None:
            t = self._shot.trajectory
            shape, opaque = (height, width, 3), preview[..., 3] == 255
            camera = t.intrinsics[index], t.camera_to_world[index]
            colour = self._silhouettes.redraw(colour.reshape(shape), fill.reshape(shape), opaque, *camera)
        return np.asarray(np.round(colour), dtype=np.uint8).reshape(height, width, 3)

    def layers(self) -> tuple[BackgroundLayer, ...]:
        """What was added to the photo's own mesh: the part of it whose depth was unknown, then the patches."""
        named = [("unknown depth", self._guessed), *zip(self._names, self._surfaces[1:], strict=True)]
        return tuple(surface.layer(name) for name, surface in named if len(surface.triangles))

    def _neediest_frame(self) -> int | None:
        """The frame to patch next: the one with the most missing that is not mostly unseen; None when all are done."""
        t = self._shot.trajectory
        missing = np.array([holes.empty for holes in self._holes]) / (t.width * t.height)
        if missing.max() <= ENOUGH:
            return None
        reachable = np.where(missing <= MOSTLY_UNSEEN, missing, 0)
        if reachable.max() > ENOUGH:
            return int(np.argmax(reachable))
        return int(np.argmin(np.where(missing > ENOUGH, missing, np.inf)))

    def _canvas(self) -> Surface:
        """What surrounds the photo, painted from its own camera, which sees every part of its border."""
        (width, height), t = self._shot.photo_size, self._shot.trajectory
        finest = t.intrinsics[:, 0, 0].max() / self._shot.photo_intrinsics[0, 0]
        scale = min(1.0, max(finest, CANVAS_PIXELS[0] / max(width, height)), CANVAS_PIXELS[1] / max(width, height))
        size = (max(round(width * scale), 1), max(round(height * scale), 1))
        intrinsics = np.diag([size[0] / width, size[1] / height, 1.0]) @ self._shot.photo_intrinsics
        margins = (max(round(size[0] * CANVAS), 1), max(round(size[1] * CANVAS), 1))
        around = np.ones((size[1] + 2 * margins[1], size[0] + 2 * margins[0]), np.bool_)
        around[margins[1] : -margins[1], margins[0] : -margins[0]] = False
        paint = partial(beside, margins=margins, alive=self._alive)
        return self._painted(intrinsics, np.eye(4), margins, around, paint)

    def _patch(self, frame: int) -> Surface:
        t = self._shot.trajectory
        margins = (round(t.width * OVERSCAN), round(t.height * OVERSCAN))
        everywhere = np.ones((t.height + 2 * margins[1], t.width + 2 * margins[0]), np.bool_)
        paint = partial(behind, alive=self._alive)
        return self._painted(t.intrinsics[frame], t.camera_to_world[frame], margins, everywhere, paint)

    def _painted(
        self,
        intrinsics: Float64,
        pose: Float64,
        margins: tuple[int, int],
        where: Bool,
        paint: Callable[[View, Bool, Float32], Painting],
    ) -> Surface:
        """A patch for what a camera does not see.

        Args:
            intrinsics: [3, 3] in pixels of the camera's picture.
            pose: [4, 4] camera to world.
            margins: pixels by which that picture is widened left and right, and above and below.
            where: [H, W] the part of the widened picture to paint.
            paint: see patch_of.
        """
        widened = intrinsics.copy()
        widened[:2, 2] += margins
        view = look_at(self._surfaces, widened, pose, (where.shape[1], where.shape[0]), self._alive)
        patch = patch_of(view, where & ~view.covered, Rays(widened, pose, self._free), self._nothing_seen, paint)
        self._alive()
        return patch

    def _draw(self, surface: Surface, stage: str) -> None:
        """Draw a surface into the holes of every frame, in threads: NumPy releases the interpreter lock."""
        pool = ThreadPoolExecutor(max_workers=min(4, os.cpu_count() or 1))
        try:
            frames = range(len(self._holes))
            for _ in pool.map(lambda frame: self._draw_into(frame, surface), frames):
                self._on_frame(stage)
        finally:
            pool.shutdown(cancel_futures=True)

    def _draw_into(self, frame: int, surface: Surface) -> None:
        t, holes = self._shot.trajectory, self._holes[frame]
        if len(holes.pixels) == 0 or len(surface.triangles) == 0:
            return
        size = (t.width, t.height)
        seen = rasterize(surface.vertices, surface.triangles, t.intrinsics[frame], t.camera_to_world[frame], size)
        depth = seen.depth.ravel()[holes.pixels]
        nearer = depth < holes.depth
        pixels = np.zeros(t.width * t.height, np.bool_)
        pixels[holes.pixels[nearer]] = True
        holes.colour[nearer] = colour_at(surface, seen, pixels.reshape(t.height, t.width), t.intrinsics[frame])
        holes.depth[nearer] = depth[nearer]
        holes.invented[nearer] = len(self._surfaces) > 1


def _blend_over(colour: Float32, preview: UInt8, holes: NDArray[np.int64], seam: Float32) -> None:
    """Lay the preview's blurred outline over the pixels of the holes, in place.

    Args:
        colour: [H * W, 3], is changed.
        preview: [H, W, 4] uint8, straight alpha.
        holes: [n] flat indices.
        seam: [n] how much, 0 to 1.
    """
    straight = preview.astype(np.float32)
    alpha = straight[..., 3:] / 255
    blurred = _blurred(np.concatenate([straight[..., :3] * alpha, alpha], axis=-1)).reshape(-1, 4)[holes]
    own = alpha.reshape(-1, 1)[holes]
    share = np.where(own > 0, own, seam[:, None] * blurred[:, 3:])
    over = np.where(own > 0, straight[..., :3].reshape(-1, 3)[holes], blurred[:, :3] / np.maximum(blurred[:, 3:], 1e-6))
    colour[holes] = share * over + (1 - share) * colour[holes]


def _blurred(picture: Float32) -> Float32:
    """The picture [H, W, C] convolved with (1 2 1) x (1 2 1) / 16."""
    padded = np.pad(picture, ((1, 1), (1, 1), (0, 0)), mode="edge")
    rows = padded[:-2] + 2 * padded[1:-1] + padded[2:]
    return np.asarray((rows[:, :-2] + 2 * rows[:, 1:-1] + rows[:, 2:]) / 16, dtype=np.float32)
