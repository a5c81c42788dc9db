"""Many jobs through one server: does its memory stay?

python -m tests.campaigns.memory --jobs 2000
"""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
from pathlib import Path

from server.data.motorcycle import motorcycle
from tests.server.service.running_server import RunningServer, new_id, small_blob

WARM = 0.1
"""Part of the jobs after which memory is first read: allocators and caches have their size by then."""


def run(jobs: int, folder: Path) -> dict[str, float]:
    """Memory of server and worker in MB, early and at the end, and the drift in percent."""
    server = RunningServer(folder / "data", folder / "config")
    server.errors = (folder / "log").open("ab")
    server.start()
    blob, early = small_blob(motorcycle()), None
    try:
        with server.client() as client:
            for number in range(jobs):
                job_id = new_id()
                client.submit(job_id, blob, "copy")
                list(client.follow(job_id))
                client.fetch(job_id, folder / "clip")
                shutil.rmtree(folder / "clip")
                if number + 1 == max(1, int(jobs * WARM)):
                    early = client.facts()
            late = client.facts()
    finally:
        server.stop()
        server.errors.close()
    assert early is not None
    return {
        "jobs": jobs,
        "server_early_MB": early.memory / 1e6,
        "server_late_MB": late.memory / 1e6,
        "server_drift_percent": 100 * (late.memory / early.memory - 1),
        "worker_early_MB": early.worker_memory / 1e6,
        "worker_late_MB": late.worker_memory / 1e6,
        "worker_drift_percent": 100 * (late.worker_memory / early.worker_memory - 1),
    }


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=2000)
    with tempfile.TemporaryDirectory() as folder:
        print(json.dumps(run(parser.parse_args().jobs, Path(folder)), indent=1))


if __name__ == "__main__":
    main()
