"""Pictures in the panel: take thumbnails, a frame of the preview, the engine's latest picture."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import bpy.utils.previews
import numpy as np

from ..core.shot import UInt8
from ..generation.user_files import user_folder


class Thumbnails:
    """Icons of pictures, by file or from memory. Empty until `open`; icon 0 stands for no picture."""

    def __init__(self) -> None:
        self._icons: bpy.utils.previews.ImagePreviewCollection | None = None
        self._stamps: dict[str, int] = {}
        self._latest = b""

    def open(self) -> None:
        """Make the collection that holds them."""
        self._icons = bpy.utils.previews.new()

    def close(self) -> None:
        """Free every picture."""
        if self._icons is not None:
            bpy.utils.previews.remove(self._icons)
        self._icons, self._stamps, self._latest = None, {}, b""

    def of_file(self, path: Path) -> int:
        """Icon of a picture file, read again when the file has changed."""
        key = str(path)
        try:
            stamp = path.stat().st_mtime_ns
        except OSError:
            return 0
        if self._icons is None:
            return 0
        if self._stamps.get(key) != stamp:
            self._icons.load(key, key, "IMAGE", force_reload=key in self._stamps)
            self._stamps[key] = stamp
        return int(self._icons[key].icon_id)

    def of_jpeg(self, jpeg: bytes) -> int:
        """Icon of the picture that the engine sent last."""
        if not jpeg:
            return 0
        path = user_folder() / "latest.jpg"
        if jpeg != self._latest:
            path.write_bytes(jpeg)
            self._latest = jpeg
        return self.of_file(path)

    def of_pixels(self, key: str, picture: UInt8) -> int:
        """Icon of a picture [h, w, 4] uint8 in memory, under a key that stands for its content."""
        if self._icons is None:
            return 0
        if key not in self._icons:
            height, width = picture.shape[:2]
            icon = self._icons.new(key)
            icon.image_size = (width, height)
            icon.image_pixels_float.foreach_set((picture[::-1].astype(np.float32) / 255.0).ravel())
        return int(self._icons[key].icon_id)


thumbnails = Thumbnails()


def draw_picture(layout: Any, icon: int) -> None:
    """A picture as wide as a sidebar usually is; nothing for icon 0."""
    if icon:
        layout.template_icon(icon_value=icon, scale=8.0)
