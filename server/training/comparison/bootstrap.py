"""Confidence intervals over clips and over trainings, by drawing both anew with replacement."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from blender_addon.core.arrays import Float64

DRAWS = 1000
"""How often both are drawn anew."""
OUTSIDE = 5.0
"""Percent of the draws that lie outside an interval, half of them at each end."""

Statistic = Callable[[Float64], float]
"""Of a table's known values, [N] -> a number."""


@dataclass(frozen=True)
class Interval:
    """A statistic and where it may lie.

    Attributes:
        value: of the table as it is; NaN where it holds nothing.
        low, high: of the interval.
        count: values that it is of.
    """

    value: float
    low: float
    high: float
    count: int


def mean(values: Float64) -> float:
    """The mean of [N] numbers, NaN of none."""
    return float(values.mean()) if len(values) else float("nan")


def median(values: Float64) -> float:
    """The median of [N] numbers, NaN of none."""
    return float(np.median(values)) if len(values) else float("nan")


def interval(table: Float64, statistic: Statistic = mean, seed: int = 0) -> Interval:
    """A statistic of a table with its interval.

    Args:
        table: [trainings, clips], NaN where a training has nothing of a clip. Trainings and clips are drawn anew each
            by themselves: clips of one training share its chance, and a clip is as hard for all.
        statistic: of the known values.
        seed: of the draws.
    """
    drawn = [statistic(_known(table[rows][:, columns])) for rows, columns in _draws(table.shape, seed)]
    return _interval(statistic(_known(table)), drawn, int(np.isfinite(table).sum()))


def difference(one: Float64, other: Float64, statistic: Statistic = mean, seed: int = 0) -> Interval:
    """How much greater a statistic is of one table than of another, over the clips that both know.

    Args:
        one, other: [trainings, clips] with the same clips.
        statistic: of the known values.
        seed: of the draws.
    """
    both = np.isfinite(one).any(axis=0) & np.isfinite(other).any(axis=0)
    one, other = one[:, both], other[:, both]
    drawn = []
    for (rows, columns), (others, _) in zip(_draws(one.shape, seed), _draws(other.shape, seed + 1), strict=True):
        drawn.append(statistic(_known(one[rows][:, columns])) - statistic(_known(other[others][:, columns])))
    return _interval(statistic(_known(one)) - statistic(_known(other)), drawn, int(both.sum()))


def _draws(shape: tuple[int, ...], seed: int) -> list[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    draw = np.random.default_rng(seed)
    rows, columns = shape
    if not rows or not columns:
        return []
    return [(draw.integers(rows, size=rows), draw.integers(columns, size=columns)) for _ in range(DRAWS)]


def _known(table: Float64) -> Float64:
    return np.asarray(table[np.isfinite(table)], dtype=np.float64)


def _interval(value: float, drawn: list[float], count: int) -> Interval:
    known = np.array([number for number in drawn if np.isfinite(number)])
    if not len(known):
        return Interval(value, float("nan"), float("nan"), count)
    low, high = np.percentile(known, [OUTSIDE / 2, 100 - OUTSIDE / 2])
    return Interval(value, float(low), float(high), count)
