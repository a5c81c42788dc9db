"""A server that starts in a blink: a fork of a process that has imported everything, and its workers forks of it.

    python -m tests.campaigns.warm_server DATA_DIR WORKERS

For each line of JSON on standard input (a Plan) a server runs until it dies, by kill -9 where the plan says. Standard
output: what the server says, and "died". Forking leaves out the imports and nothing else.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from server.commands.serve import serve
from server.service import service
from server.service.jobs.job_files import JobFiles
from server.service.jobs.job_store import JobStore
from server.service.workers import outcomes, worker, worker_process
from tests.support.servers import ENGINES
from tests.support.systems.refused_calls import refuse_first


class Plan(msgspec.Struct, frozen=True):
    """Die `moment` ("before" or "after") the method `point` of store or files does its work for this job; a second
    word in `point` is the cause that `apply` must have. refused: how many renames and removals of each path fail first,
    as of files that another program has open."""

    point: str
    moment: str
    job_id: str
    port: int
    data_port: int
    ready_file: str
    refused: int = 0


def _arm(plan: Plan) -> None:
    name, _, cause = plan.point.partition(" ")
    owner = JobFiles if hasattr(JobFiles, name) else JobStore
    durable: Callable[..., Any] = getattr(owner, name)

    def dying(self: Any, job: Any, *arguments: Any, **options: Any) -> Any:
        hit = getattr(job, "job_id", job) == plan.job_id and (not cause or str(arguments[0]) == cause)
        if hit and plan.moment == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        result = durable(self, job, *arguments, **options)
        if hit:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    setattr(owner, name, dying)


class ForkedWorker:
    """What worker_process asks of subprocess.Popen."""

    def __init__(self, command: list[str], **_: object) -> None:
        source, to_worker = os.pipe()
        from_worker, sink = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            os.setsid()
            os.dup2(source, 0)
            os.dup2(sink, 1)
            os.closerange(3, 1024)
            sys.argv = command[2:]
            worker.main()
        os.close(source)
        os.close(sink)
        self.stdin, self.stdout = os.fdopen(to_worker, "wb"), os.fdopen(from_worker, "rb")

    def wait(self, timeout: float = 60.0) -> int:
        """As subprocess.Popen.wait."""
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            done, status = os.waitpid(self.pid, os.WNOHANG)
            if done:
                return os.waitstatus_to_exitcode(status)
            time.sleep(0.01)
        raise subprocess.TimeoutExpired("worker", timeout)


def main() -> None:
    """Serve one plan after another."""
    worker_process.subprocess.Popen = ForkedWorker
    data_dir, workers = Path(sys.argv[1]), sys.argv[2]
    for line in iter(sys.stdin.readline, ""):
        plan = msgspec.json.decode(line, type=Plan)
        child = os.fork()
        if child == 0:
            _arm(plan)
            if plan.refused:
                refuse_first(pytest.MonkeyPatch(), plan.refused, data_dir)
                service.HOUSEKEEPING, outcomes.STORE_AGAIN = 0.1, 0.02
            serve(
                None,
                port=plan.port,
                data_port=plan.data_port,
                data_dir=data_dir,
                workers=workers,
                engines=ENGINES,
                ready_file=Path(plan.ready_file),
            )
            os._exit(1)
        os.waitpid(child, 0)
        print("died", flush=True)


if __name__ == "__main__":
    main()
