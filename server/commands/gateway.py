"""`realcam gateway`."""

from __future__ import annotations

from contextlib import suppress
from typing import Annotated

import typer

from blender_addon.core.errors import ServiceError
from blender_addon.core.protocol.keys import config_dir
from blender_addon.core.protocol.server_address import bare_host, host_and_port, is_loopback, parse_address
from server.packages import absent_packages, install_remedy
from server.terminal.plain_console import say

from .friendly_errors import friendly_errors
from .options.connection import DEFAULT_SERVER, ServerOption

PACKAGES = ("starlette", "uvicorn", "python_multipart")
GATEWAY_PORT = 47180


def gateway(
    server: ServerOption = DEFAULT_SERVER,
    host: Annotated[str, typer.Option(help="Address to listen on: this machine's own alone.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port to listen on.")] = GATEWAY_PORT,
    body_limit: Annotated[int, typer.Option(min=1, help="Megabytes that a request's body may have.")] = 256,
    behind_proxy: Annotated[
        bool, typer.Option("--behind-proxy", help="Allow another address; a reverse proxy in front of it has TLS.")
    ] = False,
) -> None:
    """Serve HTTP beside ZeroMQ: a client of a server for programs that speak HTTP alone."""
    with friendly_errors():
        if absent := absent_packages(PACKAGES, "gateway"):
            raise ServiceError("The gateway cannot start", absent, install_remedy("gateway"))
        host = bare_host(host)
        if not is_loopback(host) and not behind_proxy:
            raise ServiceError(
                f"The gateway does not listen on {host}",
                "tokens and photos would cross the network unencrypted",
                "Put a reverse proxy with TLS on this machine; if it is on another one, add --behind-proxy.",
            )
        from server.gateway.connections import Connections
        from server.gateway.routes import gateway_app
        from server.gateway.watched_http import allow_open_files, http_server, listening_socket

        app = gateway_app(Connections(parse_address(server), config_dir()), body_limit * 1_000_000)
        try:
            listening = listening_socket(host, port)
        except OSError as error:
            what = f"The gateway cannot listen on {host_and_port(host, port)}"
            raise ServiceError(what, error.strerror or str(error), "Choose another --port or --host.") from error
        # Ctrl-C is how it ends.
        with listening, suppress(KeyboardInterrupt):
            allow_open_files()
            say(f"HTTP at http://{host_and_port(host, port)}: what can be asked is written there.", err=True)
            http_server(app).run([listening])
