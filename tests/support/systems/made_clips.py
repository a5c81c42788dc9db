"""Clips that a server makes of shots, as their frames."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from blender_addon.core.arrays import UInt8
from blender_addon.core.protocol.client import Client
from blender_addon.core.protocol.messages import JobState, StateEvent
from tests.support.servers import new_id


def made(client: Client, payload: bytes, engine: str, folder: Path) -> UInt8:
    """[F, H, W, 3] the frames that an engine makes of a shot."""
    job_id = new_id()
    client.submit(job_id, payload, engine)
    last = list(client.follow(job_id))[-1]
    assert isinstance(last, StateEvent)
    assert (last.state, last.reason) == (JobState.DONE, "")
    return fetched(client, job_id, folder)


def fetched(client: Client, job_id: str, folder: Path) -> UInt8:
    """[F, H, W, 3] the frames of a finished job."""
    client.fetch(job_id, folder / job_id)
    return np.stack([np.array(Image.open(path)) for path in sorted((folder / job_id / "frames").glob("*.png"))])
