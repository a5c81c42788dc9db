"""Pictures in the panel: take thumbnails, a frame of the preview, the engine's latest picture."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import bpy
import bpy.utils.previews
import numpy as np

from ...core.arrays import UInt8


class Thumbnails:
    """Icons of pictures, from files or from memory. Empty until `open`; icon 0 stands for no picture."""

    def __init__(self) -> None:
        self._icons: bpy.utils.previews.ImagePreviewCollection | None = None
        self._shown: dict[str, str] = {}
        self._jpeg = b""
        self._latest: UInt8 | None = None
        self._count = 0

    def open(self) -> None:
        """Make the collection that holds them."""
        self._icons = bpy.utils.previews.new()

    def close(self) -> None:
        """Free every picture."""
        if self._icons is not None:
            bpy.utils.previews.remove(self._icons)
        self._icons, self._shown, self._jpeg, self._latest = None, {}, b"", None

    def of_file(self, path: Path) -> int:
        """The icon of a picture file, which must not change."""
        key = str(path)
        if self._icons is None:
            return 0
        if key not in self._icons:
            if not path.is_file():
                return 0
            self._icons.load(key, key, "IMAGE")
        return int(self._icons[key].icon_id)

    def of_pixels(self, use: str, number: int, make: Callable[[], UInt8]) -> int:
        """The icon of a picture in memory. A use has one picture at a time.

        Args:
            use: What the picture is for.
            number: Says which picture of that use; another number replaces it.
            make: Gives the picture, [h, w, 4] uint8, when it is not there yet.
        """
        if self._icons is None:
            return 0
        key = f"{use} {number}"
        if key not in self._icons:
            if self._shown.get(use) is not None:
                del self._icons[self._shown[use]]
            self._shown[use] = key
            picture = make()
            height, width = picture.shape[:2]
            icon = self._icons.new(key)
            icon.image_size = (width, height)
            icon.image_pixels_float.foreach_set((picture[::-1].astype(np.float32) / 255.0).ravel())
        return int(self._icons[key].icon_id)

    def take_in(self, jpeg: bytes) -> None:
        """Keep the picture that the engine sent last. Not from a draw call: Blender decodes it as an image of the file.

        Blender's own thumbnails of files are of no use here: they are cached by whole seconds.
        """
        if not jpeg or jpeg == self._jpeg:
            return
        self._jpeg = jpeg
        self._latest = decoded(jpeg)
        self._count += 1

    @property
    def latest(self) -> int:
        """The icon of the picture that `take_in` kept last."""
        latest = self._latest
        return 0 if latest is None else self.of_pixels("engine", self._count, lambda: latest)


def decoded(jpeg: bytes) -> UInt8:
    """[h, w, 4] uint8 pixels of a JPEG."""
    with tempfile.TemporaryDirectory(prefix="realcam-", ignore_cleanup_errors=True) as folder:
        path = Path(folder) / "latest.jpg"
        path.write_bytes(jpeg)
        image = bpy.data.images.load(str(path))
        try:
            width, height = image.size
            pixels = np.empty(width * height * 4, dtype=np.float32)
            image.pixels.foreach_get(pixels)
        finally:
            bpy.data.images.remove(image)
    return np.asarray(np.rint(pixels.reshape(height, width, 4)[::-1] * 255), dtype=np.uint8)


thumbnails = Thumbnails()


def draw_picture(layout: Any, icon: int) -> None:
    """Draw a picture as wide as a sidebar usually is; nothing for icon 0."""
    if icon:
        layout.template_icon(icon_value=icon, scale=8.0)
