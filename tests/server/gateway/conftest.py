"""A gateway in front of a running server."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest
import uvicorn

from server.gateway.connections import Connections
from server.gateway.routes import gateway_app
from tests.support.network.gateways import BODY_LIMIT, RunningGateway
from tests.support.servers import PATIENCE, running_server


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningGateway]:
    with running_server(tmp_path_factory.mktemp("server")) as server, socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        app = gateway_app(Connections(server.address, server.config_dir), BODY_LIMIT)
        runner = uvicorn.Server(uvicorn.Config(app, log_level="warning"))
        thread = threading.Thread(target=runner.run, args=([listening],))
        thread.start()
        yield RunningGateway(server, listening.getsockname()[1])
        runner.should_exit = True
        thread.join(PATIENCE)
