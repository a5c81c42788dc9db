"""RealEstate10K as RealCam's authors lay it out: a text file a clip, its video, and a scale for each of its poses."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from blender_addon.core.camera.formats.realestate10k import clip_header
from blender_addon.core.errors import CameraError
from server.datasets.align import AlignRecord
from server.datasets.align_collection import SUMMARY, CollectionSummary

from .clip_set import DataError
from .inspection import APART, NO_SCALE, Candidate
from .pickled_arrays import read_pickled_array
from .video_clips import CameraText

Scales = Mapping[str, NDArray[np.float32]]
"""Clip -> [N] metres per unit of length, one for each of its poses."""

_ENDINGS = (".txt", ".mp4", ".npy", ".npz")


def clip_key(name: str) -> str:
    """The clip's own name in what a list or a table calls it: FILM/CLIP.mp4 and CLIP.txt are CLIP."""
    path = PurePosixPath(name.strip().replace("\\", "/"))
    return path.stem if path.suffix.lower() in _ENDINGS else path.name


def listed_texts(cameras: Path, names: Path | None) -> list[Path]:
    """The camera files of a data set's clips.

    Args:
        cameras: their folder.
        names: list of clips, one a line; None for all of the folder.

    Raises:
        DataError: the list cannot be read, or the folder is none.
    """
    if not cameras.is_dir():
        raise DataError("There is no such folder of clips", str(cameras))
    if names is None:
        return sorted(file for file in cameras.glob("*.txt") if not file.name.startswith("."))
    try:
        lines = names.read_text(encoding="utf-8").split("\n")
    except OSError as error:
        raise DataError("The list of clips cannot be read", f"{names}: {error.strerror}") from error
    return [cameras / f"{clip_key(line)}.txt" for line in lines if line.strip()]


def per_frame_scales(file: Path) -> Scales:
    """The scales of an NPZ that holds one dictionary: clip -> array.

    Raises:
        DataError: it holds anything else.
    """
    table = read_pickled_array(file)
    table = table.item() if isinstance(table, np.ndarray) and table.ndim == 0 else table
    if not isinstance(table, dict):
        raise DataError("The scales are no table", f"{file} holds {type(table).__name__}", "One dict is expected.")
    return {clip_key(str(name)): _array(file, name, values) for name, values in table.items()}


def recorded_scales(folder: Path) -> tuple[Scales, dict[str, str]]:
    """The scales of records that `realcam data align` wrote, and the clips they leave out, by reason.

    Args:
        folder: of the records and their summary.

    Raises:
        DataError: there is no summary.
    """
    file = folder / SUMMARY
    if not file.is_file():
        raise DataError("The clips have no records", f"there is no {file}", "Run `realcam data align` first.")
    summary = msgspec.json.decode(file.read_bytes(), type=CollectionSummary)
    scales = {}
    for name in summary.kept:
        record = msgspec.json.decode((folder / f"{name}.json").read_bytes(), type=AlignRecord)
        scales[name] = np.array([s or record.scale for s in record.frame_scales], dtype=np.float32)
    apart = dict.fromkeys(summary.dropped, APART)
    return scales, apart | {name: f"{NO_SCALE}: {why}" for name, why in summary.refused.items()}


def realestate10k_candidates(
    cameras: Path, videos: Path, names: Path | None, scales: Scales, verdicts: Mapping[str, str]
) -> Iterator[Candidate]:
    """The clips that a data set names.

    Args:
        cameras: folder of their camera files.
        videos: folder of FILM/CLIP.mp4, or of CLIP.mp4.
        names: see `listed_texts`.
        scales: of the clips.
        verdicts: clips that the records leave out, and why.
    """
    for text in listed_texts(cameras, names):
        try:
            header = clip_header(text)
        except (CameraError, OSError):
            header = None
        inside = videos / f"{header.clip}.mp4" if header and header.clip else videos / f"{text.stem}.mp4"
        video = inside if inside.is_file() else videos / f"{text.stem}.mp4"
        caption = header.caption if header else ""
        files, verdict = (video, text), verdicts.get(text.stem, "")
        yield Candidate(text.stem, video, CameraText(text), caption, scales.get(text.stem), files, verdict)


def _array(file: Path, name: Any, values: Any) -> NDArray[np.float32]:
    try:
        return np.atleast_1d(np.array(values, dtype=np.float32)).ravel()
    except (TypeError, ValueError) as error:
        raise DataError("The scales are no numbers", f"{file}: {name}") from error
