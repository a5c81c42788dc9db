"""Diagnose how a camera differs from the one asked for: wrong distance, delay, or a mirrored move.

The asked path is deformed in each of these ways until it explains the achieved one; a deformation is reported only when
it explains much more than going without it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from blender_addon.core.arrays import Float64
from blender_addon.core.camera.trajectory import interpolate_poses, rotation_log

from .metrics import relative_to_first, rotation_angles

MIRRORS = {
    "": (1.0, 1.0, 1.0),
    "left and right": (-1.0, 1.0, 1.0),
    "up and down": (1.0, -1.0, 1.0),
    "forwards and backwards": (1.0, 1.0, -1.0),
}
"""Signs of x, y and z (OpenCV axes) by what a mirrored move exchanges; "" is not mirrored."""
DELAY_STEP = 0.25
"""Frames between the delays that are tried."""

PENALTY = {"scale": 0.02, "delay": 0.03, "mirror": 0.05}
"""How much of the misfit (relative to the size of the move) a deformation must explain to be reported."""

FOLLOWS = 0.05
"""Misfit up to which the camera counts as following."""

SMALLEST_MOVE = 1e-6
"""Smallest extent of a move by which distances are judged, in its unit."""
SMALLEST_TURN = np.radians(3.0)
"""Smallest turn of a move by which angles are judged, radians."""


@dataclass(frozen=True)
class Diagnosis:
    """The deformation of the asked path that explains the achieved one best.

    Attributes:
        scale: achieved distance over asked; 1.0 when unknown or not worth reporting.
        fitted_scale: the same ratio by least squares, however small the difference, and also when the achieved scale is
            not metric.
        delay: frames by which the clip is late (negative: early).
        mirror: a key of MIRRORS.
        misfit: what the deformation leaves unexplained, relative to the move.
        misfit_as_asked: the misfit without any deformation.
        findings: sentences for the artist.
    """

    scale: float
    fitted_scale: float
    delay: float
    mirror: str
    misfit: float
    misfit_as_asked: float
    findings: tuple[str, ...]


def diagnose(asked: Float64, achieved: Float64, metric: bool) -> Diagnosis:
    """Compare two relative trajectories, frame 0 the identity in both.

    Args:
        asked: [F, 4, 4].
        achieved: [F, 4, 4], NaN where a frame is unknown.
        metric: whether the achieved distances are in metres; otherwise their scale is unknown and is fitted freely.
    """
    known = np.isfinite(achieved).all(axis=(1, 2))
    sizes = _sizes(asked)
    as_asked = _misfit(asked[known], achieved[known], sizes, None if not metric else 1.0)
    best = (as_asked[0], as_asked[0], as_asked[1], 0.0, "")
    for mirror, delay, path in _deformed(asked):
        cost = PENALTY["mirror"] * (mirror != "") + PENALTY["delay"] * (delay != 0)
        for scale in (1.0, None) if metric else (None,):
            misfit, fitted = _misfit(path[known], achieved[known], sizes, scale)
            total = misfit + cost + (PENALTY["scale"] if metric and scale is None else 0.0)
            if total < best[0]:
                best = (total, misfit, fitted, delay, mirror)
    _, misfit, scale, delay, mirror = best
    shown = scale if metric else 1.0
    _, fitted = _misfit(mirrored(delayed(asked, delay), mirror)[known], achieved[known], sizes, None)
    sentences = _sentences(shown, delay, mirror, misfit, as_asked[0])
    return Diagnosis(shown, fitted, delay, mirror, misfit, as_asked[0], sentences)


def mirrored(poses: Float64, mirror: str) -> Float64:
    """Poses [F, 4, 4] as seen in a mirror.

    Args:
        poses: [F, 4, 4].
        mirror: a key of MIRRORS.

    Returns:
        [F, 4, 4] float64, still rigid.
    """
    flip = np.diag([*MIRRORS[mirror], 1.0])
    return np.asarray(flip @ poses @ flip, dtype=np.float64)


def delayed(poses: Float64, delay: float) -> Float64:
    """Relative poses shown later or earlier; before and after the move the camera stands still.

    Args:
        poses: [F, 4, 4], frame 0 the identity.
        delay: frames, fractions allowed; negative is earlier.

    Returns:
        [F, 4, 4] float64, relative to the new frame 0.
    """
    where = np.clip(np.arange(len(poses)) - delay, 0.0, len(poses) - 1.0)
    left = np.minimum(where.astype(np.int64), max(len(poses) - 2, 0))
    right = np.minimum(left + 1, len(poses) - 1)
    return relative_to_first(interpolate_poses(poses[left], poses[right], where - left))


def _deformed(asked: Float64) -> Iterator[tuple[str, float, Float64]]:
    most = len(asked) // 3
    delays = np.arange(-most, most + DELAY_STEP / 2, DELAY_STEP)
    for delay in sorted(delays.tolist(), key=abs):
        shifted = delayed(asked, delay)
        for mirror in MIRRORS:
            yield mirror, delay, mirrored(shifted, mirror)


def _sizes(asked: Float64) -> tuple[float, float]:
    """(distance, angle in radians) by which misfits are judged: the extent of the asked move."""
    distance = float(np.linalg.norm(asked[:, :3, 3], axis=1).max())
    turn = float(np.linalg.norm(rotation_log(asked[:, :3, :3]), axis=1).max())
    return max(distance, SMALLEST_MOVE), max(turn, float(SMALLEST_TURN))


def _misfit(path: Float64, achieved: Float64, sizes: tuple[float, float], scale: float | None) -> tuple[float, float]:
    """(misfit, scale used) of a path against the achieved one; scale None: the least-squares one."""
    ours, theirs = path[:, :3, 3], achieved[:, :3, 3]
    power = float((ours**2).sum())
    fitted = scale
    if fitted is None:
        fitted = max(float((ours * theirs).sum()) / power, SMALLEST_MOVE) if power > SMALLEST_MOVE**2 else 1.0
    # Divided by the scale, so that a free scale cannot hide a misfit by shrinking both.
    distance = np.sqrt(((theirs / fitted - ours) ** 2).sum(axis=1).mean())
    turn = np.sqrt((rotation_angles(np.swapaxes(path[:, :3, :3], 1, 2) @ achieved[:, :3, :3]) ** 2).mean())
    return float(distance / sizes[0] + turn / sizes[1]), fitted


def _sentences(scale: float, delay: float, mirror: str, misfit: float, as_asked: float) -> tuple[str, ...]:
    found = []
    if mirror:
        found.append(f"The move is mirrored: {mirror} are exchanged.")
    if scale != 1.0:
        found.append(f"The camera goes {scale:.2f} times as far as asked.")
    if delay:
        found.append(f"The camera is {abs(delay):.3g} frames {'late' if delay > 0 else 'early'}.")
    if misfit > FOLLOWS:
        rest = "Beside that, it" if found else "The camera"
        found.append(f"{rest} differs from the asked move by {misfit:.0%} of its size: see the error of each frame.")
    elif not found:
        found.append(f"The camera follows (it differs by {as_asked:.1%} of the move's size).")
    return tuple(found)
