"""What is said of a fit, in the panel and on the command line."""

from __future__ import annotations

import numpy as np

from ..depth_facts import metres
from .depth_law import DepthLaw
from .fit import DepthFit

POOR = 0.1
"""Relative error from which the fit is called poor."""


def percent(share: float) -> str:
    """A share as a percentage that an artist reads: 0.4 %, 12 %."""
    value = abs(share) * 100
    return f"{value:.1f} %" if value < 9.95 else f"{value:.0f} %"


def residual_words(residual: float) -> str:
    """By how much a point is off: "+1.2 %" is farther than given."""
    text = percent(residual)
    return text if text == percent(0.0) else f"{'-' if residual < 0 else '+'}{text}"


def fit_words(fit: DepthFit, points: str = "points") -> str:
    """How well the points fit.

    Args:
        fit: the fit.
        points: what they are called.
    """
    count = len(fit.residuals)
    if fit.exact and count == 2:
        return f"Two {points}: met exactly, there is no residual. A third would check them."
    kept = np.flatnonzero(fit.kept)
    worst = kept[np.argmax(np.abs(fit.residuals[kept]))]
    most = percent(fit.residuals[worst])
    text = f"Residual of {count} {points}: {percent(fit.residual)} (root mean square), at most {most}"
    if count <= 20:
        text += f" (point {worst + 1})"
    left_out = np.flatnonzero(~fit.kept)
    if len(left_out):
        named = ", ".join(str(index + 1) for index in left_out[:5]) if count <= 20 else f"{len(left_out)}"
        text += f". Left out, as fitting no law: {named}"
    if fit.residual > POOR:
        text += ". That is much: check the points"
    return f"{text}."


def law_words(law: DepthLaw) -> str:
    """What the picture's numbers grow with."""
    return "the distance" if law.gives == "depth" else "one over the distance (inverse depth)"


def limit_words(fit: DepthFit) -> str:
    """What of the picture the law cannot place, "" where it places everything."""
    parts = []
    if fit.too_far >= 0.0005:
        limit = metres(fit.law.farthest)
        parts.append(f"{percent(fit.too_far)} of the picture comes out beyond {limit} m and is put at {limit} m.")
    if fit.too_near >= 0.0005:
        limit = metres(fit.law.nearest)
        parts.append(f"{percent(fit.too_near)} comes out nearer than {limit} m or behind the camera: put at {limit} m.")
    return " ".join(parts)
