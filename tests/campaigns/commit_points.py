"""kill -9 of the server exactly before and after each thing it makes durable.

    python -m tests.campaigns.commit_points --times 100

For each point a server is started that kills itself there; after that it runs undisturbed. The job that met the point
must end DONE, once, with the right files.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
from PIL import Image

from blender_addon.core.messages import JobState, StateEvent
from server.data.motorcycle import motorcycle
from tests.server.service.running_server import RunningServer, new_id, small_blob, small_shot

POINTS = (
    "create",
    "append",
    "store_shot",
    "apply shot-stored",
    "apply started",
    "apply clip-made",
    "store_results",
    "apply results-stored",
    "discard_inputs",
    "note_fetched",
)
"""What the server makes durable on a job's way, in order."""
MOMENTS = ("before", "after")

DYING_SERVER = """
import os, signal, sys
from server.service.job_files import JobFiles
from server.service.job_store import JobStore

point, moment, flag = os.environ["REALCAM_DIE_AT"].split("|")
name, _, wanted = point.partition(" ")
owner = JobFiles if hasattr(JobFiles, name) else JobStore
durable = getattr(owner, name)

def dying(self, *arguments, **options):
    hit = not wanted or str(arguments[1]) == wanted
    if hit and moment == "before" and not os.path.exists(flag):
        open(flag, "w").close()
        os.kill(os.getpid(), signal.SIGKILL)
    result = durable(self, *arguments, **options)
    if hit and moment == "after" and not os.path.exists(flag):
        open(flag, "w").close()
        os.kill(os.getpid(), signal.SIGKILL)
    return result

setattr(owner, name, dying)
from server.cli import app
app()
"""


def survive(point: str, moment: str, folder: Path) -> float:
    """One job through a server that dies at the point. Returns the seconds from its death to the job's end.

    Raises AssertionError when the job is lost, made twice or damaged.
    """
    flag = folder / "died"
    os.environ["REALCAM_DIE_AT"] = f"{point}|{moment}|{flag}"
    server = RunningServer(folder / "data", folder / "config", program=("-c", DYING_SERVER))
    server.errors = (folder / "log").open("ab")
    died_at: list[float] = []
    watched = threading.Event()

    def restart() -> None:
        assert server.process is not None
        while not watched.is_set():
            if server.process.poll() is not None:
                died_at.append(time.monotonic())
                server.wait()
                server.start()
                return
            time.sleep(0.01)

    server.start()
    watcher = threading.Thread(target=restart)
    watcher.start()
    job_id = new_id()
    try:
        with server.client(patience=120.0) as client:
            client.submit(job_id, small_blob(motorcycle()), "copy")
            events = [event for event in client.follow(job_id) if isinstance(event, StateEvent)]
            client.fetch(job_id, folder / "clip")
            ended = time.monotonic()
            status = client.status(job_id)
    finally:
        watched.set()
        watcher.join()
        server.stop()
        server.errors.close()
        del os.environ["REALCAM_DIE_AT"]
    assert died_at, f"the server did not die {moment} {point}"
    assert status.state is JobState.DONE
    assert [event.state for event in events].count(JobState.DONE) == 1
    assert [event.sequence for event in events] == list(range(1, len(events) + 1))
    frames = [np.array(Image.open(path)) for path in sorted((folder / "clip" / "frames").glob("*.png"))]
    np.testing.assert_array_equal(frames, small_shot(motorcycle()).preview[..., :3])
    leftovers = [*(folder / "data" / "uploads").iterdir(), *(folder / "data" / "work").iterdir()]
    assert not leftovers
    return ended - died_at[0]


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=100, help="kills at each point and moment")
    options = parser.parse_args()
    worst, lost, survived = 0.0, [], 0
    for _ in range(options.times):
        for point in POINTS:
            for moment in MOMENTS:
                with tempfile.TemporaryDirectory() as folder:
                    try:
                        worst = max(worst, survive(point, moment, Path(folder)))
                        survived += 1
                    except AssertionError as error:
                        lost.append(f"{moment} {point}: {error}")
    print(json.dumps({"survived": survived, "lost": lost, "worst_seconds_to_the_clip": round(worst, 2)}, indent=1))
    sys.exit(bool(lost))


if __name__ == "__main__":
    main()
