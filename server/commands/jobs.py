"""`realcam jobs`, `realcam jobs prune`, `realcam cancel`."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import typer

from blender_addon.core.protocol.messages import JobStatus
from server.terminal.plain_console import PlainConsole, PlainTable, say

from .options.connection import DEFAULT_SERVER, ServerOption, connected

DAY = 86_400.0

jobs_app = typer.Typer(
    add_completion=False, help="List your jobs on a server, newest first.", invoke_without_command=True
)


@jobs_app.callback()
def jobs(context: typer.Context, server: ServerOption = DEFAULT_SERVER) -> None:
    """List your jobs, newest first."""
    if context.invoked_subcommand is not None:
        return
    with connected(server) as client:
        PlainConsole().print(job_table(client.jobs()))


@jobs_app.command()
def prune(
    older_than: Annotated[float, typer.Option(help="Days since the job ended.")] = 7.0,
    unfetched: Annotated[bool, typer.Option("--unfetched", help="Also clips that nobody has fetched.")] = False,
    server: ServerOption = DEFAULT_SERVER,
) -> None:
    """Have the server forget your jobs that have ended, with their clips."""
    with connected(server) as client:
        pruned = client.prune(older_than * DAY, unfetched)
        say(f"{pruned.jobs} jobs forgotten, {pruned.nbytes / 1e6:.1f} MB of clips removed")


def cancel(
    job: Annotated[str, typer.Argument(help="Job id, or its first letters.")], server: ServerOption = DEFAULT_SERVER
) -> None:
    """Stop a job within a step."""
    with connected(server) as client:
        found = [known.job_id for known in client.jobs() if known.job_id.startswith(job)]
        if len(found) != 1:
            say(f"{len(found)} of your jobs begin with {job!r}; `realcam jobs` lists them.", err=True)
            raise typer.Exit(1)
        answer = client.cancel(found[0])
        state = answer.state.value if answer.state.final else "stopping"
        say(f"{found[0]}: {state}")


def job_table(jobs: tuple[JobStatus, ...]) -> PlainTable:
    """The jobs as a table for the terminal."""
    table = PlainTable("job", "title", "engine", "state", "submitted", "reason")
    for job in jobs:
        state = f"{job.state.value} ({job.queue_place} before)" if job.queue_place else job.state.value
        when = datetime.fromtimestamp(job.submitted_at).strftime("%Y-%m-%d %H:%M")
        table.add_row(job.job_id[:12], job.title, job.engine, state, when, job.reason)
    return table
