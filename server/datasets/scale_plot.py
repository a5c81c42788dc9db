"""Plot the distribution of scales over a collection of clips."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from blender_addon.core.errors import RealCamError
from server.packages import install_remedy

from .align import AlignRecord

WIDE = 3.0
"""Ratio of largest to smallest scale above which they are drawn on a logarithmic axis."""


def require_matplotlib() -> None:
    """Raise RealCamError, with how to install it, when matplotlib is missing."""
    if importlib.util.find_spec("matplotlib") is None:
        raise RealCamError("Nothing can be drawn", "matplotlib is not installed", install_remedy("evaluation"))


def plot_scales(records: Sequence[AlignRecord], picture: Path) -> None:
    """Draw the range and median of each accepted clip's frame scales, and a histogram of all frames.

    Args:
        records: of the collection; refused clips are only counted.
        picture: the image file to write.

    Raises:
        RealCamError: matplotlib is missing.
    """
    require_matplotlib()
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    believed = sorted((record for record in records if not record.refusal), key=lambda record: record.scale or 0.0)
    figure = Figure(figsize=(11, 4.2), layout="constrained")
    FigureCanvasAgg(figure)
    left, right = figure.subplots(1, 2, width_ratios=[2, 1], sharey=True)
    for index, record in enumerate(believed):
        left.plot([index, index], [record.smallest or np.nan, record.largest or np.nan], color="#7f9fbf", linewidth=2)
    left.plot(range(len(believed)), [record.scale for record in believed], "o", color="#1f4e79", markersize=4)
    left.set_xlim(-0.6, max(len(believed), 1) - 0.4)
    left.set_xlabel(f"clip ({len(believed)} believed, {len(records) - len(believed)} refused)")
    left.set_ylabel("metres in one unit of the clip")
    left.set_title("Scale of each clip, and the range of its frames")
    pooled = [scale for record in believed for scale in record.frame_scales if scale]
    if pooled:
        wide = max(pooled) > WIDE * min(pooled)
        if wide:
            left.set_yscale("log")
        edges = (np.geomspace if wide else np.linspace)(min(pooled), max(pooled), 25)
        right.hist(pooled, bins=edges.tolist(), orientation="horizontal", color="#7f9fbf")
    for axis in (left.xaxis, right.xaxis):
        axis.set_major_locator(MaxNLocator(integer=True))
    right.set_xlabel("frames")
    right.set_title("All frames")
    figure.savefig(picture, dpi=110)
