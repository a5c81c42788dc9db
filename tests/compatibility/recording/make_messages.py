"""Writes fixtures/messages: the frames of each message, and what a client sent to a server from hello to the last byte
of its clip.
"""

from __future__ import annotations

import base64
import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import msgspec
import numpy as np

from blender_addon.core.client_session import Channel, Session
from blender_addon.core.framing import Buffer, encode
from blender_addon.core.job_file import encode_order
from blender_addon.core.messages import (
    PROTOCOL_VERSION,
    Cancel,
    ClientMessage,
    Facts,
    Fetched,
    FileChunk,
    Follow,
    GetFacts,
    GetStatus,
    Hello,
    Jobs,
    JobState,
    JobStatus,
    Limits,
    ListJobs,
    Ping,
    Pong,
    Progress,
    Prune,
    Pruned,
    ReadChunk,
    RefusalCode,
    Refused,
    ResultFile,
    ServerMessage,
    StateEvent,
    Submit,
    UploadChunk,
    UploadReceived,
    Welcome,
)
from blender_addon.core.shot import EngineCapability, EngineOption
from server.data.motorcycle import Motorcycle
from tests.compatibility import orders
from tests.compatibility.engines_of_fixtures import ENGINES
from tests.server.service.running_server import RunningServer

JOB, DIGEST = "0123456789abcdef0123456789abcdef", "0f" * 32
SESSION = "fedcba98" * 4
BYTES = np.frombuffer(b"thirty-three bytes, no more, here", dtype=np.uint8)
FILE = ResultFile(name="frames/0000.png", nbytes=4097, sha256="a5" * 32)
CAPABILITY = EngineCapability(
    name="realcam",
    label="RealCam",
    description="for tests",
    sizes=((512, 320), (256, 256)),
    frame_counts=(16, 24),
    modes=("basic", "interpolation"),
    draft=True,
    reads_prompt=False,
    needs_gpu=True,
    needs_weights=True,
    licence="Apache 2.0",
    unavailable="not here",
    checkpoint_share=1.5,
    options=(
        EngineOption(
            name="steps", label="Steps", description="how many", kind="int", default=25, minimum=1.0, maximum=100.0
        ),
        EngineOption(
            name="shaping", label="Hold", description="how", kind="choice", default="noisy", choices=("noisy", "off")
        ),
    ),
)
STATUS = JobStatus(
    job_id=JOB,
    state=JobState.RUNNING,
    engine="realcam",
    title="Straße",
    attempt=2,
    received=123456,
    sequence=5,
    queue_place=1,
    reason="The server was restarted while this job ran.",
    submitted_at=1700000000.25,
    finished_at=1700000100.5,
    engine_seconds=12.5,
    fetched_at=1700000200.75,
    cancel_requested=True,
    results=(FILE,),
)
CLIENT: tuple[tuple[ClientMessage, tuple[Buffer, ...]], ...] = (
    (Hello(protocol=PROTOCOL_VERSION, client_id="4" * 32, software="RealCam for Blender in Blender 4.5.3"), ()),
    (Submit(job_id=JOB, digest=DIGEST, nbytes=17664, engine="draft"), ()),
    (Submit(job_id=JOB, digest=DIGEST, nbytes=2**40, engine="depth-anything-indoor-small", title="Straße"), ()),
    (Follow(job_id=JOB), ()),
    (Follow(job_id=JOB, after_sequence=3), ()),
    (GetStatus(job_id=JOB), ()),
    (ListJobs(), ()),
    (Cancel(job_id=JOB), ()),
    (Fetched(job_id=JOB), ()),
    (Prune(older_than=86400.5), ()),
    (Prune(older_than=0.0, unfetched=True), ()),
    (GetFacts(), ()),
    (Ping(token=-(2**40)), ()),
    (UploadChunk(session=SESSION, job_id=JOB, offset=0), (BYTES,)),
    (UploadChunk(session=SESSION, job_id=JOB, offset=2**33), (BYTES[:0],)),
    (ReadChunk(session=SESSION, job_id=JOB, name="clip.mp4", offset=1024, nbytes=2**20), ()),
    (ReadChunk(session=SESSION, job_id=JOB, name="frames/0000.png", offset=0, nbytes=33), ()),
)
SERVER: tuple[tuple[ServerMessage, tuple[Buffer, ...]], ...] = (
    (
        Welcome(
            protocol=PROTOCOL_VERSION,
            software="realcam 0.1.0",
            boot_id="b" * 32,
            session=SESSION,
            limits=Limits(),
            engines=(CAPABILITY, msgspec.structs.replace(CAPABILITY, name="draft", options=())),
        ),
        (),
    ),
    *((Refused(code=code, what="No"), ()) for code in RefusalCode),
    (Refused(code=RefusalCode.NO_SPACE, what="No", why="the disk is full", remedy="Make room.", job_id=JOB), ()),
    *((JobStatus(job_id=JOB, state=state), ()) for state in JobState),
    (STATUS, ()),
    (Jobs(jobs=(STATUS, JobStatus(job_id="another-job", state=JobState.DONE))), ()),
    (StateEvent(job_id=JOB, sequence=4, state=JobState.FAILED, attempt=1, at=1700000000.25, reason="too dark"), ()),
    (StateEvent(job_id=JOB, sequence=1, state=JobState.QUEUED, attempt=0, at=0.5), ()),
    (Progress(job_id=JOB, attempt=1, step=0, steps=0, stage=""), ()),
    (
        Progress(
            job_id=JOB,
            attempt=2,
            step=3,
            steps=25,
            stage="Sampling",
            seconds_left=12.25,
            queue_place=2,
            has_preview=True,
        ),
        (BYTES,),
    ),
    (Pong(token=7, boot_id="b" * 32, loop_lag=0.001), ()),
    (Pong(token=7, boot_id="b" * 32, loop_lag=0.5, step_age=1.5, queued=3, running=JOB), ()),
    (Pruned(jobs=3, nbytes=2**40), ()),
    (
        Facts(
            uptime=12.5,
            loop_lag=0.25,
            memory=10**8,
            worker_memory=10**9,
            worker_ready=True,
            running=True,
            step_age=0.5,
            queued=2,
            jobs={"done": 3, "queued": 2},
            sessions=1,
            refused_connections=4,
            disk_free=10**12,
            disk_promised=10**6,
            engines_set_aside={"realcam": "it crashed twice"},
        ),
        (),
    ),
    (UploadReceived(job_id=JOB, received=8832, state=JobState.UPLOADING), ()),
    (UploadReceived(job_id=JOB, received=0, state=JobState.UPLOADING, damaged=True), ()),
    (FileChunk(job_id=JOB, name="clip.mp4", offset=2**33), (BYTES,)),
)


def make_messages(bike: Motorcycle, target: Path) -> None:
    """Write them all."""
    target.mkdir(parents=True, exist_ok=True)
    recorded = {
        "client": [_recorded(*said, question) for question, said in enumerate(CLIENT)],
        "server": [_recorded(*said, question) for question, said in enumerate(SERVER)],
    }
    _write_lines(target / "messages.json", recorded)
    _write_lines(target / "conversation.json", {"said": conversation(bike)})


def _recorded(message: Any, buffers: Sequence[Buffer], question: int) -> dict[str, Any]:
    return {
        "name": type(message).__name__,
        "question": question,
        "frames": _frames(message, buffers, question),
        "fields": msgspec.to_builtins(message),
        "buffers": [array.tolist() for array in buffers],
    }


def _frames(message: ClientMessage | ServerMessage, buffers: Sequence[Buffer], question: int) -> list[str]:
    return [base64.b64encode(frame).decode() for frame in encode(message, buffers, question)]


def _write_lines(path: Path, lists: dict[str, list[Any]]) -> None:
    """JSON with one entry of each list on a line."""
    rows = (f'"{name}": [\n' + ",\n".join(map(json.dumps, entries)) + "\n]" for name, entries in lists.items())
    path.write_text("{" + ",\n".join(rows) + "}\n", encoding="utf-8")


# --- what a client says ---------------------------------------------------------------------------------------------


class RecordingSession(Session):
    """Writes down what is sent."""

    sessions: ClassVar[list[RecordingSession]] = []
    said: ClassVar[list[dict[str, Any]]] = []

    def send(self, channel: Channel, message: ClientMessage, buffers: Sequence[Buffer] = (), question: int = 0) -> None:
        super().send(channel, message, buffers, question)
        entry = {"channel": channel, "name": type(message).__name__, "question": question}
        self.said.append({**entry, "frames": _frames(message, buffers, question)})
        if self not in self.sessions:
            self.sessions.append(self)


def conversation(bike: Motorcycle) -> list[dict[str, Any]]:
    """A whole job of the engine "copy" by the client, then what it asks besides. `answer`: what came back, by name.

    The first entry holds the session's token, which later ones repeat.
    """
    with tempfile.TemporaryDirectory() as folder:
        server = RunningServer(Path(folder) / "data", Path(folder) / "config", ("--engines", ENGINES)).start()
        try:
            with server.client(connect=RecordingSession) as client:
                client.submit(JOB, encode_order(orders.shot(bike, "copy", last_image=True)), "copy", "recorded")
                list(client.follow(JOB))
                client.status(JOB)
                (session,) = RecordingSession.sessions
                token = session.welcome.session
                # The first bytes of a PNG and of an MP4, which are the same whatever made the rest.
                for name, nbytes in (("frames/0003.png", 33), ("clip.mp4", 8)):
                    session.send("data", ReadChunk(session=token, job_id=JOB, name=name, offset=0, nbytes=nbytes))
                client._ask(session, Fetched(job_id=JOB), JobStatus)
                client.jobs()
                client.facts()
                client.cancel(JOB)
                client.prune(0.0)
                client.status(JOB)
        finally:
            server.stop()
    answers = {
        "Hello": "Welcome",
        "Submit": "JobStatus",
        "UploadChunk": "UploadReceived",
        "Follow": "StateEvent",
        "ReadChunk": "FileChunk",
        "ListJobs": "Jobs",
        "GetFacts": "Facts",
        "Prune": "Pruned",
    }
    said = [{**entry, "answer": answers.get(entry["name"], "JobStatus")} for entry in RecordingSession.said]
    return [{**said[0], "session": token}, *said[1:]]
