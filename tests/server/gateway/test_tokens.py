"""A bearer token is a client's key in another writing; a service that is away is said."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from blender_addon.core.errors import ServiceError
from blender_addon.core.protocol.keys import new_keys, server_keys
from blender_addon.core.protocol.messages import RefusalCode
from blender_addon.core.protocol.server_address import ServerAddress
from server.gateway import connections
from server.gateway.answers import status_of
from server.gateway.connections import Connections
from server.gateway.tokens import PREFIX, bearer_token, keys_of, token_of
from tests.support.properties import examples


def test_a_token_gives_back_the_keys_and_fits_into_a_header() -> None:
    for _ in range(20):
        keys = new_keys()
        token = token_of(keys)
        assert keys_of(bearer_token(f"bearer  {token} ")) == keys
        assert token.isascii()
        assert not set(token) & set(" ,;=\"'\\")


@examples(50)
@given(st.text(max_size=80))
@example("é" * 43)
@example("A" * 44)
@example("A" * 42)
def test_any_other_text_is_refused_in_words(text: str) -> None:
    for token in (text, PREFIX + text):
        with pytest.raises(ServiceError, match="This is not a token") as caught:
            keys_of(token)
        assert caught.value.code == RefusalCode.NOT_ALLOWED


def test_a_server_that_is_away_is_the_services_fault_not_the_tokens(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "PATIENCE", 0.0)
    server_keys(tmp_path)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, but nobody listens
        port = taken.getsockname()[1]
        service = Connections(ServerAddress("127.0.0.1", port, port), tmp_path)
        with pytest.raises(ServiceError) as caught, service.client(new_keys()) as client:
            client.jobs()
        service.close()
    assert status_of(caught.value) == 503
