"""A client submits a shot to a server, follows the job and fetches its files: what Blender does, without Blender.

    uv run realcam serve                                                          # in another terminal, or elsewhere
    uv run --group blender python examples/client_against_a_server.py 127.0.0.1:47110 [FOLDER]

A server on another machine is paired with first: `realcam keys pair TEXT`. The job is on the server's disk once
`submit` returns: end this program, start it with the same job id, and it goes on.
"""

from __future__ import annotations

import sys
import uuid
from pathlib import Path

import numpy as np

from realcam import (
    Client,
    JobState,
    Shot,
    ShotSettings,
    StateEvent,
    Trajectory,
    encode_shot,
    intrinsics_matrix,
    parse_address,
)
from server.demo.motorcycle import motorcycle

SIZE, FRAMES = (512, 320), 16


def shot() -> Shot:
    """The motorcycle photo, looked at by a camera that moves 20 cm to the right."""
    photo, _, depth, intrinsics = motorcycle()
    width, height = SIZE
    lens = intrinsics_matrix(600.0, 600.0, width / 2, height / 2)
    poses = np.repeat(np.eye(4)[None], FRAMES, axis=0)
    poses[:, 0, 3] = np.linspace(0.0, 0.2, FRAMES)
    # What the photo shows of each frame, alpha its visibility: here nothing, the engine `draft` needs none.
    preview = np.zeros((FRAMES, height, width, 4), dtype=np.uint8)
    return Shot(
        trajectory=Trajectory(poses, lens, width, height, fps=8.0),
        preview=preview,
        photo=photo,
        photo_intrinsics=intrinsics,
        depth=depth,
        settings=ShotSettings(engine="draft"),
    )


def main(server: str, folder: Path) -> list[Path]:
    """Submit, follow, fetch. Returns the files' paths."""
    job_id = uuid.uuid4().hex
    with Client(parse_address(server), client_id="example", software="example 1.0") as client:
        welcome = client.connect()
        print(f"{welcome.software} has the engines {', '.join(engine.name for engine in welcome.engines)}")
        client.submit(job_id, encode_shot(shot()), engine="draft", title="example")
        for event in client.follow(job_id):
            if isinstance(event, StateEvent):
                print(event.state.value, event.reason)
            else:
                print(f"{event.stage} {event.done}/{event.total}")
        if client.status(job_id).state is not JobState.DONE:
            raise SystemExit(1)
        files = client.fetch(job_id, folder)
    print(f"{len(files)} files in {folder}")
    return files


if __name__ == "__main__":
    # A console that lacks a letter of a folder's name shows an escape instead.
    sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    main(sys.argv[1], Path(sys.argv[2] if len(sys.argv) > 2 else "out/example_client"))
