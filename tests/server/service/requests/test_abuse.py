"""An allowed client that sends what no client should: refused within limits, and the server goes on for everybody."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest

from blender_addon.core.errors import ServiceError
from blender_addon.core.payloads.shot_file import SHOT
from blender_addon.core.protocol.framing import MAGIC, PREAMBLE, BufferSpec, Header, decode_server_message, encode
from blender_addon.core.protocol.messages import (
    Hello,
    JobState,
    Limits,
    ListJobs,
    Ping,
    Pong,
    Prune,
    Refused,
    Submit,
    UploadChunk,
)
from server.demo.motorcycle import Motorcycle
from tests.support.network.raw_socket import ask, ask_with, raw_socket, session
from tests.support.servers import RunningServer, StartServer, new_id
from tests.support.shots import small_payload


def _chunk_of_shape(*shape: int) -> list[bytes]:
    """A chunk whose empty buffer says that it has this shape."""
    header = Header(UploadChunk(session="none", job_id=new_id(), offset=0), (BufferSpec("uint8", shape, 0),))
    return [PREAMBLE, msgspec.msgpack.encode(header), b""]


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
        ("nothing, in more axes than can be counted", _chunk_of_shape(0, 2**40, 2**40, 2**40)),
    ],
)
def test_malformed_messages_are_refused(
    shared_server: RunningServer, channel: str, what: str, frames: list[bytes]
) -> None:
    with shared_server.client() as neighbour:
        before = neighbour.stats().memory
        with raw_socket(shared_server, channel) as dealer:
            answer = ask_with(dealer, frames)
        assert isinstance(answer, Refused), what
        assert answer.code.value == "malformed"
        assert neighbour.stats().memory - before < 64_000_000


@pytest.mark.parametrize("channel", ["control", "data"])
def test_a_frame_over_the_limit_ends_the_connection_and_nothing_else(
    shared_server: RunningServer, channel: str
) -> None:
    with shared_server.client() as neighbour, raw_socket(shared_server, channel) as dealer:
        before = neighbour.stats().memory
        dealer.send_multipart([PREAMBLE, b"\x00" * 10_000_000])
        assert not dealer.poll(500)
        assert neighbour.stats().memory - before < 32_000_000


def test_messages_on_the_wrong_socket_or_without_a_session_are_refused(shared_server: RunningServer) -> None:
    chunk = encode(UploadChunk(session="none", job_id=new_id(), offset=0))
    for channel, frames, code in (
        ("control", encode(ListJobs()), "no-session"),
        ("data", encode(ListJobs()), "malformed"),
        ("data", chunk, "no-session"),
    ):
        with raw_socket(shared_server, channel) as dealer:
            answer = ask_with(dealer, frames)
        assert isinstance(answer, Refused)
        assert answer.code.value == code


def test_a_client_that_never_reads_is_let_go_and_its_job_is_done(
    shared_server: RunningServer, bike: Motorcycle
) -> None:
    """Thousands of requests whose answers nobody takes: they wait in bounded places, then the session ends."""
    with shared_server.client() as neighbour:
        before = neighbour.stats().memory
        with raw_socket(shared_server, "control") as dealer:
            dealer.rcvhwm = 1
            for token in range(5000):
                dealer.send_multipart(encode(Ping(token=token)))
            job_id = new_id()
            neighbour.submit(job_id, small_payload(bike), "copy")
            list(neighbour.follow(job_id))
            assert neighbour.stats().memory - before < 64_000_000
        assert neighbour.status(job_id).state.value == "done"


def test_a_client_of_the_version_before_is_told_to_update(shared_server: RunningServer) -> None:
    """As it was built: its first frame says 1.0, and its headers lack what came since."""
    hello = Hello(protocol=(1, 0), client_id="old", software="RealCam 0.1")
    frames = [MAGIC + bytes((1, 0)), msgspec.msgpack.encode((hello, ()))]
    with raw_socket(shared_server, "control") as dealer:
        dealer.send_multipart(frames)
        assert dealer.poll(60_000)
        answer = dealer.recv_multipart()
    refused = decode_server_message(answer, Limits()).message
    assert isinstance(refused, Refused)
    assert (refused.code.value, refused.remedy) == ("protocol", "Update the other side.")
    assert "it has 1.0, this side 2.0" in refused.why
    assert answer[0] == MAGIC + bytes((2, 0)), "by which the other side sees that it is the older one"


@pytest.mark.parametrize(
    "specs",
    [
        (),
        (BufferSpec("uint8", (), 1),),
        (BufferSpec("uint8", (2, 5), 10),),
        (BufferSpec("float64", (4,), 32),),
        (BufferSpec("uint8", (3,), 3), BufferSpec("uint8", (3,), 3)),
    ],
    ids=["none", "no axes", "two axes", "numbers", "two"],
)
def test_chunks_that_are_no_bytes_are_refused(shared_server: RunningServer, specs: tuple[BufferSpec, ...]) -> None:
    job_id = new_id()
    with raw_socket(shared_server, "control") as control:
        token = session(control)
        ask(control, Submit(job_id=job_id, digest="0" * 64, nbytes=100, engine="copy"))
        header = Header(UploadChunk(session=token, job_id=job_id, offset=0), specs)
        with raw_socket(shared_server, "data") as data:
            answer = ask_with(data, [PREAMBLE, msgspec.msgpack.encode(header), *(bytes(s.nbytes) for s in specs)])
    assert isinstance(answer, Refused)
    assert answer.what == "A chunk comes with one buffer of bytes"


def test_a_camera_matrix_of_another_shape_fails_its_own_job_alone(
    shared_server: RunningServer, bike: Motorcycle
) -> None:
    payload = small_payload(bike)
    header = SHOT.decode(payload, Limits())[0]
    _, arrays = SHOT.decode(payload, Limits())
    arrays = {**arrays, "photo_intrinsics": np.ones((2, 5))}
    wrong = SHOT.encode(msgspec.structs.replace(header, buffers=SHOT.specs(arrays)), arrays)
    with shared_server.client() as client:
        with pytest.raises(ServiceError, match="photo_intrinsics has the wrong form"):
            client.submit(new_id(), wrong, "copy")
        client.submit(job_id := new_id(), payload, "copy")
        assert list(client.follow(job_id))[-1].state is JobState.DONE


def test_a_mistake_in_the_server_costs_the_shot_or_message_that_brings_it_out(
    start_server: StartServer, bike: Motorcycle
) -> None:
    program = (
        "import server.service.requests.control_requests as control, server.service.requests.data_requests as data\n"
        "read = data.decode_payload\n"
        "def mistaken(payload, limits):\n"
        "    payload = read(payload, limits)\n"
        "    return payload if payload.settings.seed == 0 else [][1]\n"
        "data.decode_payload = mistaken\n"
        "control.ControlHandler._prune = lambda handler, session, message: [][1]\n"
        "from server.cli import app\n"
        "app()\n"
    )
    server = start_server(program=("-c", program))
    with server.client() as client:
        job_id, good = new_id(), new_id()
        with pytest.raises(ServiceError, match="The server could not read the payload"):
            client.submit(job_id, small_payload(bike, seed=1), "copy")
        with raw_socket(server, "control") as dealer:
            session(dealer)
            dealer.send_multipart(encode(Prune(older_than=0.0)))
            assert isinstance(ask(dealer, Ping(token=1)), Pong)
        server.kill()
        server.start()
        assert client.status(job_id).state is JobState.FAILED, "not queued by the next start"
        client.submit(good, small_payload(bike), "copy")
        assert list(client.follow(good))[-1].state is JobState.DONE
