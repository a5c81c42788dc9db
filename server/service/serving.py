"""Runs the service in this process until a signal or the parent's end stops it: what every way of starting a server
shares, and all that it prints.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from pathlib import Path

import platformdirs

from blender_addon.core.printable import escape_unknown_letters, printable
from blender_addon.core.protocol.server_address import host_and_port

from .options import ServiceOptions
from .ready_file import remove_ready_file, write_ready_file
from .service import NewExecutor, OnTurn, Service, unmeasured

PARENT_GONE_GRACE = 2.0
"""Seconds that a sampler has to save a checkpoint when the parent is gone."""


def default_data_dir() -> Path:
    """The folder that jobs are kept in by default."""
    return platformdirs.user_data_path("realcam", appauthor=False) / "server"


def run_until_stopped(
    options: ServiceOptions,
    *,
    die_with_parent: bool = False,
    ready_file: Path | None = None,
    metrics_port: int | None = None,
    on_turn: OnTurn = unmeasured,
    new_executor: NewExecutor | None = None,
) -> None:
    """Serve until a signal, or the parent's end.

    Args:
        options: how the server runs.
        die_with_parent: stop when standard input closes.
        ready_file: written once connections are accepted, removed when the server ends.
        metrics_port: of 127.0.0.1, where Prometheus is told figures.
        on_turn: called after each turn of the loop.
        new_executor: see Service.

    Raises:
        ServiceError: the worker cannot be started, or the ready file or the metrics port cannot be used.
    """
    if ready_file is not None:
        remove_ready_file(ready_file)
    service = Service(options, on_turn, new_executor)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: service.stop())
    if die_with_parent:
        threading.Thread(target=_stop_with_input, args=(service,), daemon=True).start()
    with contextlib.ExitStack() as stack:

        def begin() -> None:
            if metrics_port is not None:
                from .metrics import serve_metrics

                stack.callback(serve_metrics(metrics_port, service.stats).shutdown)
            if ready_file is not None:
                write_ready_file(ready_file, service.ready)
                stack.callback(remove_ready_file, ready_file, service.boot_id)
            _say_ready(service)

        service.run(on_ready=begin)


def _say_ready(service: Service) -> None:
    options = service.options
    # A console or log in another encoding must not end the server over a letter of the folder's name.
    escape_unknown_letters(sys.stdout)
    text = printable(
        f"RealCam server ready on {host_and_port(options.host, service.control_port)} (data {service.data_port}), "
        f"jobs in {options.data_dir}"
    )
    print(text, flush=True)


def _stop_with_input(service: Service) -> None:
    """Wait for the pipe from the parent to close; the system closes it however the parent ends."""
    while os.read(0, 4096):
        pass
    service.stop(grace=PARENT_GONE_GRACE)
