"""Only allowed keys enter, on both sockets, and are shut out at once when revoked."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
import zmq

from blender_addon.core.errors import ServiceError
from blender_addon.core.protocol.client import Client
from blender_addon.core.protocol.framing import encode
from blender_addon.core.protocol.keys import client_keys, new_keys, server_keys
from blender_addon.core.protocol.messages import PROTOCOL_VERSION, Hello, JobState, ReadChunk
from server.demo.motorcycle import Motorcycle
from server.service.options import ServiceOptions
from server.service.requests.sockets import Router
from server.service.requests.zap import AllowList, ZapHandler, prove_closed
from server.service.service import Service
from tests.support.servers import REPOSITORY, RunningServer, StartServer, new_id
from tests.support.shots import small_payload


def _keys_command(config: Path, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "server.cli", "keys", *arguments],
        cwd=REPOSITORY,
        env={**os.environ, "REALCAM_CONFIG_DIR": str(config)},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout.strip() or done.stderr.strip()


def test_a_stranger_is_refused_at_once_and_told_why(shared_server: RunningServer, tmp_path: Path) -> None:
    server_key = server_keys(shared_server.config_dir).public
    address = replace(shared_server.address, server_key=server_key)
    with pytest.raises(ServiceError, match="does not let this computer in") as error:
        Client(address, "stranger", "tests", config=tmp_path).connect()
    assert error.value.code == "not-allowed"


def test_a_wrong_server_key_is_refused(shared_server: RunningServer) -> None:
    address = replace(shared_server.address, server_key=new_keys().public)
    with pytest.raises(ServiceError, match=r"its key is another one|does not answer") as error:
        Client(address, "me", "tests", config=shared_server.config_dir).connect(timeout=3.0)
    assert error.value.code in ("handshake", "unreachable")


@pytest.mark.parametrize("channel", ["control", "data"])
def test_no_encryption_no_entry(shared_server: RunningServer, channel: str) -> None:
    port = shared_server.address.control_port if channel == "control" else shared_server.address.data_port
    with zmq.Context() as context, context.socket(zmq.DEALER) as plain:
        plain.linger = 0
        # Refused before it has sent anything, a socket has nowhere to send to, and would wait for ever.
        plain.sndtimeo = 1000
        plain.connect(f"tcp://127.0.0.1:{port}")
        with suppress(zmq.Again):
            plain.send_multipart(encode(Hello(protocol=PROTOCOL_VERSION, client_id="plain", software="tests")))
        assert plain.poll(1000) == 0


def test_a_paired_client_works_and_a_revoked_one_is_shut_out_in_mid_session(
    start_server: StartServer, bike: Motorcycle, tmp_path: Path
) -> None:
    server = start_server()
    there = tmp_path / "elsewhere"
    port, data_port = str(server.address.control_port), str(server.address.data_port)
    text = _keys_command(
        server.config_dir, "invite", "anna", "--host", "127.0.0.1", "--port", port, "--data-port", data_port
    )
    assert "Paired with" in _keys_command(there, "pair", text)
    assert "anna" in _keys_command(server.config_dir, "list")
    with Client(server.address, "anna", "tests", config=there, patience=1.0) as anna:
        anna.connect()
        assert anna.submit(new_id(), small_payload(bike), "copy").state is not JobState.UPLOADING
        assert "shut out" in _keys_command(server.config_dir, "revoke", "anna")
        with pytest.raises(ServiceError, match="no longer allowed"):
            anna.jobs()
        with pytest.raises(ServiceError, match="does not let this computer in"):
            anna.connect()


def test_a_session_token_is_worth_nothing_with_another_key(
    start_server: StartServer, bike: Motorcycle, tmp_path: Path
) -> None:
    server, job_id = start_server(), new_id()
    with server.client() as owner, server.other_client("bob") as bob:
        token = owner.connect().session
        owner.submit(job_id, small_payload(bike), "copy")
        list(owner.follow(job_id))
        bob.connect()
        assert bob._session is not None
        bob._session.send("data", ReadChunk(session=token, job_id=job_id, name="metadata.json", offset=0, nbytes=100))
        answer = bob._session.receive("data", 10.0).message
    assert getattr(answer, "code", None) == "no-session"


def test_beyond_loopback_nobody_is_served_without_a_list(tmp_path: Path) -> None:
    with pytest.raises(ServiceError, match="while nobody is allowed"):
        Service(ServiceOptions(data_dir=tmp_path / "data", config_dir=tmp_path / "config", host="0.0.0.0"))


def test_a_damaged_allow_list_lets_nobody_else_in(tmp_path: Path) -> None:
    own = AllowList(tmp_path)
    path = tmp_path / "allowed_clients.json"
    path.write_text("[{")
    path.chmod(0o600)
    assert own.name_of(new_keys().public) is None
    assert own.others() == 0
    path.write_text('[{"name": "anna", "public": "%s", "added_at": 0}]' % ("a" * 40))
    path.chmod(0o644)
    assert own.others() == 0
    path.chmod(0o600)
    path.write_text('[{"name": "anna", "public": "%s", "added_at": 1}]' % ("a" * 40))
    assert own.name_of("a" * 40) == "anna"


def without_ipv6() -> str:
    """Why IPv6 cannot be tried here, "" where it can."""
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError as error:
        return f"this machine has no ::1: {error}"
    return ""


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "0.0.0.0", "::1", "::"])
def test_the_self_test_reaches_every_address_that_a_server_listens_on(host: str, tmp_path: Path) -> None:
    if ":" in host and (why := without_ipv6()):
        pytest.skip(why)
    keys = new_keys()
    with zmq.Context() as context:
        handler = ZapHandler(context, AllowList(tmp_path))
        router = Router(context, host, 0, 10_000, keys)
        prove_closed(handler, [router.own_endpoint], keys.public)
        router.socket.close(linger=0)
        handler.socket.close()


def test_an_address_that_cannot_be_reached_is_no_open_lock(tmp_path: Path) -> None:
    with zmq.Context() as context:
        handler = ZapHandler(context, AllowList(tmp_path))
        with pytest.raises(ServiceError, match="lock could not be tried: no handshake"):
            prove_closed(handler, ["tcp://127.0.0.1:9"], new_keys().public, seconds=0.2)
        handler.socket.close()


def test_a_server_on_ipv6(start_server: StartServer) -> None:
    if why := without_ipv6():
        pytest.skip(why)
    server = start_server("--host", "[::1]")
    address = replace(server.address, host="::1")
    with Client(address, "me", "tests", config=server.config_dir) as client:
        assert client.connect().engines
        assert str(client.address) == f"[::1]:{address.control_port}"


@pytest.mark.parametrize("enforce", [False, True])
@pytest.mark.parametrize("alive", [False, True])
def test_the_self_test_tells_a_lock_that_holds_from_one_that_does_not(
    tmp_path: Path, enforce: bool, alive: bool
) -> None:
    """Every combination of domain and handler. A handler that is not there is told from one that refuses, and then
    the server does not start; without the domain, libzmq lets everybody in whom no handler refuses."""
    keys = new_keys()
    with zmq.Context() as context:
        handler = ZapHandler(context, AllowList(tmp_path))
        router = context.socket(zmq.ROUTER)
        router.linger = 0
        router.curve_server = True
        router.curve_publickey, router.curve_secretkey = keys.public.encode(), keys.secret.encode()
        if enforce:
            router.zap_domain = b"realcam"
            router.setsockopt(zmq.ZAP_ENFORCE_DOMAIN, 1)
        if not alive:
            handler.socket.close()
            handler.socket = context.socket(zmq.REP)
        port = router.bind_to_random_port("tcp://127.0.0.1")
        endpoint = f"tcp://127.0.0.1:{port}"
        if alive:
            prove_closed(handler, [endpoint], keys.public)
        else:
            with pytest.raises(ServiceError, match="lock does not hold"):
                prove_closed(handler, [endpoint], keys.public)
        router.close()
        handler.socket.close()


@pytest.mark.parametrize(
    "request_frames",
    [[], [b""], [b"1.0"] * 6, [b"1.0"] * 9, [b"1.0", b"1", b"realcam", b"", b"", b"PLAIN", b"x", b"y"]]
    + [[b"1.0", b"1", b"realcam", b"", b"", b"CURVE", key] for key in (b"", b"x" * 31, b"x" * 32)]
    + [[b"1.0", b"1", b"other", b"", b"", b"CURVE", b"x" * 32]],
)
def test_a_strange_question_gets_a_no(tmp_path: Path, request_frames: list[bytes]) -> None:
    with zmq.Context() as context:
        handler = ZapHandler(context, AllowList(tmp_path))
        assert handler._answer(request_frames)[2] == b"400"
        handler.socket.close()


def test_a_start_warns_of_nobody_and_a_stranger_is_in_the_log(start_server: StartServer, tmp_path: Path) -> None:
    server = start_server(log=tmp_path / "server.log")
    assert "refused a connection" not in (tmp_path / "server.log").read_text(), "of the server's own check"
    address = replace(server.address, server_key=server_keys(server.config_dir).public)
    with pytest.raises(ServiceError, match="does not let this computer in"):
        Client(address, "stranger", "tests", config=tmp_path / "stranger").connect()
    key = client_keys(tmp_path / "stranger").public
    assert f"WARNING realcam.zap: refused a connection with key {key}" in (tmp_path / "server.log").read_text()
