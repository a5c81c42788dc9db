"""Millions of wrong inputs for everything that reads bytes from the wire: only errors in words may come out.

    python -m tests.campaigns.decoder --inputs 10000000

Random bytes rarely get past a magic number, so most inputs are real messages and shots with damage: bytes changed,
runs repeated, cut, doubled or swapped for numbers that are at some limit.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import time

import numpy as np

from blender_addon.core.errors import RealCamError
from blender_addon.core.payloads.shot_file import decode_shot, encode_shot
from blender_addon.core.protocol.capability import EngineCapability
from blender_addon.core.protocol.framing import Frame, decode_client_message, decode_server_message, encode
from blender_addon.core.protocol.messages import (
    PROTOCOL_VERSION,
    Cancel,
    FileChunk,
    Hello,
    JobState,
    JobStatus,
    Limits,
    Progress,
    ResultFile,
    ServerStats,
    Submit,
    UploadChunk,
    Welcome,
)
from server.bench.peak_memory import peak_memory
from server.demo.motorcycle import motorcycle
from tests.support.shots import small_shot

JOB = "0123456789abcdef"
EDGES = (b"\x00", b"\x7f", b"\xff", b"\xc1", b"\xdd\xff\xff\xff\xff", b"\xdf\x7f\xff\xff\xff", b"\xc6\xff\xff\xff\xff")
EDGES += (b"\xcb\x7f\xf8" + b"\0" * 6, b"\xcf" + b"\xff" * 8, b"\x91" * 200, b"\x81\xa1a" * 100)
"""Bytes that mean something to a msgpack reader: huge lengths, NaN, the largest integer, deep nesting."""
LARGEST = 600
"""Damage goes to the head of an input, where its structure is."""


def seeds() -> tuple[list[list[bytes]], list[list[bytes]], bytes]:
    """Real messages to the server, real ones to a client, and a real shot."""
    digest = "0" * 64
    results = (ResultFile(name="clip.mp4", nbytes=9, sha256=digest),)
    capability = EngineCapability(name="a", label="b", description="c", sizes=((64, 40),), frame_counts=(4,))
    to_server = [
        encode(Hello(protocol=PROTOCOL_VERSION, client_id="c", software="s")),
        encode(Submit(job_id=JOB, digest=digest, nbytes=5, engine="draft", title="t")),
        encode(Cancel(job_id=JOB)),
        encode(UploadChunk(session="s", job_id=JOB, offset=0), [np.zeros(64, dtype=np.uint8)]),
    ]
    to_client = [
        encode(
            Welcome(
                protocol=PROTOCOL_VERSION,
                software="s",
                boot_id="b",
                session="s",
                limits=Limits(),
                engines=(capability,),
            )
        ),
        encode(JobStatus(job_id=JOB, state=JobState.DONE, results=results)),
        encode(Progress(job_id=JOB, attempt=1, step=1, steps=2, stage="s"), [np.zeros(9, dtype=np.uint8)]),
        encode(FileChunk(job_id=JOB, name="clip.mp4", offset=0), [np.zeros(64, dtype=np.uint8)]),
        encode(
            ServerStats(
                uptime=1.0,
                loop_lag=0.0,
                memory=1,
                worker_memory=1,
                worker_ready=True,
                running=False,
                step_age=None,
                queued=0,
                jobs={"done": 1},
                sessions=1,
                refused_connections=0,
                disk_free=1,
                disk_promised=0,
                suspended_engines={},
            )
        ),
    ]
    return _bytes(to_server), _bytes(to_client), encode_shot(small_shot(motorcycle(), frames=1))


def damaged(chance: random.Random, data: bytes) -> bytes:
    """The same with one to four wounds near its head."""
    wounded = bytearray(data)
    for _ in range(chance.randint(1, 4)):
        at = chance.randrange(min(len(wounded), LARGEST)) if wounded else 0
        match chance.randrange(6):
            case 0:
                wounded[at : at + 1] = bytes((chance.randrange(256),))
            case 1:
                edge = chance.choice(EDGES)
                wounded[at : at + len(edge)] = edge
            case 2:
                del wounded[at : at + chance.randint(1, 16)]
            case 3:
                wounded[at:at] = wounded[at : at + chance.randint(1, 32)]
            case 4:
                wounded[at:at] = chance.randbytes(chance.randint(1, 8))
            case _:
                del wounded[at:]
    return bytes(wounded)


def run(inputs: int, seed: int) -> dict[str, float]:
    """Feed `inputs` of them. Raises whatever a decoder lets through that is no RealCamError."""
    chance = random.Random(seed)
    to_server, to_client, shot = seeds()
    limits = Limits()
    started, read = time.monotonic(), 0
    for number in range(inputs):
        try:
            if number % 8 == 0:
                decode_shot(damaged(chance, shot), limits)
            else:
                frames: list[Frame] = list(chance.choice(to_server if number % 2 else to_client))
                which = chance.randrange(len(frames) + 1) if chance.random() < 0.2 else 1
                if which < len(frames):
                    frames[which] = damaged(chance, bytes(frames[which]))
                else:
                    frames = frames[: chance.randrange(len(frames))]
                (decode_client_message if number % 2 else decode_server_message)(frames, limits)
        except RealCamError:
            continue
        read += 1
    peak = peak_memory() / 2**20
    return {
        "inputs": inputs,
        "read_all_the_same": read,
        "peak_memory_MiB": round(peak, 1),
        "seconds": round(time.monotonic() - started, 1),
    }


def _bytes(messages: list[list[Frame]]) -> list[list[bytes]]:
    return [[bytes(frame) for frame in message] for message in messages]


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--inputs", type=int, default=10_000_000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    figures = run(options.inputs, options.seed)
    print(json.dumps(figures, indent=1))
    sys.exit(figures["peak_memory_MiB"] >= 512)


if __name__ == "__main__":
    main()
