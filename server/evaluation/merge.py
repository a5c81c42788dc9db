"""Merge the errors of several solves, or of several clips."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np

from .records import PublishedErrors

OUTLIER = 10.0
"""Standard deviations beyond which a trial is left out; part of the published procedure."""


def merged_errors(trials: Sequence[PublishedErrors]) -> PublishedErrors | None:
    """The mean over trials, without those beyond OUTLIER standard deviations in any number.

    Args:
        trials: errors of complete trials.

    Returns:
        The mean, where an absolute error is None unless every trial used has it; None without trials.
    """
    if not trials:
        return None
    names = PublishedErrors.__struct_fields__
    table = np.array([[np.nan if (v := getattr(trial, name)) is None else v for name in names] for trial in trials])
    deviation = table.std(axis=0)
    # nan compares false: a number that is missing everywhere drops no trial.
    beyond = (np.abs(table - table.mean(axis=0)) > OUTLIER * deviation).any(axis=1)
    mean = table[~beyond].mean(axis=0)
    values = {name: None if np.isnan(value) else float(value) for name, value in zip(names, mean, strict=True)}
    return msgspec.convert(values, PublishedErrors)
