"""What is answered to each message that comes at the wrong time, to the wrong socket or about somebody else's job.

The server's own parts in this process, behind a simulated wire on which nothing goes wrong.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from blender_addon.core.protocol.client import Client
from blender_addon.core.protocol.messages import (
    Fetched,
    Follow,
    Hello,
    JobState,
    JobStatus,
    ListJobs,
    Ping,
    Pong,
    Prune,
    Pruned,
    ReadChunk,
    RefusalCode,
    Refused,
    ServerMessage,
    Submit,
    UploadChunk,
    UploadReceived,
)
from blender_addon.core.protocol.server_address import ServerAddress
from server.demo.motorcycle import Motorcycle
from server.service.jobs.job_states import Cause
from tests.support.network.simulated_wire import LIMITS, Connection, World
from tests.support.shots import small_payload

JOB, OTHER = "job-00000000", "job-00000001"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = World(tmp_path)
    yield world
    world.close()


@pytest.fixture
def payload(bike: Motorcycle) -> bytes:
    return small_payload(bike, frames=1)


def connected(world: World, user: str = "anna") -> Connection:
    return world.connect(ServerAddress("simulated", 1, 2), world.folder, user, "tests", 1.0, None)


def answer(connection: Connection, channel: str, message: Any, *buffers: Any) -> ServerMessage:
    connection.send(channel, message, buffers)
    return connection.receive(channel, 1.0).message


def refusal(connection: Connection, channel: str, message: Any, *buffers: Any) -> tuple[RefusalCode, str]:
    refused = answer(connection, channel, message, *buffers)
    assert isinstance(refused, Refused)
    return refused.code, refused.what


def submit(connection: Connection, payload: bytes, job_id: str = JOB) -> JobStatus:
    message = Submit(job_id=job_id, digest=hashlib.sha256(payload).hexdigest(), nbytes=len(payload), engine="copy")
    status = answer(connection, "control", message)
    assert isinstance(status, JobStatus)
    return status


def upload(connection: Connection, payload: bytes, *, offset: int = 0, session: str = "") -> ServerMessage:
    """Of a whole payload, in chunks as long as the server takes them."""
    last: ServerMessage = Pong(token=0, boot_id="", loop_lag=0.0)
    for start in range(0, len(payload), LIMITS.chunk_bytes):
        message = UploadChunk(session=session or connection.welcome.session, job_id=JOB, offset=offset + start)
        last = answer(connection, "data", message, np.frombuffer(payload[start : start + LIMITS.chunk_bytes], np.uint8))
    return last


def test_messages_on_the_wrong_socket_and_of_unknown_jobs(world: World) -> None:
    anna = connected(world)
    session = anna.welcome.session
    assert refusal(anna, "data", ListJobs()) == (
        RefusalCode.MALFORMED,
        "This message does not belong on the data socket",
    )
    chunk = UploadChunk(session=session, job_id=JOB, offset=0)
    assert refusal(anna, "control", chunk) == (RefusalCode.MALFORMED, "This message does not belong on this socket")
    read = ReadChunk(session=session, job_id=JOB, name="clip.mp4", offset=0, nbytes=1)
    assert refusal(anna, "data", read)[0] is RefusalCode.NO_SUCH_JOB
    assert refusal(anna, "control", Fetched(job_id=JOB))[0] is RefusalCode.NO_SUCH_JOB
    assert isinstance(answer(anna, "control", Ping(token=7)), Pong)
    assert answer(anna, "control", Prune(older_than=0.0, unfetched=True)) == Pruned(jobs=0, nbytes=0)
    old = Hello(protocol=(1, 0), client_id="old", software="RealCam 0.1")
    assert refusal(anna, "control", old)[0] is RefusalCode.PROTOCOL


def test_a_job_is_read_and_written_by_its_owner_alone_and_at_its_time(world: World, payload: bytes) -> None:
    anna, bob = connected(world), connected(world, "bob")
    session = anna.welcome.session
    submit(anna, payload)
    assert refusal(bob, "data", UploadChunk(session=session, job_id=JOB, offset=0))[0] is RefusalCode.NO_SESSION
    assert refusal(bob, "data", UploadChunk(session=bob.welcome.session, job_id=JOB, offset=0))[0] is (
        RefusalCode.NO_SUCH_JOB
    )
    read = ReadChunk(session=session, job_id=JOB, name="clip.mp4", offset=0, nbytes=1)
    assert refusal(anna, "data", read) == (RefusalCode.NOT_READY, "This job has no such file")
    here = UploadChunk(session=session, job_id=JOB, offset=0)
    assert refusal(anna, "data", here, np.ones(4))[1] == "A chunk comes with one buffer of bytes"
    far = UploadChunk(session=session, job_id=JOB, offset=len(payload))
    assert refusal(anna, "data", far, np.zeros(1, np.uint8)) == (
        RefusalCode.TOO_LARGE,
        "More bytes came than were announced",
    )
    stored = upload(anna, payload)
    assert isinstance(stored, UploadReceived)
    assert (stored.received, stored.state) == (len(payload), JobState.QUEUED)
    again = answer(anna, "data", here, np.zeros(1, np.uint8))
    assert isinstance(again, UploadReceived)
    assert (again.received, again.damaged) == (len(payload), False)


def test_a_payload_of_other_bytes_begins_again_and_one_for_another_engine_is_refused(
    world: World, payload: bytes, bike: Motorcycle
) -> None:
    anna = connected(world)
    submit(anna, payload)
    damaged = upload(anna, bytes(len(payload)))
    assert isinstance(damaged, UploadReceived)
    assert (damaged.received, damaged.state, damaged.damaged) == (0, JobState.UPLOADING, True)
    whole = upload(anna, payload)
    assert isinstance(whole, UploadReceived)
    assert whole.state is JobState.QUEUED
    for other, said in (
        (small_payload(bike, engine="draft", frames=1), "The payload is for the engine draft, the job for copy."),
        (b"no shot at all", "This is not a"),
    ):
        world.manager.forget([JOB])
        submit(anna, other)
        refused = upload(anna, other)
        assert isinstance(refused, UploadReceived)
        assert refused.state is JobState.FAILED
        assert said in world.manager.store.get(JOB).reason


def test_lists_are_as_long_as_a_message_may_be(tmp_path: Path, payload: bytes) -> None:
    world = World(tmp_path, msgspec.structs.replace(LIMITS, header_bytes=4096 + 300, followed_jobs=1))
    try:
        anna = connected(world)
        for number in range(5):
            submit(anna, payload, f"job-{number:08d}")
        listed: Any = answer(anna, "control", ListJobs())
        assert 0 < len(listed.jobs) < 5
        assert listed.jobs[0].job_id == "job-00000004"
        for job_id in (JOB, OTHER):
            first: Any = answer(anna, "control", Follow(job_id=job_id, after_sequence=0))
            assert first.job_id == job_id
    finally:
        world.close()


def test_a_client_prunes_all_its_jobs_though_the_server_removes_some_at_a_time(tmp_path: Path) -> None:
    world = World(tmp_path, msgspec.structs.replace(LIMITS, pruned_jobs=2))
    with Client(ServerAddress("simulated", 1, 2), "anna", "tests", config=tmp_path, connect=world.connect) as client:
        client.connect()
        for number in range(5):
            job = world.manager.store.create(f"job-{number:08d}", "anna", "0" * 64, 4, "copy", "", 1.0)
            world.manager.move(job, Cause.PAYLOAD_REFUSED)
        assert client.prune(-1.0) == Pruned(jobs=5, nbytes=0)
        assert client.jobs() == ()
    world.close()
