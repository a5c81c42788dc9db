"""Tries a server's two doors with keys that are right, wrong and missing. Prints who was answered, as JSON.

    python -m tests.support.network.entry '{"host": ..., "control": ..., "data": ..., "attempts": {...}}'

A program of its own, so that it can be run in another network namespace.
"""

from __future__ import annotations

import json
import sys
import time
from contextlib import suppress

import msgspec
import zmq

from blender_addon.core.protocol.framing import encode
from blender_addon.core.protocol.keys import KeyPair
from blender_addon.core.protocol.messages import Ping, ReadChunk

PATIENCE, SECONDS = 60.0, 2.0
"""How long is waited for the doors that are expected to open, and for the others after them: one that stays shut for
that long counts as shut, while one that opens answers in milliseconds."""


class Attempt(msgspec.Struct, frozen=True):
    """What a client holds; None for what it does not have."""

    server_public: str | None
    client: KeyPair | None


class Doors(msgspec.Struct, frozen=True):
    """A server, and who tries to enter it. opening: how many doors are expected to open, over all attempts."""

    host: str
    control: int
    data: int
    attempts: dict[str, Attempt]
    opening: int


def try_all(doors: Doors) -> dict[str, list[str]]:
    """Attempt -> the doors at which it got an answer; all are tried at the same time."""
    ping = encode(Ping(token=1))
    read = encode(ReadChunk(session="none", job_id="job-00000000", name="clip.mp4", offset=0, nbytes=1))
    answered: dict[str, list[str]] = {name: [] for name in doors.attempts}
    with zmq.Context() as context:
        sockets: dict[zmq.Socket[bytes], tuple[str, str]] = {}
        poller = zmq.Poller()
        for name, attempt in doors.attempts.items():
            for door, port, frames in (("control", doors.control, ping), ("data", doors.data, read)):
                dealer = context.socket(zmq.DEALER)
                dealer.linger = 0
                if attempt.server_public is not None and attempt.client is not None:
                    dealer.curve_serverkey = attempt.server_public.encode()
                    dealer.curve_publickey = attempt.client.public.encode()
                    dealer.curve_secretkey = attempt.client.secret.encode()
                # Refused before it has sent anything, a socket has nowhere to send to, and would wait for ever.
                dealer.sndtimeo = 1000
                dealer.connect(f"tcp://{doors.host}:{port}")
                with suppress(zmq.Again):
                    dealer.send_multipart(frames)
                poller.register(dealer, zmq.POLLIN)
                sockets[dealer] = (name, door)
        deadline = time.monotonic() + (PATIENCE if doors.opening else SECONDS)
        while (left := deadline - time.monotonic()) > 0:
            for dealer, _ in poller.poll(left * 1000):
                name, door = sockets[dealer]
                answered[name].append(door)
                poller.unregister(dealer)
                if sum(map(len, answered.values())) == doors.opening:
                    deadline = time.monotonic() + SECONDS
        for dealer in sockets:
            dealer.close()
    return {name: sorted(opened) for name, opened in answered.items()}


if __name__ == "__main__":
    print(json.dumps(try_all(msgspec.json.decode(sys.argv[1], type=Doors))))
