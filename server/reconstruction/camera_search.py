"""Find a clip's camera among what several starts lead to: the one that fits the clip's tracks best.

One start is the camera that was asked for, the others know nothing of it. All are adjusted to the same tracks and
judged by the same ones, so a clip that did not follow is not measured by the camera that it should have followed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from blender_addon.core.arrays import Bool, Float64
from blender_addon.core.camera.trajectory import inverse

from .adjustment import adjusted
from .fit import TOLERANCE, Fit, measured_fit, tolerance_of
from .path_difference import path_difference
from .starts import PLAIN_MOVES, completed, plain_move
from .track_points import distances, triangulated
from .tracks import Tracks
from .turning import turned

ASKED, STILL = "the camera asked for", "no travel"
"""Names of two starts."""
HELD_OUT = 0.2
"""Share of the tracks that no camera is adjusted to, so that they can judge it."""
FITS = 0.6
"""Share of the observations that a camera must explain to be believed without looking further."""
CLEARLY = 0.03
"""By how much the error of a fit must be smaller to be better without doubt."""
PARALLAX, OF_THE_NOISE = 0.35, 1.5
"""Parallax below which a camera's travel is not seen: as a share of the tolerance, and as a multiple of the distance
that the same observations have under the camera that travels.
"""
STRONGEST = 80.0
"""Percentile of the observations by which parallax is judged: where most of a scene is far away, the rest shows it."""
FARTHEST = 1e4
"""Pixels that an infinite distance counts as."""
FEWEST_TRACKS = 30
"""Of a clip whose camera can be found."""
FEWEST_SUPPORT = 15
"""Observations that must fit in a frame for it to count as placed."""

Start = Callable[[], Float64]
"""Returns [F, 4, 4] camera-to-world, NaN where unknown."""


@dataclass(frozen=True, eq=False)
class Candidate:
    """Cameras that a start led to.

    Attributes:
        start: its name.
        poses: [F, 4, 4] world-to-camera, NaN where a frame is not placed.
        points: [T, 3] of the tracks; unit directions when the start is STILL.
        fit: to all tracks.
    """

    start: str
    poses: Float64
    points: Float64
    fit: Fit

    @property
    def still(self) -> bool:
        """Whether the camera does not travel."""
        return self.start == STILL

    @property
    def placed(self) -> int:
        """Frames with a pose."""
        return int(np.isfinite(self.poses[:, 0, 0]).sum())


@dataclass(frozen=True, eq=False)
class Found:
    """The outcome of a search.

    Attributes:
        best: the cameras that fit best; None when there are too few tracks or no start led anywhere.
        rival: cameras on another path that fit as well, or nearly; None when there is none.
        parallax: distance between where the pictures show the tracks and where they would under a camera that only
            turns, pixels, at the percentile STRONGEST; NaN when that is not known.
    """

    best: Candidate | None
    rival: Candidate | None
    parallax: float


@dataclass(frozen=True, eq=False)
class Search:
    """The tracks of a clip, and what its cameras are to be found with.

    Attributes:
        tracks: of the clip.
        intrinsics: [F, 3, 3] pixels of `size`.
        size: (width, height) of the frames.
        seed: which tracks are held out, and RANSAC's random numbers.
    """

    tracks: Tracks
    intrinsics: Float64
    size: tuple[int, int]
    seed: int

    @property
    def held_out(self) -> Bool:
        """[T] which tracks are held out."""
        return np.asarray(np.random.default_rng(self.seed).random(self.tracks.count) < HELD_OUT, dtype=np.bool_)

    def run(
        self,
        asked: Float64,
        first: dict[str, Start],
        more: dict[str, Start],
        is_cancelled: Callable[[], bool] = lambda: False,
    ) -> Found:
        """Look for the camera.

        Args:
            asked: [F, 4, 4] camera-to-world that was asked for.
            first: starts that know nothing of it, by name.
            more: such starts that are only tried when the first and the asked one do not agree on a camera that fits.
            is_cancelled: asked before each start; once it says so, nothing is found.
        """
        if self.tracks.count < FEWEST_TRACKS:
            return Found(None, None, float("nan"))
        still = self._still()
        turning, _ = distances(still.poses, still.points, self.intrinsics, self.tracks)
        smallest = PARALLAX * tolerance_of(self.size)
        parallax = _strongest(turning)
        if parallax < smallest:
            return Found(still, None, parallax)
        found: list[Candidate] = []
        for name, start in {ASKED: lambda: asked, **first, **more, **self._plain_moves(still)}.items():
            if name not in {ASKED, *first} and _settled(found):
                break
            if is_cancelled():
                return Found(None, None, parallax)
            found += self._adjusted(name, start)
        best = best_of(found)
        if best is None:
            return Found(still if still.fit.inliers >= FITS else None, None, parallax)
        explained, _ = distances(best.poses, best.points, self.intrinsics, self.tracks)
        fits = explained < tolerance_of(self.size)
        parallax, noise = _strongest(turning[fits]), _strongest(explained[fits])
        if parallax < max(smallest, OF_THE_NOISE * noise):
            return Found(still, None, parallax)
        return Found(self._with_all_tracks(best), rival_of(best, found), parallax)

    def _still(self) -> Candidate:
        poses, directions = turned(self.tracks, self.intrinsics)
        return self._candidate(STILL, poses, directions)

    def _adjusted(self, name: str, start: Start) -> list[Candidate]:
        """The candidate that a start leads to, or none."""
        train = self.tracks.only(~self.held_out[self.tracks.track])
        poses = completed(inverse(start()), train, self.intrinsics, self.size, self.seed)
        if np.isfinite(poses[:, 0, 0]).sum() < 2:
            return []
        poses = adjusted(poses, train, self.intrinsics, self.size, tolerance_of(self.size) / TOLERANCE)
        poses = completed(poses, train, self.intrinsics, self.size, self.seed)
        candidate = self._candidate(name, poses, triangulated(poses, self.intrinsics, self.tracks))
        return [candidate] if candidate.placed > 1 else []

    def _with_all_tracks(self, best: Candidate) -> Candidate:
        """The candidate adjusted to the tracks that judged it too; its fit stays the one that it was chosen by."""
        scale = tolerance_of(self.size) / TOLERANCE
        poses = adjusted(best.poses, self.tracks, self.intrinsics, self.size, scale)
        if np.isfinite(poses[:, 0, 0]).sum() < best.placed:
            return best
        return replace(best, poses=poses, points=triangulated(poses, self.intrinsics, self.tracks))

    def _candidate(self, name: str, poses: Float64, points: Float64) -> Candidate:
        fit = measured_fit(poses, points, self.intrinsics, self.tracks, self.held_out, self.size)
        held = fit.support >= FEWEST_SUPPORT
        if held[np.isfinite(poses[:, 0, 0])].all():
            return Candidate(name, poses, points, fit)
        poses = np.where(held[:, None, None], poses, np.nan)
        fit = measured_fit(poses, points, self.intrinsics, self.tracks, self.held_out, self.size)
        return Candidate(name, poses, points, fit)

    def _plain_moves(self, still: Candidate) -> dict[str, Start]:
        def start(direction: tuple[float, float, float]) -> Start:
            return lambda: plain_move(still.poses, direction)

        if not np.isfinite(still.poses[:, 0, 0]).any():
            return {}
        return {f"a move {name}": start(direction) for name, direction in PLAIN_MOVES.items()}


def best_of(candidates: list[Candidate]) -> Candidate | None:
    """The candidate with the smallest error; the asked start only where it is clearly better than all others.

    Where the pictures do not decide, the camera that was asked for is not taken for the one that was achieved.
    """
    if not candidates:
        return None
    best = min(candidates, key=lambda candidate: candidate.fit.error)
    others = [candidate for candidate in candidates if candidate.start != ASKED]
    if best.start != ASKED or not others:
        return best
    free = min(others, key=lambda candidate: candidate.fit.error)
    return best if best.fit.error < free.fit.error - CLEARLY else free


def rival_of(best: Candidate, candidates: list[Candidate]) -> Candidate | None:
    """The candidate on another path than the best one's whose fit is not clearly worse; None when there is none."""
    rivals = [
        candidate
        for candidate in candidates
        if candidate is not best
        and candidate.fit.error < best.fit.error + CLEARLY
        and not path_difference(inverse(candidate.poses), inverse(best.poses)).same
    ]
    return min(rivals, key=lambda candidate: candidate.fit.error, default=None)


def _strongest(miss: Float64) -> float:
    """The percentile STRONGEST of distances that may be infinite, NaN without any."""
    return float(np.percentile(np.minimum(miss, FARTHEST), STRONGEST)) if len(miss) else float("nan")


def _settled(candidates: list[Candidate]) -> bool:
    """Whether the best candidate fits, stands alone, and another start led to its path too."""
    best = best_of(candidates)
    if best is None or best.fit.inliers < FITS or rival_of(best, candidates) is not None:
        return False
    return any(
        candidate.placed == best.placed and path_difference(inverse(candidate.poses), inverse(best.poses)).same
        for candidate in candidates
        if candidate is not best
    )
