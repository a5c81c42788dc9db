"""A shot from the artist's camera to the job thread, in slices that a window's timer or a plain loop calls.

The same code makes a shot in the window (one slice a tick), on the command line and in tests.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass

from ..core.shot import ShotSettings, UInt8
from ..core.trajectory import Float64, Trajectory


@dataclass(frozen=True)
class ShotRequest:
    """What the artist chose. scene, camera: names. size: (width, height) of the clip. method: of the preview."""

    scene: str
    camera: str
    title: str
    settings: ShotSettings
    size: tuple[int, int]
    frames: int
    frame_start: int
    frame_end: int
    depth_edge: float
    method: str = "eevee"


@dataclass(frozen=True, eq=False)
class RenderedPreview:
    """trajectory: at the clip's size. frames: [F, H, W, 4] uint8. coverage: [F] share that the photo sees, 0 to 1."""

    trajectory: Trajectory
    frames: UInt8
    coverage: Float64


PreviewSlices = Generator[tuple[int, int], None, RenderedPreview]
"""Yields (frames done, frames in all) after each frame; returns the preview. Closing it early tidies up."""
