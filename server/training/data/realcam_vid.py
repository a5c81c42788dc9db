"""RealCam-Vid: a table of clips in an NPZ, each with its video's path, captions, cameras and factor to metres."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from blender_addon.core.arrays import Float64
from blender_addon.core.atomic_file import write_atomic
from server.datasets.align_collection import clip_fingerprint

from .clip_set import DataError
from .inspection import Candidate
from .pickled_arrays import read_pickled_array
from .video_clips import CameraRow

_CAPTIONS = ("long_caption", "short_caption")


def realcam_vid_candidates(table: Path, videos: Path, memory: Path) -> Iterator[Candidate]:
    """The clips of the table, one a row; one scale each, which its cameras have already.

    What of a row is no numbers is empty here, and refused by who reads its cameras: the other rows are clips all the
    same.

    Args:
        table: the NPZ.
        videos: folder that the table's paths are relative to.
        memory: folder for the cameras as one array that processes map, since all of them are too many for each.

    Raises:
        DataError: it is no such table.
    """
    array = read_pickled_array(table)
    rows = [row if isinstance(row, Mapping) else {} for row in np.ravel(array)] if isinstance(array, np.ndarray) else []
    if not any(rows):
        raise DataError("The table holds no clip", str(table), "RealCam-Vid's NPZ has one dictionary a clip.")
    poses = [_matrices(row) for row in rows]
    if not any(len(own) for own in poses):
        raise DataError("The clips of the table have no cameras", f"{table}: camera_extrinsics of {len(rows)} clips")
    matrices = memory / f"cameras-{clip_fingerprint(table, '')[:16]}.npy"
    if not matrices.is_file():
        stream = BytesIO()
        np.save(stream, np.concatenate(poses))
        memory.mkdir(parents=True, exist_ok=True)
        write_atomic(matrices, stream.getvalue())
    first = 0
    for number, (row, own) in enumerate(zip(rows, poses, strict=True)):
        path = str(row.get("video_path") or f"row {number}")
        yield _candidate(row, path, videos, matrices, first, len(own))
        first += len(own)


def _candidate(row: Mapping[str, Any], path: str, videos: Path, matrices: Path, first: int, count: int) -> Candidate:
    lens = tuple(_numbers(row, "camera_intrinsics").ravel().tolist())
    given = _numbers(row, "align_factor")
    factor = None if row.get("align_factor") is None else float(given.item() if given.size == 1 else np.nan)
    usable = factor is not None and np.isfinite(factor) and factor > 0
    cameras = CameraRow(matrices, first, count, lens, factor if usable else None)
    # A factor that is none stays visible as a scale that is not above zero.
    scales = None if factor is None else np.full(count, 1.0 if usable else factor, dtype=np.float32)
    caption = next((str(row[key]) for key in _CAPTIONS if row.get(key)), "")
    return Candidate(path, videos / path, cameras, caption, scales, (videos / path,))


def _matrices(row: Mapping[str, Any]) -> Float64:
    values = _numbers(row, "camera_extrinsics")
    return values[:, :3] if values.ndim == 3 and values.shape[1:] in ((3, 4), (4, 4)) else np.zeros((0, 3, 4))


def _numbers(row: Mapping[str, Any], key: str) -> Float64:
    try:
        return np.asarray(row.get(key, ()), dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        return np.zeros(0)
