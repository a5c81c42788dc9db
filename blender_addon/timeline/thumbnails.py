"""Pictures of takes for the panel: Blender's preview icons of the clips' middle frames."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import bpy
import bpy.utils.previews

from .take import Take


class Thumbnails:
    """Owns the preview icons. `register` and `unregister` belong into the add-on's own."""

    def __init__(self) -> None:
        self._previews: Any = None

    def register(self) -> None:
        """Begin an empty collection."""
        self._previews = bpy.utils.previews.new()

    def unregister(self) -> None:
        """Free every icon: a collection left behind is reported by Blender on exit."""
        if self._previews is not None:
            bpy.utils.previews.remove(self._previews)
            self._previews = None

    def icon_id(self, take: Take) -> int:
        """The icon of a take for `UILayout`; 0 (none) when there is no picture, and always without a window."""
        preview = self.preview(take)
        return 0 if preview is None else preview.icon_id

    def preview(self, take: Take) -> bpy.types.ImagePreview | None:
        """The picture of a take, loaded on first use; None while not registered or when its file is gone."""
        if self._previews is None:
            return None
        path = Path(bpy.path.abspath(take.folder)) / take.thumbnail
        if not path.is_file():
            return None
        key = f"{path}:{path.stat().st_mtime_ns}"
        if key not in self._previews:
            self._previews.load(key, str(path), "IMAGE")
        return self._previews[key]
