"""`realcam bench cluster`: what a Ray cluster makes of more workers, and what it adds to a job."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import msgspec
import typer

from server.bench.cluster_load.measuring import ClusterFigures, Plan, Waits, measure_cluster
from server.commands.friendly_errors import friendly_errors
from server.terminal.plain_console import PlainConsole, PlainTable, say

NUMBERS = "1,2,4,8,16"


def cluster(
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
    workers: Annotated[str, typer.Option(help="Numbers of workers, with commas between them.")] = NUMBERS,
    each: Annotated[int, typer.Option(help="Jobs for each of them.", min=1)] = 3,
    step_seconds: Annotated[float, typer.Option(help="Of the engine, which takes ten steps.", min=0.0)] = 0.2,
    repeats: Annotated[int, typer.Option(help="Jobs whose engine takes no time; 0: none.", min=0)] = 20,
) -> None:
    """Workers of this machine, those of a Ray cluster, and plain calls of Ray: how they scale, what they add to a job.

    Starts a cluster of several nodes on this machine, whose cards are only declared: with few cores, what is measured
    is the machine. Needs the extra `cluster`.
    """
    try:
        numbers = tuple(sorted({int(number) for number in workers.split(",") if number.strip()}))
    except ValueError:
        numbers = (0,)
    if any(number < 1 for number in numbers):
        raise typer.BadParameter(f"expected numbers of workers such as {NUMBERS}", param_hint="--workers")
    plan = Plan(workers=numbers, each=each, step_seconds=step_seconds, repeats=repeats)
    with friendly_errors(), PlainConsole(stderr=True).status("a cluster on this machine"):
        figures = measure_cluster(plan)
    if as_json:
        say(msgspec.json.format(msgspec.json.encode(asdict(figures))).decode())
    else:
        _show(figures)


def _show(figures: ClusterFigures) -> None:
    console, plan = PlainConsole(), figures.plan
    if figures.scaling:
        table = PlainTable("workers", "jobs a second: local", "cluster", "plain calls", "as many times one worker's")
        first = figures.scaling[0]
        for row in figures.scaling:
            jobs = row.workers * plan.each
            ways = ((row.local, first.local), (row.cluster, first.cluster), (row.plain, first.plain))
            rates = [f"{jobs / seconds:.2f}" for seconds, _ in ways]
            times = [f"{row.workers * alone / seconds:.2f}" for seconds, alone in ways]
            table.add_row(f"{row.workers}", *rates, ", ".join(times))
        console.print(table)
        say(f"{plan.each} jobs for each worker, whose engine takes {first.engine / plan.each:g} s for each.")
    if (overhead := figures.overhead) is not None:
        table = PlainTable("a job whose engine takes no time, seconds", "median", "p90", "longest")
        ways_of_one = (("local worker", overhead.local), ("cluster", overhead.cluster), ("plain call", overhead.plain))
        for name, waits in ways_of_one:
            table.add_row(name, *_seconds(waits))
        console.print(table)
        added = overhead.cluster.median - overhead.local.median, overhead.cluster.p90 - overhead.local.p90
        say(
            f"16 frames of 512 x 320, a shot of {overhead.shot_bytes / 1e6:.1f} MB, {plan.repeats} times. The cluster "
            f"adds {added[0]:.3f} s (median), {added[1]:.3f} s (p90)."
        )


def _seconds(waits: Waits) -> tuple[str, str, str]:
    return f"{waits.median:.3f}", f"{waits.p90:.3f}", f"{waits.longest:.3f}"
