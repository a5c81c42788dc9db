"""Writes fixtures/store: the data directory of a server that was killed with work in every state, and its keys.

The server is stopped once in between, so that most of the store is in its main file and the rest in its journal.
Job ids, orders and results are the same at every run; keys, times and durations are not.
"""

from __future__ import annotations

import hashlib
import shutil
import tempfile
import time
from pathlib import Path

import msgspec
import numpy as np
import psutil

from blender_addon.core.client import Client, JobProgress
from blender_addon.core.client_session import Session
from blender_addon.core.job_file import Order, encode_order
from blender_addon.core.messages import JobState, JobStatus, StateEvent, Submit, UploadChunk, UploadReceived
from server.data.motorcycle import Motorcycle
from tests.compatibility import orders
from tests.compatibility.engines_of_fixtures import ENGINES
from tests.server.service.running_server import RunningServer

DONE = {"old-done-fetched": True, "old-done-waiting": False, "old-done-depth": True, "old-done-check": False}
"""Finished jobs: whether their client has fetched them."""
FAILED, CANCELLED, RUNNING, QUEUED, HALF = (
    f"old-{state}" for state in ("failed", "cancelled", "running", "queued", "half-sent")
)

DIGEST_BYTES = 32
"""Of a checkpoint's bytes, before them in its file."""


def make_store(bike: Motorcycle, target: Path) -> None:
    """Write it, with `expected.json`: what each job's client was told last, and the events that led there."""
    with tempfile.TemporaryDirectory() as folder:
        server = RunningServer(Path(folder) / "data", Path(folder) / "config", ("--engines", ENGINES)).start()
        with server.client() as client:
            _ended_jobs(client, bike, Path(folder))
        server.stop()
        server.start()
        with server.client() as client:
            client.submit(RUNNING, encode_order(orders.shot(bike, "tally", pause=60.0)), "tally", "under way")
            checkpoint = server.data_dir / "checkpoints" / RUNNING / "state"
            while not checkpoint.is_file() or checkpoint.stat().st_size < DIGEST_BYTES + 2:
                time.sleep(0.02)
            client.submit(QUEUED, encode_order(orders.shot(bike, "draft")), "draft", "in the queue")
            half = encode_order(orders.shot(bike, "copy"))
            _send_half(server, half)
            told = {status.job_id: _told(client, status) for status in client.jobs()}
            assert server.process is not None
            (worker,) = psutil.Process(server.process.pid).children()
            server.kill()
        psutil.wait_procs([worker])
        shutil.rmtree(target, ignore_errors=True)
        # The ballast is a megabyte of nothing, kept for a full disk and made at the next start.
        shutil.copytree(server.data_dir, target / "data", ignore=shutil.ignore_patterns("ballast"))
        shutil.copytree(server.config_dir, target / "config")
    (target / "half-sent.shot").write_bytes(half)
    (target / "expected.json").write_bytes(msgspec.json.format(msgspec.json.encode(told), indent=1))


def _ended_jobs(client: Client, bike: Motorcycle, folder: Path) -> None:
    sent: dict[str, tuple[Order, str]] = {
        "old-done-fetched": (orders.shot(bike, "copy"), "copy"),
        "old-done-waiting": (orders.shot(bike, "tally"), "tally"),
        "old-done-depth": (orders.depth_request(bike), orders.PREDICTOR),
        "old-done-check": (orders.check_request(bike), "camera-check"),
        FAILED: (orders.shot(bike, "refuse"), "refuse"),
        CANCELLED: (orders.shot(bike, "copy", pause=0.5), "copy"),
    }
    for job_id, (order, engine) in sent.items():
        client.submit(job_id, encode_order(order), engine, job_id.removeprefix("old-"))
        for event in client.follow(job_id):
            if job_id == CANCELLED and isinstance(event, JobProgress):
                client.cancel(job_id)
        if DONE.get(job_id):
            client.fetch(job_id, folder / job_id)


def _send_half(server: RunningServer, blob: bytes) -> None:
    """As a client does that goes away in the middle."""
    session = Session(server.address, server.config_dir, "test", "tests", 10.0)
    digest = hashlib.sha256(blob).hexdigest()
    session.send("control", Submit(job_id=HALF, digest=digest, nbytes=len(blob), engine="copy", title="half sent"))
    while not isinstance(session.receive("control", 30.0).message, JobStatus):
        pass
    half = np.frombuffer(blob, dtype=np.uint8)[: len(blob) // 2]
    session.send("data", UploadChunk(session=session.welcome.session, job_id=HALF, offset=0), [half])
    answer = session.receive("data", 30.0).message
    assert isinstance(answer, UploadReceived)
    assert (answer.received, answer.state) == (len(half), JobState.UPLOADING)
    session.close()


def _told(client: Client, listed: JobStatus) -> dict[str, object]:
    """The whole status, and every event so far; of jobs that have not ended without what moves meanwhile."""
    status = client.status(listed.job_id)
    events = []
    if status.state.final:
        events = [event for event in client.follow(listed.job_id) if isinstance(event, StateEvent)]
    return {"status": msgspec.to_builtins(status), "events": msgspec.to_builtins(events)}
