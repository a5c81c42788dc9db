"""Cameras by direct alignment: the pose under which a frame shows the pixels of a picture whose depth is known.

For frames too small for features and structure from motion. Every pixel of the picture with depth is a point in metres;
a frame's pose is the one that brings most of them to pixels of their colour, by Gauss-Newton over the six degrees of
freedom, from blurred pictures to sharp ones. Distances need no scale: they are metres as the depth is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter, map_coordinates

from blender_addon.core.arrays import Bool, Float32, Float64, UInt8
from blender_addon.core.camera.projection import scaled_intrinsics, unproject
from blender_addon.core.camera.rotation import inverse, rotation_exp

LONGEST = 128
"""Pixels of the longer side at which frames are aligned: larger ones are reduced."""
BLURS = (3.0, 1.5, 0.6)
"""Standard deviations in pixels, of a picture of 64 px, from coarse to fine."""
THINNED = (4, 3, 1)
"""Every so many of the points are used at each blur: neighbours say the same where all is blurred."""
FINALISTS = 2
"""How many are followed at a blur, of the starts and of what became of them at the blur before: the best."""
ROUNDS = 12
"""Steps of Gauss-Newton at a blur at most."""
CLOSE = 0.25
"""A pixel agrees when its difference is below this share of the picture's contrast (its standard deviation)."""
UNSEEN = 0.5
"""What a point outside the frame costs, where one that disagrees costs 1: leaving the view is no way to fit."""
FEWEST_SEEN, FEWEST_AGREE = 0.15, 0.5
"""Shares of the points that must be in view, and of these that must agree, for a frame to be solved."""
SURELY, BY_CHANCE = 0.6, 1.5
"""Share of agreement from which on it is no chance; below, it must be so many times that of poses turned aside."""
ASIDE = 4.0
"""Pixels, of a picture of 64, by which a pose is turned aside to see how much agrees by chance."""
LARGEST_DOUBT = 0.05
"""Standard deviation of a solved place, as a share of the median depth, above which the pictures do not tell it."""
OnFrame = Callable[[int], None]
STILL, BEFORE, ONWARD = "no travel", "the frame before", "going on as before"
"""Names of starts."""


@dataclass(frozen=True, eq=False)
class AlignedFrame:
    """A frame's camera.

    Attributes:
        world_to_camera: [4, 4]; the world is the camera of the picture with depth, metres.
        start: name of the start that led to it.
        error: mean over the points of min(1, (difference / tolerance)^2), UNSEEN where outside the frame.
        seen: share of the points that are in view.
        agree: share of those in view whose colour agrees.
        doubt: standard deviation of the place, metres, as the pictures' residuals tell it.
        failure: why it is not to be relied on, "" when it is.
    """

    world_to_camera: Float64
    start: str
    error: float
    seen: float
    agree: float
    doubt: float
    failure: str


class DirectAlignment:
    """A picture with metric depth, to which frames are aligned.

    Args:
        picture: [H, W, 3] uint8.
        depth: [h, w] metres along z, NaN where unknown, over the same field of view.
        intrinsics: [3, 3] in pixels of the picture.
    """

    def __init__(self, picture: UInt8, depth: Float32 | Float64, intrinsics: Float64) -> None:
        height, width = picture.shape[:2]
        self._size = _reduced_size(width, height)
        lens = scaled_intrinsics(intrinsics, (width, height), self._size)
        points = unproject(_nearest(depth, self._size), lens).reshape(-1, 3)
        known = np.flatnonzero(np.isfinite(points).all(axis=1) & (points[:, 2] > 0))
        self._points = points[known]
        self._targets = [
            _Target(points[known[::thinned]], level.reshape(-1, 3)[known[::thinned]], max(float(level.std()), 0.02))
            for level, thinned in zip((self._blurred(picture, blur) for blur in BLURS), THINNED, strict=True)
        ]

    @property
    def points(self) -> Float64:
        """[P, 3] metres, of the picture's pixels with depth."""
        return self._points

    def frame(self, frame: UInt8, intrinsics: Float64, starts: Mapping[str, Float64]) -> AlignedFrame:
        """The camera of one frame: of the starts' the one that fits best.

        Args:
            frame: [H, W, 3] uint8.
            intrinsics: [3, 3] in pixels of the frame.
            starts: name -> world-to-camera [4, 4].
        """
        lens = scaled_intrinsics(intrinsics, (frame.shape[1], frame.shape[0]), self._size)
        found = list(starts.items())
        for blur, target in zip(BLURS, self._targets, strict=True):
            view = _View(_Level(self._blurred(frame, blur)), target, lens)
            # A start that is right may be led astray where all is blurred: each is looked at again.
            pool = sorted([*found, *starts.items()], key=lambda candidate: view.cost(candidate[1]))
            found = [(name, view.descended(pose)) for name, pose in _different(pool)[:FINALISTS]]
        name, pose = min(found, key=lambda candidate: view.cost(candidate[1]))
        return self._judged(view, name, pose)

    def clip(self, frames: UInt8, asked: Float64, intrinsics: Float64, on_frame: OnFrame) -> list[AlignedFrame]:
        """The cameras of a clip, each frame begun from the camera asked for, from no travel and from the frames before.

        Args:
            frames: [F, H, W, 3] uint8.
            asked: [F, 4, 4] camera-to-world, of the world that the picture with depth is the camera of.
            intrinsics: [F, 3, 3] in pixels of the frames.
            on_frame: is told how many frames are done before each.
        """
        found: list[AlignedFrame] = []
        for frame, pose, lens in zip(frames, asked, intrinsics, strict=True):
            on_frame(len(found))
            starts = {"the camera asked for": inverse(pose[None])[0], STILL: np.eye(4)}
            solved = [other.world_to_camera for other in found if not other.failure]
            if solved:
                starts[BEFORE] = solved[-1]
            if len(solved) > 1:
                starts[ONWARD] = solved[-1] @ inverse(solved[-2][None])[0] @ solved[-1]
            found.append(self.frame(frame, lens, starts))
        return found

    def _blurred(self, picture: UInt8, blur: float) -> Float32:
        small = _box_reduced(picture.astype(np.float32) / 255, self._size)
        sigma = blur * max(max(self._size) / 64, 1.0)
        return np.asarray(gaussian_filter(small, (sigma, sigma, 0), mode="nearest"), dtype=np.float32)

    def _judged(self, view: _View, name: str, pose: Float64) -> AlignedFrame:
        seen, agree, chance, doubt = view.verdict(pose)
        middle = float(np.median(self._points[:, 2])) if len(self._points) else 1.0
        failure = _failure(seen, agree, chance, doubt / middle)
        return AlignedFrame(pose, name, view.cost(pose), seen, agree, doubt, failure)


@dataclass(frozen=True, eq=False)
class _Target:
    """What a frame is to show.

    Attributes:
        points: [P, 3] metres.
        colours: [P, 3] float32, of the blurred picture.
        contrast: standard deviation of that picture.
    """

    points: Float64
    colours: Float32
    contrast: float


@dataclass(frozen=True, eq=False)
class _View:
    """A blurred frame beside what it is to show.

    Attributes:
        level: the frame.
        target: what it is to show.
        lens: [3, 3] of the frame.
    """

    level: _Level
    target: _Target
    lens: Float64

    def descended(self, start: Float64) -> Float64:
        """Gauss-Newton with damping (Levenberg-Marquardt) from a start at one blur."""
        pose, damping = start, 1e-3
        cost, system = self.cost(pose), self._system(pose)
        for _ in range(ROUNDS):
            if system is None:
                return pose
            matrix, slope, _ = system
            step = np.linalg.solve(matrix + damping * np.diag(np.diag(matrix) + 1e-9), -slope)
            tried = _moved(pose, step)
            new = self.cost(tried)
            if new < cost:
                gained = cost - new
                pose, cost, damping = tried, new, max(damping / 5, 1e-6)
                if gained < 1e-5:
                    break
                system = self._system(pose)
            else:
                damping *= 10
                if damping > 1e2:
                    break
        return pose

    def _seen(self, pose: Float64) -> tuple[Float64, Float64, Bool]:
        """Points in the camera, their pixels, and which are in view."""
        inside = self.target.points @ pose[:3, :3].T + pose[:3, 3]
        z = np.maximum(inside[:, 2], 1e-6)
        pixel = inside[:, :2] * [self.lens[0, 0], self.lens[1, 1]] / z[:, None] + self.lens[:2, 2]
        height, width = self.level.picture.shape[:2]
        seen = (inside[:, 2] > 0.05) & (pixel >= 0.5).all(axis=1) & (pixel <= [width - 0.5, height - 0.5]).all(axis=1)
        return inside, pixel, seen

    def _differences(self, found: Float32, seen: Bool) -> tuple[Float32, float]:
        """[S, 3] colours of what is in view, at the picture's brightness, less the picture's; and the factor."""
        wanted = self.target.colours[seen]
        weight = np.ones(len(found), np.float32)
        sum_found, sum_wanted = found.sum(axis=1), wanted.sum(axis=1)
        gain, offset = 1.0, 0.0
        for _ in range(3):
            total = float(weight.sum()) * 3 + 1e-9
            mean_found, mean_wanted = float(weight @ sum_found) / total, float(weight @ sum_wanted) / total
            apart = found - mean_found
            weighted = weight[:, None] * apart
            spread = float(np.vdot(weighted, apart)) + 1e-6
            gain = min(max(float(np.vdot(weighted, wanted - mean_wanted)) / spread, 0.7), 1.4)
            offset = mean_wanted - gain * mean_found
            miss = gain * found + (offset - wanted)
            weight = self._weight(miss)
        return miss, gain

    def _weight(self, miss: Float32) -> Float32:
        """[S] Geman and McClure's weights: what disagrees altogether, as what is hidden does, counts for nothing."""
        return np.asarray(1 / (1 + self._share(miss)) ** 2, dtype=np.float32)

    def _share(self, miss: Float32) -> Float32:
        """[S] squared differences, mean over the colours, as a share of what still agrees."""
        return np.asarray(np.einsum("sc,sc->s", miss, miss) / (3 * (CLOSE * self.target.contrast) ** 2), np.float32)

    def cost(self, pose: Float64) -> float:
        _, pixel, seen = self._seen(pose)
        if seen.sum() < 12:
            return 1.0
        miss, _ = self._differences(self.level.colours(pixel[seen]), seen)
        share = self._share(miss)
        return float(((share / (1 + share)).sum() + UNSEEN * (~seen).sum()) / len(seen))

    def _system(self, pose: Float64) -> tuple[Float64, Float64, float] | None:
        """Normal matrix [6, 6] and slope [6] over (place, turn), and weighted variance; None with little in view."""
        inside, pixel, seen = self._seen(pose)
        if seen.sum() < 12:
            return None
        at, points = pixel[seen], inside[seen]
        colours, *slopes = self.level.colours_and_slopes(at)
        miss, gain = self._differences(colours, seen)
        weight = self._weight(miss).astype(np.float64)
        across, down = (gain * found.astype(np.float64) for found in slopes)
        x, y, z = points.T
        to_x = _rows(self.lens[0, 0] / z, 0 * z, -self.lens[0, 0] * x / z**2, points)
        to_y = _rows(0 * z, self.lens[1, 1] / z, -self.lens[1, 1] * y / z**2, points)
        matrix, slope = np.zeros((6, 6)), np.zeros(6)
        for channel in range(3):
            rows = across[:, channel, None] * to_x + down[:, channel, None] * to_y
            weighted = weight[:, None] * rows
            matrix += weighted.T @ rows
            slope += miss[:, channel] @ weighted
        variance = float((weight[:, None] * miss**2).sum() / max(weight.sum() * 3 - 6, 1.0))
        return matrix, slope, variance

    def verdict(self, pose: Float64) -> tuple[float, float, float, float]:
        """How far a pose is to be relied on.

        Returns:
            Share of the points in view, share of these that agree, the same by chance, and the standard deviation of
            the place in metres.
        """
        seen, agree = self._agreement(pose)
        system = self._system(pose)
        if system is None:
            return seen, 0.0, 0.0, float("inf")
        turn = ASIDE / 64 * max(self.level.picture.shape[:2]) / self.lens[0, 0]
        aside = [np.array([0, 0, 0, *way]) for way in ((turn, 0, 0), (-turn, 0, 0), (0, turn, 0), (0, -turn, 0))]
        chance = float(np.mean([self._agreement(_moved(pose, step))[1] for step in aside]))
        matrix, _, variance = system
        spread = np.linalg.pinv(matrix) * variance
        # Neighbouring pixels share their blur and do not count as so many observations.
        return seen, agree, chance, float(np.sqrt(np.trace(spread[:3, :3]) * 2 * np.pi))

    def _agreement(self, pose: Float64) -> tuple[float, float]:
        """Share of the points in view, and share of these whose colour agrees."""
        _, pixel, seen = self._seen(pose)
        if not seen.any():
            return 0.0, 0.0
        miss, _ = self._differences(self.level.colours(pixel[seen]), seen)
        agree = self._share(miss) < 1
        return float(seen.mean()), float(agree.mean())


class _Level:
    """A blurred picture and its slopes.

    Args:
        picture: [H, W, 3] float32.
    """

    def __init__(self, picture: Float32) -> None:
        self.picture = picture
        down, across = np.gradient(picture, axis=(0, 1))
        self._with_slopes = np.concatenate([picture, across, down], axis=2)

    def colours(self, at: Float64) -> Float32:
        """[S, 3] at pixels [S, 2]."""
        return _sampled(self.picture, at)

    def colours_and_slopes(self, at: Float64) -> tuple[Float32, Float32, Float32]:
        """[S, 3] colours at pixels [S, 2], and their changes for a pixel to the right, and down."""
        found = _sampled(self._with_slopes, at)
        return np.ascontiguousarray(found[:, :3]), found[:, 3:6], found[:, 6:]


def _different(pool: list[tuple[str, Float64]]) -> list[tuple[str, Float64]]:
    """Candidates without those that repeat an earlier one."""
    kept: list[tuple[str, Float64]] = []
    for name, pose in pool:
        if all(np.abs(pose - other).max() > 1e-3 for _, other in kept):
            kept.append((name, pose))
    return kept


def _failure(seen: float, agree: float, chance: float, doubt: float) -> str:
    if seen < FEWEST_SEEN:
        return f"only {seen:.0%} of the first frame is in view"
    if agree < FEWEST_AGREE or agree < min(SURELY, BY_CHANCE * chance):
        return f"only {agree:.0%} of what is in view has the colours of the first frame"
    if doubt > LARGEST_DOUBT:
        return "too little structure is in view to tell the place"
    return ""


def _moved(pose: Float64, step: Float64) -> Float64:
    """A world-to-camera pose after a small motion (place, turn) in the camera's axes."""
    turned = np.eye(4)
    turned[:3, :3] = rotation_exp(step[None, 3:])[0]
    turned[:3, 3] = step[:3]
    return np.asarray(turned @ pose, dtype=np.float64)


def _rows(x: Float64, y: Float64, z: Float64, points: Float64) -> Float64:
    """[S, 6] change of a pixel's coordinate with (place, turn), from its change with the point."""
    px, py, pz = points.T
    return np.stack([x, y, z, py * z - pz * y, pz * x - px * z, px * y - py * x], axis=1)


def _sampled(picture: Float32, at: Float64) -> Float32:
    """[S, C] of a picture [H, W, C] at pixels (x, y), bilinear."""
    height, width = picture.shape[:2]
    x, y = np.clip(at[:, 0] - 0.5, 0, width - 1.001), np.clip(at[:, 1] - 0.5, 0, height - 1.001)
    left, top = x.astype(np.int64), y.astype(np.int64)
    right, below = (x - left).astype(np.float32)[:, None], (y - top).astype(np.float32)[:, None]
    pixels, corner = picture.reshape(height * width, -1), top * width + left
    upper = pixels.take(corner, 0) * (1 - right) + pixels.take(corner + 1, 0) * right
    lower = pixels.take(corner + width, 0) * (1 - right) + pixels.take(corner + width + 1, 0) * right
    return np.asarray(upper * (1 - below) + lower * below, dtype=np.float32)


def _reduced_size(width: int, height: int) -> tuple[int, int]:
    factor = max(max(width, height) / LONGEST, 1.0)
    return max(round(width / factor), 2), max(round(height / factor), 2)


def _box_reduced(picture: Float32, size: tuple[int, int]) -> Float32:
    """A picture at a smaller size, each pixel the mean of what it covers."""
    height, width = picture.shape[:2]
    if (width, height) == size:
        return picture
    sigma = 0.5 * max(width / size[0], 1.0)
    smooth = gaussian_filter(picture, (sigma, sigma, 0), mode="nearest")
    y = (np.arange(size[1]) + 0.5) * height / size[1] - 0.5
    x = (np.arange(size[0]) + 0.5) * width / size[0] - 0.5
    grid = np.meshgrid(y, x, indexing="ij")
    channels = [map_coordinates(smooth[..., i], grid, order=1, mode="nearest") for i in range(picture.shape[2])]
    return np.asarray(np.stack(channels, axis=-1), dtype=np.float32)


def _nearest(depth: Float32 | Float64, size: tuple[int, int]) -> Float64:
    """Depth at the centres of a picture's pixels of another size; never a mean of near and far."""
    height, width = depth.shape
    row = ((np.arange(size[1]) + 0.5) * height / size[1]).astype(np.int64)
    column = ((np.arange(size[0]) + 0.5) * width / size[0]).astype(np.int64)
    found = depth[row[:, None], column[None]].astype(np.float64)
    return np.asarray(np.where(np.isfinite(found), found, np.nan), dtype=np.float64)
