"""Windows' refusal of files that somebody has open: the first calls on each path fail, as while a scanner reads it."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.support.systems.sharing_rule import CALLS, paths_of, sharing_violation

FOREVER = 1_000_000


def refuse_first(patch: pytest.MonkeyPatch, times: int, below: Path, calls: tuple[str, ...] = CALLS) -> Counter[str]:
    """Refuse the first `times` calls on each path below a folder, in this process.

    Args:
        patch: takes it back.
        times: refusals for each path.
        below: only paths in this folder are refused.
        calls: names of the functions that refuse.

    Returns:
        Refusals so far by path.
    """
    refused: Counter[str] = Counter()

    def refusing(real: Callable[..., None]) -> Callable[..., None]:
        def call(path: Any, *arguments: Any, **options: Any) -> None:
            for place in paths_of(path, arguments, options):
                if Path(place).is_relative_to(below) and refused[place] < times and os.path.lexists(place):
                    refused[place] += 1
                    raise sharing_violation(place)
            real(path, *arguments, **options)

        return call

    for name in calls:
        patch.setattr(os, name, refusing(getattr(os, name)))
    return refused


@contextmanager
def refused_first(times: int, below: Path, calls: tuple[str, ...] = CALLS) -> Iterator[Counter[str]]:
    """`refuse_first` for the time of a block."""
    with pytest.MonkeyPatch.context() as patch:
        yield refuse_first(patch, times, below, calls)
