"""`realcam keys`: who may use this computer's server, and which servers this computer is paired with."""

from __future__ import annotations

import time
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from blender_addon.core.errors import ServiceError
from blender_addon.core.protocol.keys import (
    Pairing,
    accept_pairing,
    checked_key,
    client_keys,
    config_dir,
    known_servers,
    new_keys,
    pairing_text,
    server_keys,
)
from blender_addon.core.protocol.server_address import DEFAULT_CONTROL_PORT, bare_host
from server.gateway.tokens import token_of as bearer_token_of
from server.service.changing import changing
from server.service.requests.zap import AllowedClient, read_allowed, write_allowed
from server.terminal.plain_console import PlainConsole, PlainTable, say

from .friendly_errors import friendly_errors

keys_app = typer.Typer(
    add_completion=False,
    help="Who may use this computer's server, and which servers it is paired with.",
    no_args_is_help=True,
)

Name = Annotated[str, typer.Argument(help="Whose key it is, for the list.")]


@keys_app.command()
def show() -> None:
    """Print this computer's public keys. They are no secrets."""
    with friendly_errors():
        config = config_dir()
        say(f"server {server_keys(config).public}")
        say(f"client {client_keys(config).public}")
        for address, known in known_servers(config).items():
            say(f"paired with {address}, whose key is {known.server_key}")


@keys_app.command("list")
def list_allowed() -> None:
    """List who is allowed beside yourself."""
    with friendly_errors():
        table = PlainTable("name", "public key", "since")
        for client in read_allowed(_list_path()):
            table.add_row(client.name, client.public, datetime.fromtimestamp(client.added_at).strftime("%Y-%m-%d"))
        PlainConsole().print(table)


@keys_app.command()
def allow(name: Name, key: Annotated[str, typer.Argument(help="The client's public key.")]) -> None:
    """Let a client in whose public key you have; it counts at once."""
    with friendly_errors():
        _add(name, checked_key(key))
        say(f"{name} may come in. It needs this server's key: {server_keys(config_dir()).public}")


@keys_app.command()
def invite(
    name: Name,
    host: Annotated[str, typer.Option(help="Address under which the client reaches this server.")],
    port: Annotated[int, typer.Option(min=1, max=65535, help="Control port.")] = DEFAULT_CONTROL_PORT,
    data_port: Annotated[
        int | None, typer.Option(min=1, max=65535, help="Data port; the control port + 1 if not given.")
    ] = None,
) -> None:
    """Make a key for a client and print one line of text that, pasted once there, pairs the two. It is a secret."""
    host = bare_host(host)
    if not host:
        raise typer.BadParameter("an address or a name is needed", param_hint="--host")
    with friendly_errors():
        pair = new_keys()
        _add(name, pair.public)
        pairing = Pairing(host, port, data_port or port + 1, server_keys(config_dir()).public, pair.secret)
        say(pairing_text(pairing))


@keys_app.command()
def token(name: Name) -> None:
    """Make a key for a program that comes over `realcam gateway` and print it as a bearer token. It is a secret."""
    with friendly_errors():
        pair = new_keys()
        _add(name, pair.public)
        say(bearer_token_of(pair))


@keys_app.command()
def revoke(name: Name) -> None:
    """Take a client off the list; it is shut out at once."""
    with friendly_errors(), changing(_list_path()):
        clients = read_allowed(_list_path())
        rest = [client for client in clients if client.name != name]
        if len(rest) == len(clients):
            raise ServiceError(f"Nobody called {name} is on the list", "", "`realcam keys list` shows who is.")
        write_allowed(_list_path(), rest)
        say(f"{name} is shut out.")


@keys_app.command()
def pair(text: Annotated[str, typer.Argument(help="What `realcam keys invite` printed on the server.")]) -> None:
    """Pair this computer with a server."""
    with friendly_errors():
        address = accept_pairing(text, config_dir())
        say(f"Paired with {address}. Try `realcam status --server {address}`.")


def _list_path() -> Path:
    return config_dir() / "allowed_clients.json"


def _add(name: str, key: str) -> None:
    with changing(_list_path()):
        clients = read_allowed(_list_path())
        if any(client.name == name for client in clients):
            remedy = "Revoke that one first, or use another name."
            raise ServiceError(f"Somebody called {name} is on the list", "", remedy)
        write_allowed(_list_path(), [*clients, AllowedClient(name, key, time.time())])
