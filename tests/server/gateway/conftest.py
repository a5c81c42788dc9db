"""A gateway in front of a running server, for all tests here: what each sees is what its own token's is."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from server.gateway.connections import Connections
from server.gateway.routes import gateway_app
from tests.support.network.gateways import BODY_LIMIT, RunningGateway, listening
from tests.support.servers import running_server


@pytest.fixture(scope="session")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningGateway]:
    with (
        running_server(tmp_path_factory.mktemp("server")) as server,
        listening(gateway_app(Connections(server.address, server.config_dir), BODY_LIMIT)) as port,
    ):
        yield RunningGateway(server, port)
