"""Clients that waste the gateway's time, sockets and memory: each is given up, and none has what belongs to others."""

from __future__ import annotations

import asyncio
import http.client
import json
import socket
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from blender_addon.core.errors import ErrorCode, ServiceError
from blender_addon.core.protocol.keys import new_keys, server_keys
from blender_addon.core.protocol.messages import RefusalCode
from blender_addon.core.protocol.server_address import ServerAddress
from server.gateway import watched_http
from server.gateway.connections import Connections
from server.gateway.routes import gateway_app
from server.gateway.shares import ALL_STREAMS, STREAMS, TRANSFERS, Shares
from tests.support.network.gateways import listening
from tests.support.servers import PATIENCE


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """Of a gateway whose server is away: none of these requests gets so far."""
    config = tmp_path_factory.mktemp("config")
    server_keys(config)
    with listening(gateway_app(Connections(ServerAddress("127.0.0.1", 1, 1), config))) as at:
        yield at


def end_of(connection: socket.socket) -> bytes:
    """What comes until the other side ends the connection."""
    received = b""
    try:
        while some := connection.recv(65536):
            received += some
    except ConnectionResetError:
        pass
    return received


@pytest.mark.parametrize("before", [b"", b"GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n"])
def test_a_head_that_never_ends_is_given_up(port: int, monkeypatch: pytest.MonkeyPatch, before: bytes) -> None:
    monkeypatch.setattr(watched_http, "HEAD_SECONDS", 0.1)
    with socket.create_connection(("127.0.0.1", port), PATIENCE) as connection:
        connection.sendall(before + b"GET / HTTP/1.1\r\nHost: x\r\nX-Header: ")
        assert end_of(connection).count(b"HTTP/1.1") == bool(before)
    with socket.create_connection(("127.0.0.1", port), PATIENCE) as connection:
        end_of(connection)


def test_a_head_that_is_too_large_is_refused(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port), PATIENCE) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nX-Header: " + b"x" * (watched_http.LARGEST_HEAD + 1))
        assert end_of(connection).startswith(b"HTTP/1.1 400 ")


def test_a_reader_that_never_reads_ends_what_is_sent_to_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watched_http, "UNREAD_SECONDS", 0.1)
    ended = threading.Event()

    async def endless() -> AsyncIterator[bytes]:
        try:
            while True:
                yield bytes(65536)
                await asyncio.sleep(0)
        finally:
            ended.set()

    async def answered(request: Request) -> Response:
        return StreamingResponse(endless())

    app = Starlette(routes=[Route("/", answered)])
    with listening(app) as at, socket.create_connection(("127.0.0.1", at), PATIENCE) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert ended.wait(PATIENCE)


@pytest.mark.parametrize(
    ("method", "path", "headers", "status"),
    [
        ("GET", "/nothing", {"Host": "["}, 404),
        ("GET", "/v1/jobs/", {"Host": "elsewhere"}, 404),
        ("OPTIONS", "/v1/jobs", {"Origin": "https://elsewhere", "Access-Control-Request-Method": "POST"}, 405),
        ("GET", "/openapi.json", {"Origin": "https://elsewhere"}, 200),
        ("GET", "/v1/jobs/..%2f..%2fetc%2fpasswd", {}, 404),
        ("GET", "/v1/jobs", {"Authorization": "Bearer \xff"}, 401),
        ("GET", "/v1/jobs", {"Upgrade": "websocket", "Connection": "Upgrade"}, 401),
    ],
)
def test_no_page_of_another_site_reads_an_answer_and_no_header_leads_elsewhere(
    port: int, method: str, path: str, headers: dict[str, str], status: int
) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    connection.request(method, path, headers=headers)
    response = connection.getresponse()
    assert (response.status, bool(json.loads(response.read()))) == (status, True)
    names = {name.lower() for name, _ in response.getheaders()}
    assert not any(name.startswith("access-control-") for name in names)
    assert not names & {"location", "server", "set-cookie"}
    connection.close()


def test_one_token_leaves_room_to_the_others() -> None:
    async def taken() -> None:
        shares, one, another = Shares(), new_keys(), new_keys()
        with ExitStack() as stack:
            for _ in range(STREAMS):
                stack.enter_context(shares.stream(one))
            with pytest.raises(ServiceError) as caught, shares.stream(one):
                pass
            assert caught.value.code == RefusalCode.BUSY
            with shares.stream(another):
                pass
            for _ in range(ALL_STREAMS - STREAMS):
                stack.enter_context(shares.stream(new_keys()))
            with pytest.raises(ServiceError), shares.stream(another):
                pass
        with shares.stream(one):
            pass
        turns = shares.transfer(one)
        for _ in range(TRANSFERS):
            assert not turns.locked()
            await turns.acquire()
        assert shares.transfer(one).locked()
        assert not shares.transfer(another).locked()
        assert shares.question(one, known=False) is shares.question(another, known=False)
        assert shares.question(one, known=True) is not shares.question(another, known=True)

    asyncio.run(taken())


def test_a_gateway_that_ends_waits_for_a_question_without_keeping_it_from_its_answer(tmp_path: Path) -> None:
    server_keys(tmp_path)
    connections = Connections(ServerAddress("127.0.0.1", 1, 1), tmp_path)
    closing = threading.Thread(target=connections.close, daemon=True)

    def ask() -> None:
        with connections.client(new_keys()):
            closing.start()
            # It waits for this one, which has to come to its end meanwhile.
            closing.join(0.5)

    asking = threading.Thread(target=ask, daemon=True)
    asking.start()
    for thread in (asking, closing):
        thread.join(PATIENCE)
        assert not thread.is_alive()


def test_a_token_that_was_made_up_takes_no_place_of_one_in_use(tmp_path: Path) -> None:
    server_keys(tmp_path)
    connections, keys = Connections(ServerAddress("127.0.0.1", 1, 1), tmp_path), new_keys()
    with pytest.raises(ServiceError), connections.client(keys):
        raise ServiceError("It is away", code=ErrorCode.UNREACHABLE)
    assert not connections.knows(keys)
    with connections.client(keys):
        assert not connections.knows(keys)
    assert connections.knows(keys)
    with pytest.raises(ServiceError), connections.client(keys):
        raise ServiceError("It was revoked", code=RefusalCode.NOT_ALLOWED)
    assert not connections.knows(keys)
