"""Whether a picture's data are damaged, which Pillow does not tell of a JPEG, and of some TIFFs."""

from __future__ import annotations

from pathlib import Path

import av

from blender_addon.core.photo.damage import damaged_picture, has_damaged_pieces, is_jpeg


def check_undamaged(path: Path) -> None:
    """Refuse a JPEG or TIFF that lacks part of its data, or holds what cannot be its data.

    Raises:
        PhotoError: it is damaged.
    """
    if has_damaged_pieces(path) or (is_jpeg(path) and _is_damaged_jpeg(path)):
        raise damaged_picture(path)


def _is_damaged_jpeg(path: Path) -> bool:
    decoder = av.CodecContext.create("mjpeg", "r")
    decoder.options = {"err_detect": "explode"}
    decoder.thread_type = "NONE"
    try:
        decoder.decode(av.Packet(path.read_bytes()))
        decoder.decode(None)
    except av.InvalidDataError:
        return True
    except av.FFmpegError:
        return False  # A kind of JPEG that FFmpeg does not read: nothing is known of it.
    return False
