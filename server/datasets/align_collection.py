"""Bring a collection of clips to metres: one record for each clip, resumable, then a filter over all of them."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from blender_addon.core.arrays import Float64
from blender_addon.core.atomic_file import write_atomic
from blender_addon.core.errors import RealCamError
from blender_addon.core.foreign_files import is_foreign
from blender_addon.core.printable import printable
from server.reconstruction.colmap import load_pycolmap
from server.reconstruction.scale import DEFAULT_RULES, DepthOfFrame, ScaleRules

from .align import AlignRecord, RecordError, align_clip, failed_record, read_record
from .posed_clip import PosedClip

SUMMARY = "collection.json"
"""File name of the collection's summary."""

OpenClip = Callable[[Path], PosedClip]
"""Opens a clip's folder; raises RealCamError when it cannot be read."""
DepthOfClip = Callable[[PosedClip], DepthOfFrame]
"""Gives the metric depth of a clip's frames."""


class CollectionSummary(msgspec.Struct, frozen=True, kw_only=True):
    """Which clips of a collection to use, by name.

    Attributes:
        kept: clips to use.
        dropped: clips whose scales are among the extremes of the collection.
        refused: clips without an accepted scale, and why.
    """

    kept: list[str]
    dropped: list[str]
    refused: dict[str, str]


def align_collection(
    clips: Sequence[Path],
    records: Path,
    open_clip: OpenClip,
    depth_of_clip: DepthOfClip,
    settings: str,
    rules: ScaleRules = DEFAULT_RULES,
) -> Iterator[tuple[AlignRecord, bool]]:
    """Align each clip and write its record to records/<clip>.json.

    A clip whose record was made from the same files, `settings` and `rules` is not done again. A clip that cannot be
    read or aligned gets a record that says so.

    Args:
        clips: folders.
        records: folder for the records, made when it is not there.
        open_clip: reads a clip's frames and cameras.
        depth_of_clip: gives a clip's metric depth.
        settings: of the depth, as text; part of the fingerprint.
        rules: when a scale is accepted.

    Yields:
        (record, whether it existed already), in the order of `clips`.

    Raises:
        MissingPycolmapError: pycolmap is not installed.
    """
    load_pycolmap()
    records.mkdir(parents=True, exist_ok=True)
    for clip in clips:
        fingerprint = clip_fingerprint(clip, f"{settings}|{rules}")
        place = records / f"{clip.resolve().name}.json"
        done = _read_record(place)
        if done is not None and done.fingerprint == fingerprint:
            yield done, True
            continue
        try:
            opened = open_clip(clip)
            record = align_clip(opened, depth_of_clip(opened), fingerprint, rules)
        except RealCamError as error:
            record = failed_record(printable(clip.resolve().name), fingerprint, error.sentence)
        write_atomic(place, msgspec.json.format(msgspec.json.encode(record), indent=1))
        yield record, False


def summarise(records: Sequence[AlignRecord]) -> CollectionSummary:
    """The summary of a collection: the published filter over the clips that were not refused."""
    believed = [record for record in records if not record.refusal]
    largest = np.array([record.largest or 0.0 for record in believed])
    smallest = np.array([record.smallest or 0.0 for record in believed])
    kept = kept_clips(largest, smallest)
    return CollectionSummary(
        kept=[record.clip for record, stays in zip(believed, kept, strict=True) if stays],
        dropped=[record.clip for record, stays in zip(believed, kept, strict=True) if not stays],
        refused={record.clip: record.refusal for record in records if record.refusal},
    )


def clip_fingerprint(clip: Path, settings: str) -> str:
    """A digest of the names, sizes and times of the clip's files, and of the settings; contents are not read.

    Args:
        clip: folder, or a single file.
        settings: text.

    Returns:
        32 hexadecimal digits.
    """
    digest = hashlib.sha256(os.fsencode(settings))
    for file in [clip] if clip.is_file() else sorted(clip.rglob("*")):
        if file.is_file() and not is_foreign(file.name):
            facts = file.stat()
            digest.update(os.fsencode(f"{file.relative_to(clip)}|{facts.st_size}|{facts.st_mtime_ns}\n"))
    return digest.hexdigest()[:32]


def _read_record(place: Path) -> AlignRecord | None:
    try:
        return read_record(place)
    except RecordError:
        return None


SHARE = 0.02
"""Share of the clips dropped at each end of each of the two distributions."""


def kept_clips(largest: Float64, smallest: Float64, share: float = SHARE) -> NDArray[np.bool_]:
    """Which clips stay after the extremes of both distributions are dropped.

    Args:
        largest, smallest: [N] each clip's largest and smallest frame scale.
        share: of the clips, dropped at each end of each of the two (rounded down: below 1 / share clips, none).

    Returns:
        [N] bool.
    """
    count = int(share * len(largest))
    kept = np.ones(len(largest), dtype=np.bool_)
    if count:
        for scales in (largest, smallest):
            order = np.argsort(scales, kind="stable")
            kept[order[:count]] = kept[order[-count:]] = False
    return kept
