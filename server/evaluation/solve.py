"""Solve the cameras of a clip from its frames: SIFT, and the cameras that fit its tracks best; intrinsics fixed.

A clip is solved several times: each solve draws other random numbers, and holds out other tracks to judge itself by.
A solve that fails is kept and counted.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from blender_addon.core.arrays import Float64, UInt8
from blender_addon.core.camera.projection import pixel_grid, project
from blender_addon.core.camera.trajectory import Trajectory, inverse
from blender_addon.core.errors import CameraError
from blender_addon.core.payloads.check_request import FEWEST_FRAMES
from blender_addon.core.progress import JobProgress, OnProgress, unwatched
from server.reconstruction.camera_search import FEWEST_TRACKS, Candidate, Found, Search, Start
from server.reconstruction.colmap import load_pycolmap
from server.reconstruction.fit import Fit, tolerance_of
from server.reconstruction.learned_features import (
    learned_features_hint,
    learned_features_installed,
    match_learned,
)
from server.reconstruction.matching import FrameFolder, extract, match, verify, write_frames
from server.reconstruction.scale import DepthMap, depth_along
from server.reconstruction.sparse import SparseModel
from server.reconstruction.starts import global_start, incremental_start
from server.reconstruction.track_points import distances
from server.reconstruction.tracks import Tracks, joined_tracks

from .records import ClipEvaluation
from .stages import Stages

if TYPE_CHECKING:
    import pycolmap

MAX_FEATURES = 3072
"""SIFT features a frame at most."""
FEW_TRACKS = 150
"""Tracks of SIFT features below which learned ones are looked for, where they are installed."""
MAX_TRACKS = 2500
"""Tracks that a solve uses. More of a richly textured clip take longer and place its cameras no better."""


@dataclass(frozen=True, eq=False)
class Trial:
    """One solve.

    Attributes:
        seed: of its random numbers.
        model: the reconstruction, in a unit and world of its own; without points when the camera does not travel; None
            when no camera was found.
        failure: why not every frame was placed, "" when every one was.
        tracks: how many tracks the clip has in this solve.
        found: how the camera was found, and how well it fits.
    """

    seed: int
    model: SparseModel | None
    failure: str
    tracks: int = 0
    found: Found | None = None

    @property
    def complete(self) -> bool:
        """Whether every frame was placed."""
        return self.failure == ""

    @property
    def best(self) -> Candidate | None:
        """The cameras that fit best, None when none were found."""
        return None if self.found is None else self.found.best


def solve_clip(frames: UInt8, asked: Trajectory, trials: int, on_progress: OnProgress = unwatched) -> Iterator[Trial]:
    """Solve a clip's cameras several times, with seeds 0, 1, ...

    Features and their matches are found once; the steps that draw random numbers are repeated in each trial.

    Args:
        frames: [F, H, W, 3] uint8.
        asked: [F] the camera asked for, in pixels of the frames. Its intrinsics are kept; its path is one of the
            starts from which cameras are looked for.
        trials: how many solves.
        on_progress: is told each stage; an exception from it stops the solve.

    Yields:
        One trial for each seed.

    Raises:
        CameraError: there are fewer than FEWEST_FRAMES frames.
        MissingPycolmapError: pycolmap is not installed.
        Exception: what `on_progress` raises.
    """
    if len(frames) < FEWEST_FRAMES:
        raise CameraError("The clip is too short to find its camera", f"{len(frames)} frames, {FEWEST_FRAMES} needed")
    load_pycolmap()
    height, width = frames.shape[1:3]
    stages = Stages(2 + learned_features_installed() + 2 * trials, on_progress)
    with tempfile.TemporaryDirectory(prefix="realcam-solve-", ignore_cleanup_errors=True) as folder:
        scratch = Path(folder)
        names = write_frames(frames, scratch / "frames")
        clip = FrameFolder(scratch / "frames", names, asked.intrinsics, width, height)
        matched = scratch / "matched.db"
        stages.run("Finding features", partial(extract, clip, matched, MAX_FEATURES))
        stages.run("Matching frames", partial(match, matched, len(frames)))
        if learned_features_installed():
            stages.run("Learned features where these are few", partial(_with_learned_features, clip, matched))
        for seed in range(trials):
            solve = _Solve(clip, asked.camera_to_world, scratch / f"trial{seed}", seed)
            solve.folder.mkdir()
            shutil.copyfile(matched, solve.database)
            stages.run(f"Solve {seed + 1}: checking matches", partial(verify, solve.database, seed))
            yield stages.run(f"Solve {seed + 1}: placing cameras", solve.run)


def solve_direct(
    frames: UInt8, asked: Trajectory, depth: DepthMap, on_progress: OnProgress = unwatched
) -> Iterator[Trial]:
    """Solve a clip's cameras by direct alignment of its frames to the first one, whose depth is known.

    For clips too small for features. It draws no random numbers: there is one trial.

    Args:
        frames: [F, H, W, 3] uint8.
        asked: [F] the camera asked for, in pixels of the frames; its path is one of the starts.
        depth: of the first frame.
        on_progress: is told each frame; an exception from it stops the solve.

    Yields:
        The trial; its unit is the metre.
    """
    # It needs SciPy, which the server in the add-on's zip does not have.
    from server.reconstruction.direct_alignment import DirectAlignment

    height, width = frames.shape[1:3]
    centres = pixel_grid(width, height)
    metres = depth_along(depth, centres.reshape(-1, 2), asked.intrinsics[0], width, height).reshape(height, width)
    alignment = DirectAlignment(frames[0], metres, asked.intrinsics[0])
    path = inverse(asked.camera_to_world[:1]) @ asked.camera_to_world
    count = len(frames)

    def told(done: int) -> None:
        on_progress(JobProgress(done, count, "Aligning frames"))

    found = alignment.clip(frames, path, asked.intrinsics, told)
    lost = [i for i, frame in enumerate(found) if frame.failure]
    poses = np.stack([frame.world_to_camera for frame in found])
    poses[lost] = np.nan
    placed = np.setdiff1d(np.arange(count), lost)
    travel = np.linalg.norm(inverse(poses[placed])[:, :3, 3], axis=1).max(initial=0.0)
    middle = float(np.median(alignment.points[:, 2])) if len(alignment.points) else np.inf
    fit = Fit(
        error=float(np.mean([frame.error for frame in found])),
        inliers=float(np.mean([found[i].agree for i in placed])) if len(placed) else 0.0,
        held_out=float("nan"),
        angle=float(np.degrees(np.arctan2(travel, middle))),
        support=np.array([round(frame.agree * frame.seen * len(alignment.points)) for frame in found]),
    )
    best = Candidate("direct alignment", poses, alignment.points, fit)
    if not len(placed):
        failure = f"No frame could be aligned: {found[0].failure}."
        yield Trial(0, None, failure, len(alignment.points))
        return
    pixel, _ = project(alignment.points, asked.intrinsics[0], np.eye(4))
    numbers = np.arange(len(pixel))
    model = SparseModel(inverse(poses), alignment.points, np.zeros_like(numbers), numbers, pixel, float("nan"))
    why = f" In frame {lost[0] + 1} {found[lost[0]].failure}." if lost else ""
    failure = f"{len(placed)} of {count} frames were placed; not frames {_listed([i + 1 for i in lost])}.{why}"
    yield Trial(0, model, failure if lost else "", len(alignment.points), Found(best, None, float("nan")))


def _with_learned_features(clip: FrameFolder, matched: Path, token: pycolmap.CancellationToken) -> None:
    """Replace the features of a database by learned ones, when SIFT's make too few tracks and these make more."""
    few = _tracks_after_check(clip, matched, token)
    if few >= FEW_TRACKS:
        return
    learned = matched.with_name("learned.db")
    shutil.copyfile(matched, learned)
    match_learned(clip, learned, token)
    if not token.is_cancelled and _tracks_after_check(clip, learned, token) > few:
        shutil.copyfile(learned, matched)


def _tracks_after_check(clip: FrameFolder, matched: Path, token: pycolmap.CancellationToken) -> int:
    """How many tracks a database's matches make once they are checked; the database stays as it is."""
    tried = matched.with_name("tried.db")
    shutil.copyfile(matched, tried)
    verify(tried, 0, token)
    return joined_tracks(tried, clip.names).count


@dataclass(frozen=True, eq=False)
class _Solve:
    """One solve of a clip.

    Attributes:
        clip: the frames.
        asked: [F, 4, 4] camera-to-world asked for.
        folder: of the solve's files.
        seed: of its random numbers.
    """

    clip: FrameFolder
    asked: Float64
    folder: Path
    seed: int

    @property
    def database(self) -> Path:
        """Features and verified matches."""
        return self.folder / "matches.db"

    def run(self, token: pycolmap.CancellationToken) -> Trial:
        """Look for the cameras."""
        tracks = joined_tracks(self.database, self.clip.names).thinned(MAX_TRACKS, self.seed)
        search = Search(tracks, self.clip.intrinsics, (self.clip.width, self.clip.height), self.seed)
        found = search.run(
            self.asked,
            {"the incremental mapper": self._start(incremental_start, "incremental")},
            {"the global mapper": self._start(global_start, "global")},
            lambda: token.is_cancelled,
        )
        if found.best is None:
            return Trial(self.seed, None, _no_camera(tracks.count), tracks.count, found)
        model = model_of(found.best, tracks, self.clip)
        placed = int(model.placed.sum())
        if placed == len(self.clip.names):
            return Trial(self.seed, model, "", tracks.count, found)
        lost = _listed((np.flatnonzero(~model.placed) + 1).tolist())
        failure = f"{placed} of {len(self.clip.names)} frames were placed; not frames {lost}."
        return Trial(self.seed, model, failure, tracks.count, found)

    def _start(self, mapper: Callable[[FrameFolder, Path, Path, int], Float64], name: str) -> Start:
        return partial(mapper, self.clip, self.database, self.folder / name, self.seed)


def model_of(found: Candidate, tracks: Tracks, clip: FrameFolder) -> SparseModel:
    """Cameras and tracks as a sparse model: the points, and the observations that fit them.

    Args:
        found: the cameras; those that do not travel have no points.
        tracks: of the clip.
        clip: its frames.
    """
    miss, _ = distances(found.poses, found.points, clip.intrinsics, tracks)
    fits = miss < tolerance_of((clip.width, clip.height))
    error = float(miss[fits].mean()) if fits.any() else float("nan")
    if found.still:
        fits = np.zeros_like(fits)
    numbers, point = np.unique(tracks.track[fits], return_inverse=True)
    return SparseModel(
        camera_to_world=inverse(found.poses),
        points=found.points[numbers],
        frame=tracks.frame[fits],
        point=point,
        pixel=tracks.pixel[fits],
        reprojection_error=error,
    )


def _no_camera(tracks: int) -> str:
    if tracks < FEWEST_TRACKS:
        few = f"No camera was found: {tracks} points can be followed through the clip, {FEWEST_TRACKS} are needed."
        return few + learned_features_hint()
    return f"No camera was found: none explains the {tracks} points that can be followed through the clip."


def _listed(numbers: list[int]) -> str:
    shown = ", ".join(str(number) for number in numbers[:8])
    return shown if len(numbers) <= 8 else f"{shown}, ..."


def achieved_trajectory(evaluation: ClipEvaluation, reference: Trajectory) -> tuple[list[int], Trajectory]:
    """The achieved cameras of an evaluation, in the world of its reference.

    Args:
        evaluation: of the clip.
        reference: the camera that was asked for, with as many frames as the clip.

    Returns:
        The frames that were placed (from 0), and their cameras, which start at the reference's first pose. Distances
        are metres when the evaluation is metric, else fitted to the reference. Intrinsics are the reference's.

    Raises:
        CameraError: no frame was placed, or the frame counts differ.
    """
    if len(reference) != evaluation.frames:
        raise CameraError(
            "The evaluation is of another camera", f"{evaluation.frames} frames against {len(reference)} of the camera"
        )
    placed = [(frame, pose) for frame, pose in enumerate(evaluation.achieved) if pose is not None]
    if not placed:
        raise CameraError("The clip's camera was not found", " ".join(evaluation.findings))
    frames = [frame for frame, _ in placed]
    poses = reference.camera_to_world[0] @ np.array([pose for _, pose in placed])
    lenses = reference.intrinsics[frames]
    return frames, Trajectory(poses, lenses, reference.width, reference.height, reference.fps)
