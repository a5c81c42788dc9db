"""The steps of a training on the terminal: a bar, or lines where the output goes elsewhere."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

from server.terminal.plain_console import PlainConsole, description_column, say

if TYPE_CHECKING:
    from server.training.loop import StepRecord

MOST_LINES = 1000
"""Lines that a whole training prints where there is no terminal, at most."""


@contextmanager
def shown_steps(done: int, steps: int, batch: int) -> Iterator[Callable[[StepRecord], None]]:
    """Give a function that shows a step.

    Args:
        done: steps before the first.
        steps: of the whole training.
        batch: clips of a step.
    """
    console = PlainConsole(stderr=True)
    if not console.is_terminal:
        every = math.ceil(steps / MOST_LINES)

        def line(record: StepRecord) -> None:
            if record.skipped or record.step % every == 0 or record.step == steps:
                say(f"{record.step}: {in_words(record, batch)}")

        yield line
        return
    columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(elapsed_when_finished=True), description_column())
    with Progress(*columns, console=console, speed_estimate_period=300) as bars:
        bar = bars.add_task("", total=steps, completed=done)

        def move(record: StepRecord) -> None:
            bars.update(bar, completed=record.step, description=in_words(record, batch))
            if record.skipped:
                bars.console.print(f"{record.step}: {in_words(record, batch)}")

        yield move


def in_words(record: StepRecord, batch: int) -> str:
    """A step's numbers in a line.

    Args:
        record: of the step.
        batch: clips of a step.
    """
    said = (
        f"loss {record.loss:.5f}, gradient {record.gradient_norm:.3g}, rate {record.learning_rate:.3g}, "
        f"{batch / record.seconds:.3g} clips/s, {record.waited:.2g} s waited for data"
    )
    return f"{said}, left out" if record.skipped else said
