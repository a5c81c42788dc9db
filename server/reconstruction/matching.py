"""SIFT features of a clip's frames and their matches, in a COLMAP database.

Functions that take long take a cancellation token: once it is cancelled they return early, with less than was asked.
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


@dataclass(frozen=True, eq=False)
class FrameFolder:
    """Frames on disk. names [F] inside `folder`; intrinsics [F, 3, 3] px of width x height."""

    folder: Path
    names: tuple[str, ...]
    intrinsics: Float64
    width: int
    height: int


def write_frames(frames: UInt8, folder: Path) -> tuple[str, ...]:
    """Frames [F, H, W, 3] as PNG files in `folder`; their names."""
    folder.mkdir(parents=True, exist_ok=True)
    names = tuple(f"{i:04d}.png" for i in range(len(frames)))
    for name, frame in zip(names, frames, strict=True):
        Image.fromarray(frame).save(folder / name, compress_level=1)
    return names


def extract(frames: FrameFolder, database: Path, max_features: int, token: pycolmap.CancellationToken) -> None:
    """SIFT of every frame into a new database, cameras fixed to PINHOLE with the given intrinsics."""
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
    """Match the features of a database's frames by their looks. Draws nothing at random; `verify` is to follow."""
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
    """Keep the matches that the geometry of two views explains; its RANSAC draws from `seed`."""
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
