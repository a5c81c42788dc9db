"""A small file system as the server's store, full at every write of a job (Linux, root).

    python -m tests.campaigns.full_disk [--workers light,light,light,light]

A write needs another page of the disk or it does not: with room for no page, one page, two ... until a job has all it
wants, each of its writes is once the first that fails. At each, a shot is uploaded and two accepted jobs are made, with
the server's reserve and without it: they are refused, fail in words, or are done; with no room for even its state, a
job waits. Then there is room again: the server still lives, what was accepted has ended, and what was refused is taken.
Prints the figures as JSON.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import mmap
import shutil
import signal
import subprocess
import tempfile
import threading
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

from blender_addon.core.errors import ServiceError
from blender_addon.core.protocol.client import Client
from blender_addon.core.protocol.messages import JobState, JobStatus, RefusalCode, StateEvent, Submit
from server.demo.motorcycle import motorcycle
from server.service.workers.worker_plan import AUTO
from tests.support.servers import RunningServer, new_id
from tests.support.shots import small_payload

MEGABYTES = 6
PAGE = mmap.PAGESIZE
ENOUGH = 5
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


@contextmanager
def full(server: RunningServer, pages: int, reserve: bool) -> Iterator[None]:
    """The disk has room for `pages` until the block ends or FULL_SECONDS have passed."""
    assert server.process is not None
    disk, filler = server.data_dir, server.data_dir / "filler"
    # Nothing is written while the room is measured.
    server.process.send_signal(signal.SIGSTOP)
    if not reserve:
        (disk / "ballast").unlink(missing_ok=True)
    with contextlib.suppress(OSError):
        filler.write_bytes(b"x" * max(shutil.disk_usage(disk).free - pages * PAGE, 0))
    server.process.send_signal(signal.SIGCONT)
    room_again = threading.Timer(FULL_SECONDS, filler.unlink, kwargs={"missing_ok": True})
    room_again.start()
    try:
        yield
    finally:
        room_again.cancel()
        room_again.join()
        filler.unlink(missing_ok=True)


def run(rooms: Iterable[int], folder: Path, workers: str = AUTO) -> Counter[str]:
    """How uploads and jobs ended; stops early after ENOUGH amounts of room at which all went well.

    Args:
        rooms: amounts of room on the disk, pages.
        folder: for everything.
        workers: of the servers, as in `realcam serve --workers`; two run both jobs at the same time.

    Raises:
        AssertionError: something accepted was lost or the server is not well.
    """
    ends: Counter[str] = Counter()
    well = 0
    with small_disk(folder / "data") as disk:
        for pages in rooms:
            here = [end for reserve in (True, False) for end in _ends(disk, folder, workers, pages, reserve)]
            ends.update(here)
            ends["pages"] += 1
            well = well + 1 if set(here) <= {"upload accepted", "job done"} else 0
            if well == ENOUGH:
                break
    return ends


def _ends(disk: Path, folder: Path, workers: str, pages: int, reserve: bool) -> list[str]:
    """A fresh server each time: its journal starts small and takes its pages from the disk, too."""
    server = RunningServer(disk, folder / "config", ("--keep-free", "0", "--workers", workers))
    server.log = folder / "log"
    server.start()
    try:
        with server.client(patience=60.0) as client:
            ends = [_upload(server, client, pages, reserve), *_jobs(server, client, pages, reserve)]
            after = new_id()
            client.submit(after, small_payload(motorcycle()), "copy")
            assert _end(client, after) == "job done"
            client.prune(0.0, unfetched=True)
    finally:
        server.stop()
    return ends


def _upload(server: RunningServer, client: Client, pages: int, reserve: bool) -> str:
    """A job that was given a place, whose shot comes when the disk is full."""
    payload, job_id = small_payload(motorcycle()), new_id()
    _ask_for_a_place(client, job_id, payload)
    with full(server, pages, reserve):
        code, end = "", "upload accepted"
        try:
            client.submit(job_id, payload, "copy")
        except ServiceError as error:
            code, end = error.code, "upload refused"
        assert code in ("", RefusalCode.NO_SPACE)
    client.submit(job_id, payload, "copy")
    assert _end(client, job_id) in ("job done", "job failed" if end == "upload accepted" else "")
    return end


def _ask_for_a_place(client: Client, job_id: str, payload: bytes) -> None:
    """Ask for a place and send nothing."""
    client.connect()
    session = client._session
    assert session is not None
    session.send(
        "control", Submit(job_id=job_id, digest=sha256(payload).hexdigest(), nbytes=len(payload), engine="copy")
    )
    answer = session.receive("control", 10.0).message
    assert isinstance(answer, JobStatus)
    assert answer.state is JobState.UPLOADING


def _jobs(server: RunningServer, client: Client, pages: int, reserve: bool) -> list[str]:
    """Two accepted jobs when the disk becomes full: one running and one waiting where there is one worker."""
    jobs = [new_id(), new_id()]
    for job_id in jobs:
        client.submit(job_id, small_payload(motorcycle(), pause=0.1), "copy")
    with full(server, pages, reserve):
        ends = [_end(client, job_id) for job_id in jobs]
    assert set(ends) <= {"job done", "job failed"}, ends
    return ends


def _end(client: Client, job_id: str) -> str:
    last = [event for event in client.follow(job_id) if isinstance(event, StateEvent)][-1]
    status = client.status(job_id)
    assert status.state is last.state
    if status.state is JobState.FAILED:
        assert "full" in status.reason or "store" in status.reason, status.reason
    return f"job {status.state.value}"


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--step", type=int, default=1, help="pages between two amounts of room")
    parser.add_argument("--most", type=int, default=400, help="largest amount of room, pages")
    parser.add_argument("--workers", default=AUTO, help="of the server, as in realcam serve: light,light,light,light")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        ends = run(range(0, options.most, options.step), Path(folder), options.workers)
    print(json.dumps(ends, indent=1))


if __name__ == "__main__":
    main()
