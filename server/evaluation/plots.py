"""Plots of an evaluation: the paths from above and from the side, and the errors of each frame. Needs matplotlib."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from blender_addon.core.arrays import Float64

from .records import AgreementRecord, ClipEvaluation

ASKED, ACHIEVED = "#8fb4c9", "#d1495b"
DPI = 110
ARROWS = 8
"""Viewing directions drawn along a path."""


def plot_paths(clip: ClipEvaluation, picture: Path) -> None:
    """Draw asked and achieved camera centres with viewing directions, from above and from the side.

    Args:
        clip: frames that were not placed are left out.
        picture: the image file to write.
    """
    asked, achieved = np.array(clip.asked), _poses(clip)
    unit = "m" if clip.metric else "m (achieved scale fitted)"
    figure = _figure(11, 4.6)
    above, side = figure.subplots(1, 2).tolist()
    for axes, across, up, title in ((above, 0, 2, "from above"), (side, 2, 1, "from the side")):
        sign = -1.0 if up == 1 else 1.0  # OpenCV's y points down
        for poses, colour, label in ((asked, ASKED, "asked"), (achieved, ACHIEVED, "achieved")):
            _path(axes, poses, across, up, sign, colour, label)
        axes.set_xlabel(f"{('right', 'up', 'forwards')[across]}, {unit}")
        axes.set_ylabel(f"{('right', 'up', 'forwards')[up]}, {unit}")
        axes.set_title(title)
        axes.margins(0.15)  # room for the arrows
        axes.set_aspect("equal", adjustable="datalim")
        axes.grid(alpha=0.25)
    above.legend()
    figure.savefig(picture, dpi=DPI)


def plot_errors(clip: ClipEvaluation, picture: Path) -> None:
    """Draw the errors of each frame in degrees and centimetres, with a gap where a frame was not placed.

    Args:
        clip: the evaluation.
        picture: the image file to write.
    """
    frames = np.arange(1, clip.frames + 1)
    figure = _figure(11, 3.4)
    turn, distance = figure.subplots(1, 2).tolist()
    degrees = [np.nan if frame.degrees is None else frame.degrees for frame in clip.errors_per_frame]
    centimetres = [np.nan if frame.metres is None else 100 * frame.metres for frame in clip.errors_per_frame]
    for axes, values, unit in ((turn, degrees, "degrees"), (distance, centimetres, "centimetres")):
        axes.plot(frames, values, "o-", color=ACHIEVED, markersize=3.5)
        axes.set_xlabel("frame")
        axes.set_ylabel(unit)
        axes.set_ylim(bottom=0)
        axes.grid(alpha=0.25)
    turn.set_title("direction")
    distance.set_title("position" if clip.metric else "position (achieved scale fitted)")
    figure.savefig(picture, dpi=DPI)


def plot_agreement(record: AgreementRecord, picture: Path) -> None:
    """Draw PSNR and SSIM under the preview's mask, and the share of the frame it covers.

    Args:
        record: one value a frame.
        picture: the image file to write.
    """
    frames = np.arange(1, len(record.visible) + 1)
    figure = _figure(11, 3.0)
    panels: list[Axes] = figure.subplots(1, 3).tolist()
    series: list[tuple[str, Sequence[float | None]]] = [
        ("PSNR, dB", record.psnr),
        ("SSIM", record.ssim),
        ("share of the frame seen", record.visible),
    ]
    for axes, (title, values) in zip(panels, series, strict=True):
        axes.plot(frames, [np.nan if v is None else v for v in values], "o-", color=ASKED, markersize=3.5)
        axes.set_title(title)
        axes.set_xlabel("frame")
        axes.grid(alpha=0.25)
    panels[2].set_ylim(0, 1.02)
    figure.savefig(picture, dpi=DPI)


def _path(axes: Axes, poses: Float64, across: int, up: int, sign: float, colour: str, label: str) -> None:
    centres, forwards = poses[:, :3, 3], poses[:, :3, 2]
    width = 4.5 if colour == ASKED else 1.2  # seen beneath the achieved path where they agree
    axes.plot(centres[:, across], sign * centres[:, up], "o-", color=colour, markersize=3, linewidth=width, label=label)
    shown = np.unique(np.linspace(0, len(poses) - 1, ARROWS).round().astype(int))
    shown = shown[np.isfinite(centres[shown, 0])]
    if len(shown) == 0:
        return
    axes.quiver(
        centres[shown, across],
        sign * centres[shown, up],
        forwards[shown, across],
        sign * forwards[shown, up],
        color=colour,
        alpha=0.45,
        width=0.004,
        scale=16,
    )


def _poses(clip: ClipEvaluation) -> Float64:
    unknown = np.full((4, 4), np.nan).tolist()
    return np.array([unknown if pose is None else pose for pose in clip.achieved], dtype=np.float64)


def _figure(width: float, height: float) -> Figure:
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure
