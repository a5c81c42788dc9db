"""Windows' refusal of files that somebody has open: the first calls on each path fail, as while a scanner reads it."""

from __future__ import annotations

import io
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
        calls: names of the functions that refuse; also "open", as of a file that is held for oneself alone.

    Returns:
        Refusals so far by path.
    """
    refused: Counter[str] = Counter()

    def refusing(name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(path: Any, *arguments: Any, **options: Any) -> Any:
            named = not isinstance(path, int)
            for place in paths_of(path, () if name == "open" else arguments, options) if named else ():
                if Path(place).is_relative_to(below) and refused[place] < times and os.path.lexists(place):
                    refused[place] += 1
                    raise sharing_violation(place)
            return real(path, *arguments, **options)

        return call

    for name in calls:
        owner = io if name == "open" else os
        patch.setattr(owner, name, refusing(name, getattr(owner, name)))
    return refused


@contextmanager
def refused_first(times: int, below: Path, calls: tuple[str, ...] = CALLS) -> Iterator[Counter[str]]:
    """`refuse_first` for the time of a block."""
    with pytest.MonkeyPatch.context() as patch:
        yield refuse_first(patch, times, below, calls)
