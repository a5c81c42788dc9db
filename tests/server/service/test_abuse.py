"""An allowed client that sends what no client should: refused within limits, and the server goes on for everybody."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import zmq

from blender_addon.core.framing import PREAMBLE, decode_server_message, encode
from blender_addon.core.keys import client_keys, server_keys
from blender_addon.core.messages import Limits, ListJobs, Ping, Refused, UploadChunk
from server.data.motorcycle import Motorcycle
from tests.server.service.running_server import RunningServer, new_id, small_blob


@contextmanager
def _raw_socket(server: RunningServer, port: int) -> Iterator[zmq.Socket[bytes]]:
    """A socket with a good key and no manners."""
    keys = client_keys(server.config_dir)
    with zmq.Context() as context, context.socket(zmq.DEALER) as dealer:
        dealer.linger = 0
        dealer.curve_serverkey = server_keys(server.config_dir).public.encode()
        dealer.curve_publickey, dealer.curve_secretkey = keys.public.encode(), keys.secret.encode()
        dealer.sndhwm = 0
        dealer.connect(f"tcp://127.0.0.1:{port}")
        yield dealer


@pytest.mark.parametrize("channel", ["control", "data"])
@pytest.mark.parametrize(
    ("what", "frames"),
    [
        ("200,001 frames", [b""] * 200_001),
        ("one frame", [PREAMBLE]),
        ("no RealCam", [b"GET / HTTP/1.1", b"Host: x"]),
        ("nested bomb", [PREAMBLE, b"\x91" * 60_000]),
        ("four billion entries", [PREAMBLE, b"\xdd\xff\xff\xff\xff"]),
        ("a header over the limit", [PREAMBLE, b"\x00" * 100_000]),
        ("too many buffers", [*encode(ListJobs()), *[b"x"] * 9]),
    ],
)
def test_malformed_messages_are_refused(
    shared_server: RunningServer, channel: str, what: str, frames: list[bytes]
) -> None:
    address = shared_server.address
    port = address.control_port if channel == "control" else address.data_port
    with shared_server.client() as neighbour:
        before = neighbour.facts().memory
        with _raw_socket(shared_server, port) as dealer:
            dealer.send_multipart(frames)
            assert dealer.poll(30_000), what
            answer = decode_server_message(dealer.recv_multipart(), Limits()).message
        assert isinstance(answer, Refused)
        assert answer.code.value == "malformed"
        assert neighbour.facts().memory - before < 64_000_000


@pytest.mark.parametrize("channel", ["control", "data"])
def test_a_frame_over_the_limit_ends_the_connection_and_nothing_else(
    shared_server: RunningServer, channel: str
) -> None:
    address = shared_server.address
    port = address.control_port if channel == "control" else address.data_port
    with shared_server.client() as neighbour, _raw_socket(shared_server, port) as dealer:
        before = neighbour.facts().memory
        dealer.send_multipart([PREAMBLE, b"\x00" * 10_000_000])
        assert not dealer.poll(500)
        assert neighbour.facts().memory - before < 32_000_000


def test_messages_on_the_wrong_socket_or_without_a_session_are_refused(shared_server: RunningServer) -> None:
    address = shared_server.address
    chunk = encode(UploadChunk(session="none", job_id=new_id(), offset=0))
    for port, frames, code in (
        (address.control_port, encode(ListJobs()), "no-session"),
        (address.data_port, encode(ListJobs()), "malformed"),
        (address.data_port, chunk, "no-session"),
    ):
        with _raw_socket(shared_server, port) as dealer:
            dealer.send_multipart(frames)
            assert dealer.poll(10_000)
            answer = decode_server_message(dealer.recv_multipart(), Limits()).message
        assert isinstance(answer, Refused)
        assert answer.code.value == code


def test_a_client_that_never_reads_is_let_go_and_its_job_is_done(
    shared_server: RunningServer, bike: Motorcycle
) -> None:
    """Thousands of questions whose answers nobody takes: they wait in bounded places, then the session ends."""
    with shared_server.client() as neighbour:
        before = neighbour.facts().memory
        with _raw_socket(shared_server, shared_server.address.control_port) as dealer:
            dealer.rcvhwm = 1
            for token in range(5000):
                dealer.send_multipart(encode(Ping(token=token)))
            job_id = new_id()
            neighbour.submit(job_id, small_blob(bike), "copy")
            list(neighbour.follow(job_id))
            assert neighbour.facts().memory - before < 64_000_000
        assert neighbour.status(job_id).state.value == "done"
