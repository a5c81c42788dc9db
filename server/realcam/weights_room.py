"""Whether the disk has room for all of a variant: asked before the first byte is fetched, and again to convert."""

from __future__ import annotations

import shutil
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from .weights_sources import WeightsError


@dataclass(frozen=True)
class Need:
    """Bytes that will come to lie below `folder`, which need not exist yet; purpose: for what, in words."""

    folder: Path
    bytes: int
    purpose: str


def check_room(needs: Iterable[Need]) -> None:
    """Raises WeightsError unless each file system has room for all that comes to lie on it."""
    on_disk: dict[int, list[Need]] = defaultdict(list)
    for need in needs:
        on_disk[_existing(need.folder).stat().st_dev].append(need)
    for together in on_disk.values():
        wanted = sum(need.bytes for need in together)
        folder = _existing(together[0].folder)
        free = shutil.disk_usage(folder).free
        if free < wanted:
            parts = " and ".join(f"{in_units(need.bytes)} {need.purpose}" for need in together if need.bytes)
            raise WeightsError(
                "The disk is too small for the weights",
                f"{parts} are needed, {in_units(free)} are free in {folder}",
                f"Make {in_units(wanted - free)} of room there, or name a folder on another disk with --into.",
            )


def in_units(count: int) -> str:
    """Bytes as a person reads them."""
    size, unit = float(count), "bytes"
    for larger in ("kB", "MB", "GB"):
        if size < 1000:
            break
        size, unit = size / 1000, larger
    return f"{size:.0f} {unit}" if unit == "bytes" else f"{size:.1f} {unit}"


def _existing(folder: Path) -> Path:
    """`folder`, or the nearest one above it that is there."""
    return next(path for path in (folder, *folder.absolute().parents) if path.exists())
