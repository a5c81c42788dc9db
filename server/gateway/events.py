"""Server-sent events of a job: its states, numbered, its progress and previews."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import replace

import msgspec

from blender_addon.core.errors import RealCamError
from blender_addon.core.progress import JobProgress
from blender_addon.core.protocol.keys import KeyPair
from blender_addon.core.protocol.messages import Progress, StateEvent

from .answers import problem_of
from .connections import Connections

KEEP_ALIVE = 15.0
"""Seconds of silence after which a comment is sent, so that no proxy takes the stream for dead."""
WAITING = 64
"""Events that may wait for a slow reader; then the service is read no further."""


class Preview(msgspec.Struct, frozen=True):
    """How the clip looks so far; `jpeg` is a file in base64."""

    job_id: str
    attempt: int
    step: int
    jpeg: bytes


async def job_events(
    connections: Connections, keys: KeyPair, job_id: str, after: int, previews: bool
) -> AsyncIterator[bytes]:
    """The events of a job as text/event-stream until it ended; an error of the service is its last event, `problem`.

    Args:
        connections: to the service.
        keys: the token's.
        job_id: the job, which is the token's.
        after: number of the last state event that the reader has.
        previews: whether pictures are sent, an event `preview` after the `progress` that it belongs to.
    """
    loop, queue = asyncio.get_running_loop(), asyncio.Queue[bytes | None](WAITING)
    left = threading.Event()

    def put(event: bytes | None) -> None:
        if left.is_set():
            return
        waiting = asyncio.run_coroutine_threadsafe(queue.put(event), loop)
        while not left.is_set() and not waiting.done():
            with suppress(TimeoutError):
                waiting.result(0.1)
        waiting.cancel()

    def read() -> None:
        try:
            with connections.follower(keys, left.is_set) as client:
                for event in client.follow(job_id, after):
                    put(encoded(job_id, event, previews))
        except RealCamError as error:
            put(_event("problem", msgspec.json.encode(problem_of(error))))
        finally:
            put(None)

    # A thread of its own, which ends with the stream: the threads for short calls are not taken up by readers.
    threading.Thread(target=read, name=f"events {job_id[:12]}", daemon=True).start()
    try:
        while True:
            try:
                event = await asyncio.wait_for(queue.get(), KEEP_ALIVE)
            except TimeoutError:
                yield b": the job goes on\n\n"
                continue
            if event is None:
                return
            yield event
    finally:
        left.set()


def encoded(job_id: str, event: StateEvent | JobProgress, previews: bool) -> bytes:
    """One event. Only states have a number: a reader that comes back names the last one in `Last-Event-ID`."""
    if isinstance(event, StateEvent):
        return _event("state", msgspec.json.encode(event), event.sequence)
    told = event if previews else replace(event, jpeg=b"")
    sent = _event("progress", msgspec.json.encode(Progress.of(job_id, told)))
    if told.jpeg:
        sent += _event("preview", msgspec.json.encode(Preview(job_id, told.attempt, told.done, told.jpeg)))
    return sent


def _event(name: str, data: bytes, number: int | None = None) -> bytes:
    head = f"event: {name}\n" if number is None else f"id: {number}\nevent: {name}\n"
    return head.encode() + b"data: " + data + b"\n\n"
