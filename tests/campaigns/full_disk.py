"""A small file system as the server's store, filled up to every point a job can reach (Linux, root).

    python -m tests.campaigns.full_disk --step 2000

For each amount of room that is left, a job is sent: it is refused, fails in words, or is done; with no room for even
its state it waits until there is some. Then there is room again: the server still lives, an accepted job has ended, and
the next one is done.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from blender_addon.core.client import Client
from blender_addon.core.errors import ServiceError
from blender_addon.core.messages import JobState, StateEvent
from server.data.motorcycle import motorcycle
from tests.server.service.running_server import RunningServer, new_id, small_blob

MEGABYTES = 6
FULL_SECONDS = 3.0
"""How long the disk stays full: a job that cannot even be marked as running waits for room."""


class NoSmallDiskError(Exception):
    """Only root on Linux can mount one."""


@contextmanager
def small_disk(folder: Path, megabytes: int = MEGABYTES) -> Iterator[Path]:
    """A file system of its own at `folder`. Raises NoSmallDiskError."""
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(folder)]
    if shutil.which("mount") is None or subprocess.run(command, check=False, capture_output=True).returncode:
        raise NoSmallDiskError
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def run(room: range, folder: Path) -> Counter[str]:
    """How the jobs ended, by state or refusal. Raises AssertionError when one was lost or the server is not well."""
    ends: Counter[str] = Counter()
    with small_disk(folder / "data") as disk:
        server = RunningServer(disk, folder / "config", ("--keep-free", "0"))
        server.errors = (folder / "log").open("ab")
        server.start()
        try:
            with server.client(patience=60.0) as client:
                client.connect()
                for number, left in enumerate(room):
                    ends[_one(client, disk, left, number)] += 1
        finally:
            server.stop()
            server.errors.close()
    return ends


def _one(client: Client, disk: Path, left: int, number: int) -> str:
    blob, filler = small_blob(motorcycle(), pause=0.03, seed=number), disk / "filler"
    first, after = new_id(), new_id()
    try:
        client.submit(first, blob, "copy")
        filler.write_bytes(b"x" * max(shutil.disk_usage(disk).free - left, 0))
        room_again = threading.Timer(FULL_SECONDS, filler.unlink, kwargs={"missing_ok": True})
        room_again.start()
        last = [event for event in client.follow(first) if isinstance(event, StateEvent)][-1]
        end = last.state.value
    except ServiceError as error:
        end = f"refused: {error.code}"
    finally:
        filler.unlink(missing_ok=True)
    assert end in ("done", "failed"), end
    status = client.status(first)
    assert status.state.value == end, (status, end)
    if status.state is JobState.FAILED:
        assert status.reason
    client.submit(after, blob, "copy")
    assert [event for event in client.follow(after) if isinstance(event, StateEvent)][-1].state is JobState.DONE
    client.prune(0.0, unfetched=True)
    return end


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--step", type=int, default=2000, help="bytes between two amounts of room")
    parser.add_argument("--most", type=int, default=200_000, help="largest amount of room")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        ends = run(range(0, options.most, options.step), Path(folder))
    print(json.dumps(ends, indent=1))
    sys.exit(0)


if __name__ == "__main__":
    main()
