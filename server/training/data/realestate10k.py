"""RealEstate10K as RealCam's authors lay it out: a text file a clip, its video, and a scale for each of its poses."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from blender_addon.core.camera.formats.realestate10k import ClipHeader, clip_header
from blender_addon.core.camera.formats.text_lines import read_text
from blender_addon.core.errors import CameraError
from server.datasets.align import RecordError, read_record

from .clip_set import FINE, DataError, Verdict, fault
from .inspection import APART, NO_SCALE, Candidate, read_summary
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
        lines = read_text(names).splitlines()
    except CameraError as error:
        raise DataError("The list of clips cannot be read", f"{names}: {error.why}", error.remedy) from error
    except OSError as error:
        raise DataError("The list of clips cannot be read", f"{names}: {error.strerror}") from error
    return [cameras / f"{clip_key(line)}.txt" for line in lines if line.strip()]


def per_frame_scales(file: Path) -> Scales:
    """The scales of an NPZ that holds one dictionary: clip -> array; NaN of a clip whose are no numbers.

    Raises:
        DataError: it holds anything else.
    """
    table = read_pickled_array(file)
    table = table.item() if isinstance(table, np.ndarray) and table.ndim == 0 else table
    if not isinstance(table, dict):
        raise DataError("The scales are no table", f"{file} holds {type(table).__name__}", "One dict is expected.")
    return {clip_key(str(name)): _array(values) for name, values in table.items()}


def recorded_scales(folder: Path) -> tuple[Scales, dict[str, Verdict]]:
    """The scales of records that `realcam data align` wrote, and the verdicts on clips that they leave out.

    Args:
        folder: of the records and their summary.

    Raises:
        DataError: there is no summary, or it is damaged.
    """
    summary = read_summary(folder)
    verdicts = {name: Verdict(reason=NO_SCALE, detail=why) for name, why in summary.refused.items()}
    verdicts |= {name: Verdict(reason=APART) for name in summary.dropped}
    scales = {}
    for name in summary.kept:
        try:
            record = read_record(folder / f"{name}.json")
        except RecordError as error:
            verdicts[name] = fault(error)
            continue
        scales[name] = np.array([s or record.scale for s in record.frame_scales], dtype=np.float32)
    return scales, verdicts


def realestate10k_candidates(
    cameras: Path, videos: Path, names: Path | None, scales: Scales, verdicts: Mapping[str, Verdict]
) -> Iterator[Candidate]:
    """The clips that a data set names.

    Args:
        cameras: folder of their camera files.
        videos: folder of FILM/CLIP.mp4, or of CLIP.mp4.
        names: see `listed_texts`.
        scales: of the clips.
        verdicts: on clips that the records leave out.
    """
    for text in listed_texts(cameras, names):
        video, header, verdict = videos / f"{text.stem}.mp4", ClipHeader(), FINE
        try:
            header = _header(text)
        except CameraError as error:
            verdict = fault(error)
        if header.clip and (videos / f"{header.clip}.mp4").is_file():
            video = videos / f"{header.clip}.mp4"
        verdict = verdicts.get(text.stem, verdict)
        own, files = CameraText(text), (video, text)
        yield Candidate(text.stem, video, own, header.caption, scales.get(text.stem), files, verdict)


def _header(text: Path) -> ClipHeader:
    try:
        return clip_header(text)
    except CameraError as error:
        raise CameraError(f"{text.name}: {error.what}", error.why, error.remedy) from error
    except OSError as error:
        raise CameraError(f"{text} cannot be read", error.strerror or "") from error


def _array(values: Any) -> NDArray[np.float32]:
    try:
        return np.atleast_1d(np.array(values, dtype=np.float32)).ravel()
    except (TypeError, ValueError, OverflowError):
        return np.full(1, np.nan, dtype=np.float32)
