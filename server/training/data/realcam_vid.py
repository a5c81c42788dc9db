"""RealCam-Vid: a table of clips in an NPZ, each with its video's path, captions, cameras and factor to metres."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from blender_addon.core.atomic_file import write_atomic
from server.datasets.align_collection import clip_fingerprint

from .clip_set import DataError
from .inspection import Candidate
from .pickled_arrays import read_pickled_array
from .video_clips import CameraRow

_CAPTIONS = ("long_caption", "short_caption")


def realcam_vid_candidates(table: Path, videos: Path, memory: Path) -> Iterator[Candidate]:
    """The clips of the table; one scale each, which its cameras have already.

    Args:
        table: the NPZ.
        videos: folder that the table's paths are relative to.
        memory: folder for the cameras as one array that processes map, since all of them are too many for each.

    Raises:
        DataError: it is no such table.
    """
    rows = read_pickled_array(table)
    rows = [] if not isinstance(rows, np.ndarray) else [row for row in rows.ravel() if isinstance(row, Mapping)]
    if not rows:
        raise DataError("The table holds no clip", str(table), "RealCam-Vid's NPZ has one dictionary a clip.")
    poses = [_matrices(table, number, row) for number, row in enumerate(rows)]
    matrices = memory / f"cameras-{clip_fingerprint(table, '')[:16]}.npy"
    if not matrices.is_file():
        stream = BytesIO()
        np.save(stream, np.concatenate(poses))
        memory.mkdir(parents=True, exist_ok=True)
        write_atomic(matrices, stream.getvalue())
    first = 0
    for row, own in zip(rows, poses, strict=True):
        yield _candidate(row, videos, matrices, first, len(own))
        first += len(own)


def _candidate(row: Mapping[str, Any], videos: Path, matrices: Path, first: int, count: int) -> Candidate:
    path = str(row.get("video_path", ""))
    lens = tuple(float(value) for value in np.ravel(row.get("camera_intrinsics", ())))
    factor = float(row["align_factor"]) if row.get("align_factor") is not None else None
    usable = factor is not None and np.isfinite(factor) and factor > 0
    cameras = CameraRow(matrices, first, count, lens, factor if usable else None)
    # A factor that is none stays visible as a scale that is not above zero.
    scales = None if factor is None else np.full(count, 1.0 if usable else factor, dtype=np.float32)
    caption = next((str(row[key]) for key in _CAPTIONS if row.get(key)), "")
    return Candidate(path, videos / path, cameras, caption, scales, (videos / path,))


def _matrices(table: Path, number: int, row: Mapping[str, Any]) -> Any:
    values = np.asarray(row.get("camera_extrinsics", ()), dtype=np.float64)
    if values.ndim != 3 or values.shape[1:] not in ((3, 4), (4, 4)):
        raise DataError("A clip of the table has no cameras", f"{table}: clip {number}, camera_extrinsics")
    return values[:, :3]
