"""The time that Windows takes to find a port closed, and what `localhost` is there."""

from __future__ import annotations

import socket
import time
from typing import Any

REFUSAL_SECONDS = 2.0
"""Windows sends the first packet of a connection three times, half a second and one second apart, before it says no."""

_connect = socket.create_connection


def create_connection(address: tuple[str, int], timeout: float, **options: Any) -> socket.socket:
    """socket.create_connection as it is there, `localhost` being ::1 first."""
    host, port = address
    hosts = ("::1", "127.0.0.1") if host == "localhost" else (host,)
    refused = OSError()
    for numeric in hosts:
        try:
            return _connect((numeric, port), timeout, **options)
        except OSError as error:
            time.sleep(min(timeout, REFUSAL_SECONDS))
            refused = TimeoutError("timed out") if timeout < REFUSAL_SECONDS else error
    raise refused
