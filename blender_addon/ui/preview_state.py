"""The preview that was rendered last, for the panel. It belongs to no file and is forgotten with Blender."""

from __future__ import annotations

from ..generation.shot_run import RenderedPreview


class PreviewState:
    """done of total frames while one is rendered (total 0: none is). number: changes with every finished preview."""

    def __init__(self) -> None:
        self.done = 0
        self.total = 0
        self.latest: RenderedPreview | None = None
        self.number = 0

    def keep(self, preview: RenderedPreview) -> None:
        """A preview is finished."""
        self.latest = preview
        self.number += 1

    def forget(self) -> None:
        """Another file was opened."""
        self.done = self.total = 0
        self.latest = None


preview_state = PreviewState()
