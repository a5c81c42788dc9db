"""The preview that was rendered last, for the panel. It is not saved, and is forgotten when another file is opened."""

from __future__ import annotations

from ..core.arrays import Float64
from ..core.camera.beginning import moved
from ..generation.shot_job import CoverageEstimate, RenderedPreview
from ..shot.fingerprint import Fingerprint


class PreviewState:
    """The progress and the result of previews.

    Attributes:
        done: How many frames are rendered of the preview in progress.
        total: How many frames it has; 0 when none is in progress.
        cancelled: Whether the one in progress shall stop.
        latest: The last finished preview, None before the first or after an estimate.
        number: Changes with every finished preview.
        coverage: [F] float64 share of each frame that the photo sees, 0 to 1; None when it is not known.
        estimated: Whether the coverage was estimated, not rendered.
        away: (metres, degrees) of the shot's first camera from the photo's; None when it is not known.
    """

    def __init__(self) -> None:
        self.done = 0
        self.total = 0
        self.cancelled = False
        self.latest: RenderedPreview | None = None
        self.number = 0
        self.coverage: Float64 | None = None
        self.estimated = False
        self.away: tuple[float, float] | None = None
        self._of: Fingerprint = ()

    def coverage_of(self, shot: Fingerprint) -> Float64 | None:
        """The coverage, if it is of a shot with this fingerprint; else None."""
        return self.coverage if self._of == shot else None

    def away_of(self, shot: Fingerprint) -> tuple[float, float] | None:
        """How far the first camera is from the photo's, if that is known of a shot with this fingerprint; else None."""
        return self.away if self._of == shot else None

    def keep(self, preview: RenderedPreview, of: Fingerprint = ()) -> None:
        """Keep a finished preview.

        Args:
            preview: The preview.
            of: The fingerprint of its shot.
        """
        self._of = of
        self.latest = preview
        self.number += 1
        self.coverage, self.estimated = preview.coverage, False
        self.away = moved(preview.trajectory.camera_to_world[0])

    def keep_estimate(self, estimate: CoverageEstimate, of: Fingerprint = ()) -> None:
        """Keep an estimated coverage, and drop the preview, which may be of another camera move.

        Args:
            estimate: The estimate.
            of: The fingerprint of its shot.
        """
        self._of = of
        self.latest = None
        self.coverage, self.estimated = estimate.coverage, True
        self.away = moved(estimate.trajectory.camera_to_world[0])

    def forget(self) -> None:
        """Drop everything; another file was opened."""
        self.done = self.total = 0
        self.latest = None
        self.coverage, self.estimated = None, False
        self.away = None


preview_state = PreviewState()
"""The state of this Blender."""
