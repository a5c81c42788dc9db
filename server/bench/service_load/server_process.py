"""The server that is measured, a process of its own: `python -m server.bench.service_load.server_process JSON`.

It is the service as `realcam serve` runs it; beside that it keeps how long each turn of its loop took.
"""

from __future__ import annotations

import sys
from array import array
from pathlib import Path

import msgspec

from server.service.options import ServiceOptions
from server.service.serving import run_until_stopped
from server.service.workers.executor import WorkerKind

from . import engine


class ServerPlan(msgspec.Struct, frozen=True):
    """What the server is to be.

    Attributes:
        data_dir: its data folder.
        config_dir: keys and the list of allowed clients.
        ready_file: written once it accepts connections.
        turns_file: where it writes its LoopTurns at the end.
        workers: how many there are; none needs a card.
    """

    data_dir: str
    config_dir: str
    ready_file: str
    turns_file: str
    workers: int


class LoopTurns(msgspec.Struct, frozen=True):
    """Every turn of the loop, in the order of the fields of Turn."""

    turns: list[tuple[float, float, float, float]]


def _in_fours(numbers: array[float]) -> list[tuple[float, float, float, float]]:
    return list(zip(*(numbers[place::4] for place in range(4)), strict=True))


def main() -> None:
    """Serve until standard input ends, then write the turns."""
    plan = msgspec.json.decode(sys.argv[1], type=ServerPlan)
    turns = array("d")
    options = ServiceOptions(
        data_dir=Path(plan.data_dir),
        config_dir=Path(plan.config_dir),
        control_port=0,
        data_port=0,
        engines=f"{engine.__name__}:engines",
        workers=",".join([WorkerKind.LIGHT] * plan.workers),
    )
    run_until_stopped(options, die_with_parent=True, ready_file=Path(plan.ready_file), on_turn=turns.extend)
    Path(plan.turns_file).write_bytes(msgspec.json.encode(LoopTurns(_in_fours(turns))))


if __name__ == "__main__":
    main()
