"""The preview that was rendered last, for the panel. It belongs to no file and is forgotten with Blender."""

from __future__ import annotations

from ..core.arrays import Float64
from ..generation.shot_job import RenderedPreview
from ..shot.fingerprint import Fingerprint


class PreviewState:
    """done of total frames while one is rendered (total 0: none is). number: changes with every finished preview.

    coverage: [F] share 0..1 of each frame that the photo sees; estimated: it was not rendered.
    """

    def __init__(self) -> None:
        self.done = 0
        self.total = 0
        self.latest: RenderedPreview | None = None
        self.number = 0
        self.coverage: Float64 | None = None
        self.estimated = False
        self._of: Fingerprint = ()

    def coverage_of(self, shot: Fingerprint) -> Float64 | None:
        """The coverage if it is of the shot as it is now."""
        return self.coverage if self._of == shot else None

    def keep(self, preview: RenderedPreview, of: Fingerprint = ()) -> None:
        """A preview is finished. of: the shot it was rendered of."""
        self._of = of
        self.latest = preview
        self.number += 1
        self.coverage, self.estimated = preview.coverage, False

    def keep_estimate(self, coverage: Float64, of: Fingerprint = ()) -> None:
        """An estimate takes the place of a preview that may be of another camera move by now."""
        self._of = of
        self.latest = None
        self.coverage, self.estimated = coverage, True

    def forget(self) -> None:
        """Another file was opened."""
        self.done = self.total = 0
        self.latest = None
        self.coverage, self.estimated = None, False


preview_state = PreviewState()
