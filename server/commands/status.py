"""`realcam status`."""

from __future__ import annotations

from typing import Annotated

import typer

from blender_addon.core.protocol.messages import ServerStats, Welcome
from blender_addon.core.protocol.worker_stats import WorkerStats
from server.service.metrics import metrics_text
from server.terminal.plain_console import PlainConsole, PlainTable, say

from .jobs import job_table
from .options.connection import DEFAULT_SERVER, ServerOption, connected


def status(
    server: ServerOption = DEFAULT_SERVER,
    prometheus: Annotated[bool, typer.Option("--prometheus", help="Print figures for Prometheus instead.")] = False,
) -> None:
    """How the server is: its health, its engines and your jobs."""
    with connected(server) as client:
        welcome, stats = client.connect(), client.stats()
        if prometheus:
            say(metrics_text(stats), nl=False)
            return
        console = PlainConsole()
        console.print(f"{welcome.software} at {server}, protocol {welcome.protocol[0]}.{welcome.protocol[1]}")
        console.print(_stats_table(stats))
        if stats.workers:
            console.print(_worker_table(stats.workers))
        console.print(_engine_table(welcome))
        console.print(job_table(client.jobs()))


def _stats_table(stats: ServerStats) -> PlainTable:
    table = PlainTable("what", "now", show_header=False)
    work = "idle"
    if stats.running:
        work = f"running, last step {stats.step_age or 0:.1f} s ago"
    elif not stats.worker_ready:
        work = "starting"
    for what, now in (
        ("up", f"{stats.uptime / 3600:.1f} h"),
        ("workers", f"{work}, {stats.worker_memory / 1e6:.0f} MB"),
        ("queue", f"{stats.queued} waiting"),
        ("server", f"{stats.memory / 1e6:.0f} MB, loop late by {stats.loop_lag * 1000:.0f} ms at worst"),
        ("clients", f"{stats.sessions} connected, {stats.refused_connections} connections refused"),
        ("disk", f"{stats.disk_free / 1e9:.1f} GB free, {stats.disk_promised / 1e9:.1f} GB promised to jobs"),
    ):
        table.add_row(what, now)
    return table


def _worker_table(workers: tuple[WorkerStats, ...]) -> PlainTable:
    table = PlainTable("worker", "node", "card", "now", "engine", "job", "last step", "memory")
    for worker in workers:
        job = worker.job_id[:12] or ("another client's" if worker.busy else "")
        age = "" if worker.step_age is None else f"{worker.step_age:.1f} s ago"
        memory = f"{worker.memory / 1e6:.0f} MB" if worker.memory else ""
        table.add_row(worker.name, worker.node, ", ".join(worker.cards), worker.doing, worker.engine, job, age, memory)
    return table


def _engine_table(welcome: Welcome) -> PlainTable:
    table = PlainTable("engine", "makes", "sizes", "frames", "state")
    for engine in welcome.engines:
        table.add_row(
            engine.name,
            engine.description,
            ", ".join(f"{width} x {height}" for width, height in engine.sizes),
            ", ".join(map(str, engine.frame_counts)),
            engine.state,
        )
    return table
