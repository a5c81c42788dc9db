"""Solve the cameras of a clip from its frames alone: SIFT, then COLMAP's global mapper (GLOMAP), intrinsics fixed.

The mapper draws random numbers, so a clip is solved several times; a trial that fails is kept and counted.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from blender_addon.core.arrays import Float64, UInt8
from blender_addon.core.camera.trajectory import Trajectory
from blender_addon.core.errors import CameraError
from blender_addon.core.payloads.check_request import FEWEST_FRAMES
from blender_addon.core.progress import OnProgress, unwatched
from server.reconstruction.colmap import load_pycolmap, sparse_model
from server.reconstruction.matching import FrameFolder, extract, match, verify, write_frames
from server.reconstruction.sparse import SparseModel

from .records import ClipEvaluation
from .stages import Stages

if TYPE_CHECKING:
    import pycolmap

MAX_FEATURES = 2048
"""SIFT features a frame at most."""
TRACKS_A_FRAME, FEWEST_TRACKS = 100, 1500
"""Tracks that cameras are placed by; the others are triangulated and take part in the last adjustment. Using all tracks
of a richly textured clip would take three times as long and place its cameras no better.
"""


@dataclass(frozen=True, eq=False)
class Trial:
    """One solve.

    Attributes:
        seed: of its random numbers.
        model: the reconstruction, in a unit and world of its own; None when no camera was found.
        failure: why not every frame was placed, "" when every one was.
    """

    seed: int
    model: SparseModel | None
    failure: str

    @property
    def complete(self) -> bool:
        """Whether every frame was placed."""
        return self.failure == ""


def solve_clip(frames: UInt8, intrinsics: Float64, trials: int, on_progress: OnProgress = unwatched) -> Iterator[Trial]:
    """Solve a clip's cameras several times, with seeds 0, 1, ...

    Features and their matches are found once; the steps that draw random numbers are repeated in each trial.

    Args:
        frames: [F, H, W, 3] uint8.
        intrinsics: [F, 3, 3] pixels, kept fixed.
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
    stages = Stages(2 + 2 * trials, on_progress)
    with tempfile.TemporaryDirectory(prefix="realcam-solve-") as folder:
        scratch = Path(folder)
        names = write_frames(frames, scratch / "frames")
        clip = FrameFolder(scratch / "frames", names, intrinsics, width, height)
        matched = scratch / "matched.db"
        stages.run("Finding features", partial(extract, clip, matched, MAX_FEATURES))
        stages.run("Matching frames", partial(match, matched, len(frames)))
        for seed in range(trials):
            database = scratch / f"trial{seed}.db"
            shutil.copyfile(matched, database)
            stages.run(f"Solve {seed + 1}: checking matches", partial(verify, database, seed))
            output = scratch / f"model{seed}"
            yield stages.run(f"Solve {seed + 1}: placing cameras", partial(_place, clip, database, output, seed))


def _place(clip: FrameFolder, database: Path, output: Path, seed: int, _token: pycolmap.CancellationToken) -> Trial:
    """Run the global mapper, which cannot be cancelled."""
    import pycolmap

    options = pycolmap.GlobalPipelineOptions()
    options.random_seed = seed
    adjustment = options.mapper.bundle_adjustment
    adjustment.refine_focal_length = adjustment.refine_principal_point = adjustment.refine_extra_params = False
    options.mapper.keep_max_num_tracks = max(FEWEST_TRACKS, TRACKS_A_FRAME * len(clip.names))
    adjustment.ceres.use_gpu = options.mapper.global_positioning.use_gpu = False
    output.mkdir()
    models = pycolmap.global_mapping(database, clip.folder, output, options)
    if not models:
        return Trial(seed, None, "No camera was found: the frames have too few matches or too little parallax.")
    largest = max(models.values(), key=lambda model: model.num_reg_images())
    model = sparse_model(largest, clip.names)
    placed = int(model.placed.sum())
    if placed == len(clip.names):
        return Trial(seed, model, "")
    lost = np.flatnonzero(~model.placed) + 1
    return Trial(seed, model, f"{placed} of {len(clip.names)} frames were placed; not frames {_listed(lost.tolist())}.")


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
