"""How right the camera check is on real sequences whose cameras are known: windows, strides, seeds, cameras asked for.

Each window is solved with several seeds and compared with the camera that the sequence comes with. Where that camera is
itself solved from the pictures, the measure is how far another solve is from it: COLMAP's incremental mapper alone, on
the same window. Windows are also solved while a wrong camera is asked for: the result must not move towards it.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec
import numpy as np
from PIL import Image
from scipy.ndimage import map_coordinates

from blender_addon.core.arrays import Float64, UInt8
from blender_addon.core.camera.formats.dispatch import read_trajectory
from blender_addon.core.camera.projection import pixel_grid
from blender_addon.core.camera.trajectory import Trajectory
from server.datasets.clip_frames import read_pictures
from server.datasets.posed_clip import open_posed_clip
from server.evaluation.consensus import consensus
from server.evaluation.diagnosis import FOLLOWS, diagnose
from server.evaluation.metrics import camera_errors, relative_to_first
from server.evaluation.solve import Trial, solve_clip
from server.reconstruction.colmap import load_pycolmap
from server.reconstruction.matching import FrameFolder, extract, match, verify, write_frames
from server.reconstruction.starts import incremental_start

ITS_OWN, STANDS_STILL = "its own", "its own of a clip that stands still"
"""Cameras that are asked for: the one that the window was filmed by, and the same while its first frame is repeated."""
ASKED_FOR = (ITS_OWN, "backwards", "sideways", STANDS_STILL)
SEEDS, SMALL = 5, 512
ROT_BAR, TRANS_BAR = 0.15, 0.3
"""RotErr in radians and relative TransErr of a solve that is right, where the sequence has a camera of its own."""
TIMES_THE_DISAGREEMENT = 2.0
"""How far a solve may be from a camera that is solved itself, in disagreements of that camera with another solve."""
ANOTHER_SEED, ANOTHER_FEATURES = 1000, 4096
"""Seed and SIFT features a frame of the other solve of a window."""


@dataclass(frozen=True, eq=False)
class Sequence:
    """Frames whose cameras are known.

    Attributes:
        name: of the sequence.
        frames: [F, H, W, 3] uint8 without lens distortion.
        camera: [F] in pixels of the frames.
        solved: whether that camera was itself solved from these pictures.
        windows: (first frame, frames, stride) that are measured.
    """

    name: str
    frames: UInt8
    camera: Trajectory
    solved: bool
    windows: tuple[tuple[int, int, int], ...]

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) of the frames."""
        return (self.camera.width, self.camera.height)


class SolveFigures(msgspec.Struct, frozen=True, kw_only=True):
    """One solve of a window beside the sequence's camera; errors are None when not every frame was placed."""

    seed: int
    placed: int
    rot_err: float | None
    trans_err: float | None
    inliers: float | None
    start: str
    agrees: bool


class WindowFigures(msgspec.Struct, frozen=True, kw_only=True):
    """One window, solved with every seed while one camera is asked for.

    Attributes:
        sequence, first, frames, stride, size: the window.
        asked: what camera was asked for; "its own" is the sequence's.
        rot_bar, trans_bar: errors up to which a solve is right.
        solves: each of them.
        follows: whether the reported camera is said to follow the one that was asked for.
        doubts: what is said against the reported camera.
        seconds: processor seconds of all solves together.
    """

    sequence: str
    first: int
    frames: int
    stride: int
    size: tuple[int, int]
    asked: str
    rot_bar: float
    trans_bar: float
    solves: list[SolveFigures]
    follows: bool
    doubts: tuple[str, ...]
    seconds: float

    @property
    def key(self) -> tuple[object, ...]:
        """What tells windows apart in a file of results."""
        return (self.sequence, self.first, self.frames, self.stride, self.size, self.asked)

    @property
    def right(self) -> int:
        """How many solves are within the bars."""
        return sum(self.is_right(solve) for solve in self.solves)

    def is_right(self, solve: SolveFigures) -> bool:
        """Whether a solve is within the bars."""
        if solve.rot_err is None or solve.trans_err is None:
            return False
        return solve.rot_err <= self.rot_bar and solve.trans_err <= self.trans_bar

    @property
    def wrong_in_silence(self) -> int:
        """How many solves placed every frame, are not right, and have nothing said against them."""
        if self.doubts:
            return 0
        return sum(solve.rot_err is not None and not self.is_right(solve) and solve.agrees for solve in self.solves)


def sequences(shared: Path) -> Iterator[Sequence]:
    """The sequences of a folder of test data: a clip of RealEstate10K at two sizes, a fox and a book.

    Args:
        shared: has cases/ and data/ in it; what is missing is left out.
    """
    for folder in sorted(shared.glob("cases/20-*")):
        for width in (SMALL, 1024):
            yield _estate(folder, width)
    fox = shared / "data/sequences/fox"
    if fox.is_dir():
        yield _fox(fox)
    book = shared / "data/colmap/bible_yDing121"
    if book.is_dir():
        yield _book(book)


def measured_windows(sequence: Sequence, done: set[tuple[object, ...]]) -> Iterator[WindowFigures]:
    """Solve a sequence's windows, those that are done already left out.

    Args:
        sequence: to measure.
        done: keys of windows that need not be solved again.
    """
    for window in sequence.windows:
        missing = [asked for asked in ASKED_FOR if (sequence.name, *window, sequence.size, asked) not in done]
        bars = _disagreement(sequence, window) if missing and sequence.solved else (ROT_BAR, TRANS_BAR)
        for asked in missing:
            yield _measured(sequence, window, asked, bars)


def _measured(sequence: Sequence, window: tuple[int, int, int], asked: str, bars: tuple[float, float]) -> WindowFigures:
    first, count, stride = window
    chosen = np.arange(count) * stride + first
    true = relative_to_first(sequence.camera.camera_to_world[chosen])
    wanted = _asked(true, asked)
    lenses = sequence.camera.intrinsics[chosen]
    if asked == STANDS_STILL:
        true, chosen = np.repeat(true[:1], count, axis=0), np.repeat(chosen[:1], count)
        lenses = np.repeat(lenses[:1], count, axis=0)
    camera = replace(sequence.camera, camera_to_world=wanted, intrinsics=lenses)
    began = time.process_time()
    trials = list(solve_clip(sequence.frames[chosen], camera, SEEDS if asked == ITS_OWN else 1))
    agreed = consensus(trials)
    follows = False
    if agreed.reported is not None:
        model = trials[agreed.reported].model
        assert model is not None
        follows = diagnose(wanted, relative_to_first(model.camera_to_world), metric=False).misfit_as_asked <= FOLLOWS
    return WindowFigures(
        sequence=sequence.name,
        first=first,
        frames=count,
        stride=stride,
        size=sequence.size,
        asked=asked,
        rot_bar=bars[0],
        trans_bar=bars[1],
        solves=[_figures(trial, true, agrees) for trial, agrees in zip(trials, agreed.agrees, strict=True)],
        follows=follows,
        doubts=agreed.doubts,
        seconds=time.process_time() - began,
    )


def _figures(trial: Trial, true: Float64, agrees: bool) -> SolveFigures:
    errors = None
    if trial.complete and trial.model is not None:
        errors = camera_errors(true, relative_to_first(trial.model.camera_to_world))
    return SolveFigures(
        seed=trial.seed,
        placed=0 if trial.model is None else int(trial.model.placed.sum()),
        rot_err=None if errors is None else errors.rot_err,
        trans_err=None if errors is None else errors.trans_err_rel,
        inliers=None if trial.best is None else trial.best.fit.inliers,
        start="" if trial.best is None else trial.best.start,
        agrees=agrees,
    )


def _asked(true: Float64, asked: str) -> Float64:
    if asked == "backwards":
        return relative_to_first(true[::-1])
    if asked == "sideways":
        poses = np.repeat(np.eye(4)[None], len(true), axis=0)
        poses[:, 0, 3] = np.linspace(0.0, np.linalg.norm(true[:, :3, 3], axis=1).max(), len(true))
        return poses
    return true


def _disagreement(sequence: Sequence, window: tuple[int, int, int]) -> tuple[float, float]:
    """(RotErr, TransErr) up to which a solve is as near to the sequence's camera as another solve may be.

    TIMES_THE_DISAGREEMENT the errors of COLMAP's incremental mapper alone, at most the bars of a camera of its own.
    """
    load_pycolmap()
    import pycolmap

    first, count, stride = window
    chosen = np.arange(count) * stride + first
    unstopped = pycolmap.CancellationToken()
    with tempfile.TemporaryDirectory(prefix="realcam-bench-", ignore_cleanup_errors=True) as folder:
        names = write_frames(sequence.frames[chosen], Path(folder) / "frames")
        clip = FrameFolder(Path(folder) / "frames", names, sequence.camera.intrinsics[chosen], *sequence.size)
        database = Path(folder) / "window.db"
        extract(clip, database, ANOTHER_FEATURES, unstopped)
        match(database, len(names), unstopped)
        verify(database, ANOTHER_SEED, unstopped)
        other = incremental_start(clip, database, Path(folder) / "model", ANOTHER_SEED)
    if not np.isfinite(other).all():
        return ROT_BAR, TRANS_BAR
    errors = camera_errors(relative_to_first(sequence.camera.camera_to_world[chosen]), relative_to_first(other))
    twice = (TIMES_THE_DISAGREEMENT * errors.rot_err, TIMES_THE_DISAGREEMENT * errors.trans_err_rel)
    return min(twice[0], ROT_BAR), min(twice[1], TRANS_BAR)


def _estate(folder: Path, width: int) -> Sequence:
    pictures = [Image.open(file).convert("RGB") for file in sorted((folder / "frames").glob("*.jpg"))]
    height = round(pictures[0].height * width / pictures[0].width)
    frames = np.stack([np.asarray(picture.resize((width, height), Image.Resampling.LANCZOS)) for picture in pictures])
    camera = read_trajectory(folder / "camera.txt", width, height).trajectory
    windows = ((0, 16, 1), (0, 8, 2), (4, 8, 1))
    more = ((0, 12, 1), (4, 12, 1), (0, 8, 1), (8, 8, 1), (1, 8, 2), (0, 6, 3)) if width == SMALL else ()
    return Sequence("RealEstate10K", frames, camera, False, windows + more)


def _fox(folder: Path) -> Sequence:
    document = msgspec.json.decode((folder / "transforms_360x640.json").read_bytes())
    clip = open_posed_clip(folder, folder / "transforms_360x640.json")
    distortion = tuple(float(document[name]) for name in ("k1", "k2", "p1", "p2"))
    lenses = clip.trajectory.intrinsics
    pictures = zip(read_pictures(clip.files), lenses, strict=True)
    frames = np.stack([_straightened(picture, lens, distortion) for picture, lens in pictures])
    windows = ((0, 16, 1), (9, 16, 2), (2, 16, 3), (34, 8, 1), (20, 8, 2))
    return Sequence("fox", frames, clip.trajectory, True, windows)


def _book(folder: Path) -> Sequence:
    load_pycolmap()
    import pycolmap

    model = pycolmap.Reconstruction(str(folder / "sparse_0_bin"))
    images = sorted(model.images.values(), key=lambda image: image.name)
    pictures = read_pictures(tuple(folder / "images_640" / image.name for image in images))
    height, width = pictures.shape[1:3]
    poses, lenses, frames = [], [], []
    for image, picture in zip(images, pictures, strict=True):
        camera = model.cameras[image.camera_id]
        lens = camera.calibration_matrix()
        lens[:2] *= width / camera.width
        frames.append(_straightened(picture, lens, (camera.params[3], 0.0, 0.0, 0.0)))
        poses.append(np.linalg.inv(np.vstack([image.cam_from_world().matrix(), [0, 0, 0, 1]])))
        lenses.append(lens)
    trajectory = Trajectory(np.array(poses), np.array(lenses), width, height)
    return Sequence("book", np.stack(frames), trajectory, True, ((0, 7, 1), (0, 5, 1), (2, 5, 1), (0, 4, 2)))


def _straightened(picture: UInt8, lens: Float64, distortion: tuple[float, ...]) -> UInt8:
    """[H, W, 3] the picture as a pinhole of the same lens sees it.

    Args:
        picture: [H, W, 3].
        lens: [3, 3] pixels.
        distortion: k1, k2, p1, p2 of OpenCV's model.
    """
    k1, k2, p1, p2 = distortion
    height, width = picture.shape[:2]
    grid = pixel_grid(width, height)
    x, y = ((grid[..., i] - lens[i, 2]) / lens[i, i] for i in (0, 1))
    r2 = x * x + y * y
    radial = 1 + k1 * r2 + k2 * r2 * r2
    across = x * radial + 2 * p1 * x * y + p2 * (r2 + 2 * x * x)
    down = y * radial + p1 * (r2 + 2 * y * y) + 2 * p2 * x * y
    where = np.stack([down * lens[1, 1] + lens[1, 2], across * lens[0, 0] + lens[0, 2]]) - 0.5
    channels = [map_coordinates(picture[..., c].astype(np.float64), where, order=1, mode="nearest") for c in range(3)]
    return np.asarray(np.stack(channels, axis=-1).round(), dtype=np.uint8)
