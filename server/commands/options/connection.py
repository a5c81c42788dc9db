"""The option --server, and the client of the commands that ask a server."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer

from blender_addon.core.protocol.client import Client
from blender_addon.core.protocol.server_address import DEFAULT_CONTROL_PORT, DEFAULT_HOST, parse_address
from blender_addon.core.version import COMMAND_LINE_SOFTWARE, command_line_client_id
from server.commands.friendly_errors import friendly_errors

ServerOption = Annotated[str, typer.Option("--server", help="host:port of the server.")]
DEFAULT_SERVER = f"{DEFAULT_HOST}:{DEFAULT_CONTROL_PORT}"


@contextmanager
def connected(server: str) -> Iterator[Client]:
    """A client with an open session while the context lasts; errors end the command, see friendly_errors.

    Args:
        server: host:port as typed.
    """
    with friendly_errors():
        address = parse_address(server)
        with Client(address, command_line_client_id(), COMMAND_LINE_SOFTWARE, patience=5.0) as client:
            client.connect()
            yield client
