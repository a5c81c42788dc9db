"""`realcam status`, `realcam jobs`, `realcam cancel`."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from blender_addon.core.messages import JobStatus

from .connection import DEFAULT_SERVER, ServerOption, connected

jobs_app = typer.Typer(help="Your jobs on a server.", invoke_without_command=True)


@jobs_app.callback()
def jobs(context: typer.Context, server: ServerOption = DEFAULT_SERVER) -> None:
    """List your jobs, newest first."""
    if context.invoked_subcommand is not None:
        return
    with connected(server) as client:
        Console().print(job_table(client.jobs()))


def status(server: ServerOption = DEFAULT_SERVER) -> None:
    """How the server is: its engines and your jobs."""
    with connected(server) as client:
        welcome = client.connect()
        table = Table("engine", "makes", "sizes", "frames", "state")
        for engine in welcome.engines:
            table.add_row(
                engine.name,
                engine.description,
                ", ".join(f"{width} x {height}" for width, height in engine.sizes),
                ", ".join(map(str, engine.frame_counts)),
                engine.unavailable or "ready",
            )
        console = Console()
        console.print(f"{welcome.software} at {server}, protocol {welcome.protocol[0]}.{welcome.protocol[1]}")
        console.print(table)
        console.print(job_table(client.jobs()))


def cancel(
    job: Annotated[str, typer.Argument(help="Job id, or its first letters.")], server: ServerOption = DEFAULT_SERVER
) -> None:
    """Stop a job within a step."""
    with connected(server) as client:
        found = [known.job_id for known in client.jobs() if known.job_id.startswith(job)]
        if len(found) != 1:
            typer.echo(f"{len(found)} of your jobs begin with {job!r}; `realcam jobs` lists them.", err=True)
            raise typer.Exit(1)
        answer = client.cancel(found[0])
        state = answer.state.value if answer.state.final else "stopping"
        typer.echo(f"{found[0]}: {state}")


def job_table(jobs: tuple[JobStatus, ...]) -> Table:
    """Jobs as a terminal shows them."""
    table = Table("job", "title", "engine", "state", "submitted", "reason")
    for job in jobs:
        state = f"{job.state.value} ({job.queue_place} before)" if job.queue_place else job.state.value
        when = datetime.fromtimestamp(job.submitted_at).strftime("%Y-%m-%d %H:%M")
        table.add_row(job.job_id[:12], job.title, job.engine, state, when, job.reason)
    return table
