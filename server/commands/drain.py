"""`realcam drain`: the operator of a server, never a client, takes workers or machines out of use for maintenance."""

from __future__ import annotations

import time
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from blender_addon.core.errors import ServiceError
from blender_addon.core.protocol.client import Client
from blender_addon.core.protocol.keys import config_dir
from blender_addon.core.protocol.worker_stats import MOST_WORKERS, WorkerStats
from server.service.drains import Drain, change_drains, drains_path, read_drains
from server.terminal.plain_console import PlainConsole, PlainTable, say

from .friendly_errors import friendly_errors
from .options.connection import DEFAULT_SERVER, ServerOption, connected

LOOK_AGAIN = 1.0
"""Seconds between two looks of --wait."""

NameArgument = Annotated[str, typer.Argument(help="A worker or a node as `realcam status` names it; none: list all.")]
DeadlineOption = Annotated[
    float | None,
    typer.Option(min=0, help="Seconds until a job that still runs stops at its checkpoint, to go on elsewhere."),
]
UndoOption = Annotated[bool, typer.Option("--undo", help="Use it again.")]
WaitOption = Annotated[bool, typer.Option("--wait", help="Return once nothing runs there any more.")]


def drain(
    name: NameArgument = "",
    deadline: DeadlineOption = None,
    undo: UndoOption = False,
    wait: WaitOption = False,
    server: ServerOption = DEFAULT_SERVER,
) -> None:
    """Take a worker or a machine out of use: its jobs end, and it gets no others, also after a restart.

    Run it as the user of the server, on its machine.
    """
    path = drains_path(config_dir())
    if not name or undo:
        with friendly_errors():
            if name:
                _undo(path, name)
            elif listed := read_drains(path):
                PlainConsole().print(_table(listed))
            else:
                say("Nothing is out of use.")
        return
    with connected(server) as client:
        meant = _meant(client, name)
        now = time.time()
        change_drains(path, name, Drain(name, now, None if deadline is None else now + deadline))
        names = ", ".join(worker.name for worker in meant) or name
        say(f"{names}: no more jobs. `realcam drain {name} --undo` takes it back.")
        if not wait:
            return
        while any(worker.doing != "drained" for worker in client.stats().workers if _is_called(worker, name)):
            time.sleep(LOOK_AGAIN)
        say("Nothing runs there any more.")


def _undo(path: Path, name: str) -> None:
    """Use it again.

    Raises:
        ServiceError: it is not out of use.
    """
    if not change_drains(path, name, None):
        raise ServiceError(f"{name} is not out of use", "", "`realcam drain` lists what is.")
    say(f"{name} is used again.")


def _meant(client: Client, name: str) -> list[WorkerStats]:
    """The server's workers of this name or on the machine of this name; maybe none of a server that does not list all.

    Raises:
        ServiceError: there are none.
    """
    workers = client.stats().workers
    meant = [worker for worker in workers if _is_called(worker, name)]
    if not meant and len(workers) < MOST_WORKERS:
        there = dict.fromkeys([*(worker.name for worker in workers), *(worker.node for worker in workers)])
        names = ", ".join(filter(None, there))
        raise ServiceError(f"The server has no worker or node called {name}", "", f"There are: {names}.")
    return meant


def _is_called(worker: WorkerStats, name: str) -> bool:
    return name in (worker.name, worker.node)


def _table(drains: list[Drain]) -> PlainTable:
    table = PlainTable("out of use", "since", "jobs stop at a checkpoint")
    for one in drains:
        table.add_row(one.name, _when(one.since), "never" if one.deadline is None else _when(one.deadline))
    return table


def _when(moment: float) -> str:
    return datetime.fromtimestamp(moment).strftime("%Y-%m-%d %H:%M")
