"""SIFT features of a clip's frames and their matches, in a COLMAP database.

Functions that take long take a cancellation token: once it is cancelled they return early, with an incomplete result.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from blender_addon.core.arrays import Float64, UInt8

from .colmap import load_pycolmap

if TYPE_CHECKING:
    import pycolmap

EXHAUSTIVE_UP_TO = 40
"""Frames. Longer clips are matched within a sliding window instead of each frame with each."""

WINDOW = 12
"""Frames that follow each frame and that it is matched with, in longer clips."""


@dataclass(frozen=True, eq=False)
class FrameFolder:
    """Frames on disk.

    Attributes:
        folder: where they are.
        names: [F] file names inside it.
        intrinsics: [F, 3, 3] float64, pixels of width x height.
        width, height: pixels of every frame.
    """

    folder: Path
    names: tuple[str, ...]
    intrinsics: Float64
    width: int
    height: int


def write_frames(frames: UInt8, folder: Path) -> tuple[str, ...]:
    """Write frames as PNG files.

    Args:
        frames: [F, H, W, 3] uint8 sRGB.
        folder: is made when it is not there.

    Returns:
        [F] their file names, 0000.png and so on.
    """
    folder.mkdir(parents=True, exist_ok=True)
    names = tuple(f"{i:04d}.png" for i in range(len(frames)))
    for name, frame in zip(names, frames, strict=True):
        Image.fromarray(frame).save(folder / name, compress_level=1)
    return names


def extract(frames: FrameFolder, database: Path, max_features: int, token: pycolmap.CancellationToken) -> None:
    """Extract SIFT features of every frame into a new database.

    Args:
        frames: the frames; their cameras become PINHOLE ones with the given intrinsics.
        database: the file to make.
        max_features: at most so many a frame.
        token: stops the extraction early.

    Raises:
        MissingPycolmapError: pycolmap is not installed.
    """
    load_pycolmap()
    import pycolmap

    reader = pycolmap.ImageReaderOptions()
    reader.camera_model = "PINHOLE"
    reader.camera_params = _params(frames.intrinsics[0])
    options = pycolmap.FeatureExtractionOptions()
    options.sift.max_num_features = max_features
    constant = np.ptp(frames.intrinsics, axis=0).max() == 0
    pycolmap.extract_features(
        database,
        frames.folder,
        image_names=list(frames.names),
        camera_mode=pycolmap.CameraMode.SINGLE if constant else pycolmap.CameraMode.PER_IMAGE,
        reader_options=reader,
        extraction_options=options,
        device=pycolmap.Device.cpu,
        cancellation_token=token,
    )
    if not constant:
        _write_intrinsics(frames, database)


def match(database: Path, frame_count: int, token: pycolmap.CancellationToken) -> None:
    """Match the features of a database's frames by their descriptors, without randomness; `verify` must follow.

    Args:
        database: made by `extract`.
        frame_count: up to EXHAUSTIVE_UP_TO, each frame is matched with each; else within WINDOW.
        token: stops the matching early.
    """
    import pycolmap

    matching = pycolmap.FeatureMatchingOptions()
    matching.skip_geometric_verification = True
    device = pycolmap.Device.cpu
    if frame_count <= EXHAUSTIVE_UP_TO:
        pycolmap.match_exhaustive(database, matching, device=device, cancellation_token=token)
        return
    pairing = pycolmap.SequentialPairingOptions()
    pairing.overlap = WINDOW
    pycolmap.match_sequential(database, matching, pairing, device=device, cancellation_token=token)


def verify(database: Path, seed: int, token: pycolmap.CancellationToken) -> None:
    """Keep the matches that a geometry of two views explains.

    Args:
        database: holds the matches of `match`.
        seed: of the random numbers that RANSAC draws.
        token: stops the verification early.
    """
    import pycolmap

    two_views = pycolmap.TwoViewGeometryOptions()
    two_views.ransac.random_seed = seed
    pycolmap.geometric_verification(database, two_view_geometry_options=two_views, cancellation_token=token)


def _write_intrinsics(frames: FrameFolder, database: Path) -> None:
    import pycolmap

    intrinsics_of = dict(zip(frames.names, frames.intrinsics, strict=True))
    with pycolmap.Database.open(database) as opened:
        for image in opened.read_all_images():
            camera = opened.read_camera(image.camera_id)
            camera.set_params_from_string(_params(intrinsics_of[image.name]))
            opened.update_camera(camera)


def _params(intrinsics: Float64) -> str:
    return ",".join(f"{value:.12g}" for value in intrinsics[[0, 1, 0, 1], [0, 1, 2, 2]])
