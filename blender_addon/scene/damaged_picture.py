"""Pictures whose data are damaged, which Blender's own decoders of JPEG and TIFF do not tell."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..core.photo import damage


def check_undamaged(path: Path) -> None:
    """Refuse a damaged picture; see core.photo.damage.

    Raises:
        PhotoError: It is damaged.
    """
    damage.check_undamaged(path, _ffmpeg)


def _ffmpeg() -> Any:
    # Not above: few photos are JPEGs in every session, and FFmpeg takes a while to load.
    import av

    return av
