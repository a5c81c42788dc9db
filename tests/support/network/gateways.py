"""A gateway that listens, and requests to it over a socket."""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from starlette.applications import Starlette

from blender_addon.core.protocol.keys import new_keys
from server.gateway.tokens import token_of
from server.gateway.watched_http import http_server, listening_socket
from server.service.requests.zap import AllowedClient, read_allowed, write_allowed
from tests.support.servers import PATIENCE, RunningServer

BODY_LIMIT = 2_000_000


@contextmanager
def listening(app: Starlette) -> Iterator[int]:
    """The port at which an application answers as the gateway's does."""
    server = http_server(app)
    with listening_socket("127.0.0.1", 0) as at:
        thread = threading.Thread(target=server.run, args=([at],))
        thread.start()
        try:
            yield at.getsockname()[1]
        finally:
            server.should_exit = True
            thread.join(PATIENCE)


@dataclass(frozen=True)
class RunningGateway:
    """A gateway that listens on a port of this machine."""

    server: RunningServer
    port: int

    def token(self, name: str) -> str:
        """A token that the server knows."""
        path, keys = self.server.config_dir / "allowed_clients.json", new_keys()
        write_allowed(path, [*read_allowed(path), AllowedClient(name, keys.public, 0.0)])
        return token_of(keys)

    def revoke(self, name: str) -> None:
        path = self.server.config_dir / "allowed_clients.json"
        write_allowed(path, [client for client in read_allowed(path) if client.name != name])

    def ask(
        self, method: str, path: str, token: str = "", body: bytes | None = None, **headers: str
    ) -> tuple[int, bytes, dict[str, str]]:
        """Status, body and headers of the answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        sent = {key.replace("_", "-"): value for key, value in headers.items()}
        if token:
            sent["Authorization"] = f"Bearer {token}"
        try:
            connection.request(method, path, body, sent)
            response = connection.getresponse()
            return response.status, response.read(), {key.lower(): value for key, value in response.getheaders()}
        finally:
            connection.close()

    def said(self, method: str, path: str, token: str = "", body: bytes | None = None, **headers: str) -> Any:
        """Status and JSON of the answer."""
        status, content, _ = self.ask(method, path, token, body, **headers)
        return status, json.loads(content)
