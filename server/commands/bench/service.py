"""`realcam bench service`: the service with a long history and many clients."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import msgspec
import typer

from server.bench.service_load.measuring import Load, ServiceFigures, measure_service
from server.commands.friendly_errors import friendly_errors
from server.terminal.plain_console import PlainConsole, PlainTable, say


def service(
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
    jobs: Annotated[int, typer.Option(help="Jobs on record when the server starts.", min=0)] = 20_000,
    clients: Annotated[int, typer.Option(help="Clients, each with one job at a time.", min=1)] = 64,
    workers: Annotated[int, typer.Option(help="Worker processes.", min=1)] = 16,
    seconds: Annotated[float, typer.Option(help="How long clients submit.", min=1.0)] = 60.0,
    step_seconds: Annotated[float, typer.Option(help="Of the engine, which takes ten steps.", min=0.0)] = 0.1,
) -> None:
    """A server under load: how soon it takes and starts jobs, how late its loop is, what its housekeeping stops.

    Clients and worker processes share this machine with the server: with few cores, what is measured is the machine.
    """
    load = Load(jobs=jobs, clients=clients, workers=workers, seconds=seconds, step_seconds=step_seconds)
    with friendly_errors(), PlainConsole(stderr=True).status(f"{clients} clients, {seconds:g} s"):
        figures = measure_service(load)
    if as_json:
        say(msgspec.json.format(msgspec.json.encode(asdict(figures))).decode())
    else:
        _show(figures)


def _show(figures: ServiceFigures) -> None:
    load = figures.load
    table = PlainTable("milliseconds", "median", "p99", "longest", "of")
    for name, spread, unit in (
        ("a submission", figures.submission, "jobs"),
        ("all clients at the same moment", figures.burst, "jobs"),
        ("a free worker to a job that runs", figures.dispatch, "starts"),
        ("the loop's lag", figures.loop_lag, "turns"),
        ("of it, the loop's thread at work", figures.loop_processor, "turns"),
    ):
        table.add_row(name, *map(_ms, (spread.p50, spread.p99, spread.longest)), f"{spread.count:,} {unit}")
    console = PlainConsole()
    console.print(table)
    stopped, at_work = _ms(figures.longest_housekeeping), _ms(figures.longest_housekeeping_processor)
    say(
        f"{figures.done} clips in {figures.seconds:.0f} s by {load.workers} worker(s) for {load.clients} clients, "
        f"{_ms(figures.loop_processor_a_job)} ms of the loop's thread for each. {load.jobs:,} jobs on record at the "
        f"start, {figures.forgotten:,} of them forgotten meanwhile. Housekeeping stopped the loop for {stopped} ms at "
        f"most, {at_work} ms of them at work. The server's memory: "
        f"{figures.memory_before / 1e6:.1f} MB, {figures.memory_after / 1e6:.1f} MB at the end."
    )


def _ms(seconds: float) -> str:
    return f"{1000 * seconds:.1f}"
