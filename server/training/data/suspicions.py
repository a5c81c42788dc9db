"""Poses that may be in another convention than the data set's: what a clip's cameras and frames tell of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np
from PIL import Image

from blender_addon.core.arrays import Float64, UInt8
from blender_addon.core.camera.formats.camera_file import OPENGL
from blender_addon.core.camera.projection import scaled_intrinsics
from blender_addon.core.camera.trajectory import inverse
from blender_addon.core.errors import RealCamError

from .posed_clips import TrainingClip

INVERTED = "poses that look like the inverse of what the format holds"
FAST = "a camera faster than 30 m/s: poses or scales may not be in metres"
FASTEST = 30.0
"""Metres a second; drones that film houses fly at a third of it."""

GIVEN = "given"
CONVENTIONS: dict[str, Callable[[Float64], Float64]] = {
    "OpenGL axes (y up, z backward) where OpenCV's belong": lambda poses: poses @ OPENGL,
    "the inverse matrices": inverse,
    "the inverse matrices, of OpenGL axes": lambda poses: inverse(poses) @ OPENGL,
}
"""What may be meant instead of the poses as given."""

CLIPS_LOOKED_AT = 24
PAIRS = 3
"""Pairs of frames of a clip."""
WIDTH = 96
"""Pixels to which frames are shrunk."""
DEPTHS = 24
"""Inverse depths tried for each pixel, from infinity to where it moves by NEAREST of the width."""
NEAREST = 0.25
MOST_TURN = 12.0
"""Degrees between the two frames."""
BETTER = 0.85
"""Another convention is meant where the frames fit it with this share of the error or less."""


def suspicion(clip: TrainingClip, notes: Sequence[str]) -> str:
    """What looks wrong with a clip's cameras by themselves, in words that are alike for all of one kind; "" if nothing.

    Args:
        clip: that `refusal` has nothing against.
        notes: of whoever read its cameras.
    """
    if any(note.startswith("Suspected:") for note in notes):
        return INVERTED
    scales = np.ones(1) if clip.scales is None else clip.scales
    steps = np.linalg.norm(np.diff(clip.camera_to_world[:, :3, 3], axis=0), axis=1)
    speed = float(np.median(steps) * np.median(scales)) * clip.fps
    return FAST if speed > FASTEST else ""


def suspected_convention(clips: Sequence[TrainingClip]) -> tuple[str, tuple[str, ...]]:
    """The convention that the frames fit better than the poses as given, and the clips that say so; ("", ()) for none.

    For pairs of frames each pixel is looked for along its epipolar line, at depths in front of the camera: with wrong
    poses the lines lead elsewhere, and what is found there differs more. Clips whose move is alike in both conventions,
    and still ones, tell nothing. More than half of the clips that tell something have to agree.

    Args:
        clips: of a data set; some of them, spread evenly, are looked at.
    """
    chosen = [clips[i] for i in sorted({round(i) for i in np.linspace(0, len(clips) - 1, CLIPS_LOOKED_AT)})]
    votes: dict[str, str] = {}
    for clip in chosen:
        best = fitting_convention(clip)
        if best:
            votes[clip.name] = best
    if not votes:
        return "", ()
    favourite, count = Counter(votes.values()).most_common(1)[0]
    if favourite == GIVEN or 2 * count <= len(votes):
        return "", ()
    return favourite, tuple(name for name, best in votes.items() if best == favourite)


def fitting_convention(clip: TrainingClip) -> str:
    """The convention that a clip's frames fit clearly better than the poses as given, or GIVEN; "" if neither shows.

    A clip of which a file cannot be read shows nothing: whoever trains on it says so.
    """
    try:
        errors = [_pair_errors(clip, *pair) for pair in _pairs(clip)]
    except RealCamError:
        return ""
    if not errors:
        return ""
    total = {name: float(np.mean([found[name] for found in errors])) for name in (GIVEN, *CONVENTIONS)}
    best = min(CONVENTIONS, key=lambda name: total[name])
    if total[best] < BETTER * total[GIVEN]:
        return best
    return GIVEN if total[GIVEN] < BETTER * max(total.values()) else ""


def _pairs(clip: TrainingClip) -> list[tuple[int, int]]:
    """Frames that see nearly the same, moved as far as that allows."""
    poses, count = clip.camera_to_world, len(clip.camera_to_world)
    pairs = []
    for first in np.linspace(0, 0.75 * (count - 1), PAIRS).astype(int).tolist():
        others = [first + gap for gap in (16, 8, 4, 2, 1) if first + gap < count]
        near = [other for other in others if _turn(poses[first], poses[other]) < MOST_TURN]
        if near:
            pairs.append((first, near[0]))
    return pairs


def _turn(a: Float64, b: Float64) -> float:
    cosine = (np.trace(a[:3, :3].T @ b[:3, :3]) - 1) / 2
    return float(np.degrees(np.arccos(np.clip(cosine, -1, 1))))


def _pair_errors(clip: TrainingClip, first: int, other: int) -> dict[str, float]:
    a, b = (_small(frame) for frame in clip.read([first, other]))
    intrinsics = scaled_intrinsics(clip.intrinsics[[first, other]], clip.size, (a.shape[1], a.shape[0]))
    poses = clip.camera_to_world[[first, other]]
    made = {GIVEN: poses} | {name: convert(poses) for name, convert in CONVENTIONS.items()}
    return {name: _swept_error(a, b, intrinsics, inverse(p[1:])[0] @ p[0]) for name, p in made.items()}


def _small(frame: UInt8) -> Float64:
    """The frame in grey, shrunk, without its brightness at large: [h, w]."""
    height = max(8, round(WIDTH * frame.shape[0] / frame.shape[1]))
    grey = np.asarray(Image.fromarray(frame).convert("L").resize((WIDTH, height), Image.Resampling.BOX), np.float64)
    return grey - _blurred(grey, 4)


def _blurred(picture: Float64, radius: int) -> Float64:
    """Means over squares of 2 radius + 1 pixels, of a picture continued by its edge."""
    side = 2 * radius + 1
    padded = np.pad(picture, radius, mode="edge")
    total = np.pad(padded.cumsum(0).cumsum(1), ((1, 0), (1, 0)))
    return (total[side:, side:] - total[:-side, side:] - total[side:, :-side] + total[:-side, :-side]) / side**2


def _swept_error(a: Float64, b: Float64, intrinsics: Float64, move: Float64) -> float:
    """Mean difference between a and what b shows of it, each pixel at its best depth.

    Args:
        a, b: [h, w].
        intrinsics: [2, 3, 3] of both.
        move: [4, 4] from a's camera to b's.
    """
    height, width = a.shape
    v, u = np.mgrid[:height, :width] + 0.5
    rays = np.stack([u, v, np.ones_like(u)], axis=-1) @ np.linalg.inv(intrinsics[0]).T @ move[:3, :3].T
    way = float(np.linalg.norm(move[:3, 3]))
    largest = NEAREST * width / (intrinsics[0, 0, 0] * way) if way > 0 else 0.0
    best = np.full(a.shape, np.inf)
    for closeness in np.linspace(0, largest, DEPTHS):
        seen = (rays + closeness * move[:3, 3]) @ intrinsics[1].T
        with np.errstate(divide="ignore", invalid="ignore"):
            x, y = seen[..., 0] / seen[..., 2] - 0.5, seen[..., 1] / seen[..., 2] - 0.5
        inside = (seen[..., 2] > 1e-9) & (x >= 0) & (y >= 0) & (x <= width - 1) & (y <= height - 1)
        x, y = np.where(inside, x, 0), np.where(inside, y, 0)
        difference = np.where(inside, np.abs(_between(b, x, y) - a), np.abs(a) + np.abs(b).mean())
        best = np.minimum(best, _blurred(difference, 2))
    return float(best.mean())


def _between(picture: Float64, x: Float64, y: Float64) -> Float64:
    left, top = (np.minimum(np.floor(v).astype(int), n - 2) for v, n in ((x, picture.shape[1]), (y, picture.shape[0])))
    fx, fy = x - left, y - top
    upper = picture[top, left] * (1 - fx) + picture[top, left + 1] * fx
    lower = picture[top + 1, left] * (1 - fx) + picture[top + 1, left + 1] * fx
    return upper * (1 - fy) + lower * fy
