"""The rows of a table from what was measured of its clips."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from blender_addon.core.arrays import Float64
from server.evaluation.frechet import frechet_distance

from .bootstrap import Interval, Statistic, difference, interval, mean
from .takes import Take

TRAVELS = 0.05
"""Metres that a camera travels at least for errors that are divided by its travel."""

Measure = Callable[[Take], float | None]
"""A number of a clip, None where it has none."""


def _error(name: str) -> Measure:
    return lambda take: None if take.errors is None else getattr(take.errors, name)


def _travelling(name: str) -> Measure:
    error = _error(name)
    return lambda take: error(take) if take.travel >= TRAVELS else None


MEASURES: Mapping[str, Measure] = {
    "RotErr": _error("rot_err"),
    "TransErr rel": _travelling("trans_err_rel"),
    "CamMC rel": _travelling("cam_mc_rel"),
    "TransErr abs": _travelling("trans_err_abs"),
    "CamMC abs": _travelling("cam_mc_abs"),
    "degrees": lambda take: take.degrees,
    "metres": lambda take: take.metres,
    "way": lambda take: take.way,
    "likeness": lambda take: take.likeness,
}
"""Of a clip; the first five as published, sums over its frames, where all were placed; degrees and metres are means
over those that were."""
JOINS: Mapping[str, Measure] = {
    "closure": lambda take: take.closure,
    "jump": lambda take: take.jump,
    "RotErr": MEASURES["RotErr"],
    "TransErr abs": MEASURES["TransErr abs"],
    "degrees": MEASURES["degrees"],
    "metres": MEASURES["metres"],
    "likeness": MEASURES["likeness"],
}
"""Of a clip that joins something."""


@dataclass(frozen=True, eq=False)
class RowSummary:
    """One row of a table.

    Attributes:
        name: of it.
        trainings: that it is of.
        clips: of each.
        failed: share of the clips in which not every frame's camera was found.
        numbers: measure -> its interval.
        apart: measure -> how much greater it is than the compared row's, over the clips that both have.
        distance: of its clips' features to the filmed ones', the mean over its trainings; None where unknown.
    """

    name: str
    trainings: int
    clips: int
    failed: float
    numbers: Mapping[str, Interval]
    apart: Mapping[str, Interval]
    distance: float | None


def summary(
    takes: Mapping[str, Sequence[Take]],
    measures: Mapping[str, Measure],
    compared: str,
    filmed: Sequence[Take],
    statistic: Statistic = mean,
) -> list[RowSummary]:
    """The rows of a table.

    Args:
        takes: of each row, by its name.
        measures: its columns.
        compared: the row that the others are compared with.
        filmed: the clips as they were filmed, whose features are compared with; none for no distances.
        statistic: over a row's clips.
    """
    clips = sorted({take.key.clip for row in takes.values() for take in row})
    tables = {name: {m: table(row, clips, get) for m, get in measures.items()} for name, row in takes.items()}
    rows = []
    for name, row in takes.items():
        if not row:
            continue
        others = tables.get(compared) if name != compared else None
        rows.append(
            RowSummary(
                name=name,
                trainings=len({take.training for take in row}),
                clips=len({take.key.clip for take in row}),
                failed=float(np.mean([take.errors is None for take in row])),
                numbers={m: interval(values, statistic) for m, values in tables[name].items()},
                apart={}
                if others is None or not takes.get(compared)
                else {m: difference(values, others[m], statistic) for m, values in tables[name].items()},
                distance=distance(row, filmed),
            )
        )
    return rows


def table(takes: Sequence[Take], clips: Sequence[str], measure: Measure) -> Float64:
    """A measure of every clip by every training, [trainings, clips], NaN where there is none.

    Args:
        takes: of one row.
        clips: names, in order.
        measure: of a clip.
    """
    trainings = sorted({take.training for take in takes})
    values = np.full((len(trainings), len(clips)), np.nan)
    place = {name: column for column, name in enumerate(clips)}
    for take in takes:
        value = measure(take)
        if value is not None:
            values[trainings.index(take.training), place[take.key.clip]] = value
    return values


def distance(takes: Sequence[Take], filmed: Sequence[Take]) -> float | None:
    """The Fréchet distance of a row's features to those of the same clips as filmed, the mean over its trainings.

    Each feature counts in standard deviations of the filmed clips'.

    Args:
        takes: of one row.
        filmed: of the filmed clips.
    """
    real = {take.key.clip: take.features for take in filmed}
    found = []
    for training in sorted({take.training for take in takes}):
        own = [take for take in takes if take.training == training and take.key.clip in real]
        if len(own) < 2:
            return None
        truth = np.array([real[take.key.clip] for take in own])
        spread = truth.std(axis=0) + 1e-6
        found.append(frechet_distance(truth / spread, np.array([take.features for take in own]) / spread))
    return float(np.mean(found))
