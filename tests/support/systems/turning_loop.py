"""What the service's loop does with its workers and its clients, turn by turn, at a time that the test sets."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path

from blender_addon.core.awake_clock import AwakeClock
from server.engines.engine import EngineNeeds
from server.service.jobs.job_files import JobFiles
from server.service.jobs.job_manager import JobManager
from server.service.jobs.job_record import Job
from server.service.jobs.job_states import Cause
from server.service.jobs.job_store import JobStore
from server.service.options import ServiceOptions
from server.service.requests.sessions import Sessions
from server.service.service import LONGEST_TURN
from server.service.wakeup import Wakeup
from server.service.workers.dispatcher import Dispatcher
from server.service.workers.executor import WorkerPlace
from server.service.workers.local_workers import LocalWorkers
from tests.support.network.simulated_wire import ONE, Worker
from tests.support.systems.jumping_clock import JumpingClock

SHOT = b"a shot"
JOB = "job-00000001"


class TurningLoop:
    """What the service's loop does with its worker and its clients, turn by turn.

    Attributes:
        needs: of the workers' engine; None where they do not say.
    """

    needs: EngineNeeds | None = None

    def __init__(self, folder: Path, places: Mapping[WorkerPlace, str | None] = ONE, **times: float) -> None:
        self.computer = JumpingClock()
        clock = AwakeClock(LONGEST_TURN, self.computer)
        self.options = ServiceOptions(folder, folder, **{"step_timeout": 60.0, **times})
        self.manager = JobManager(JobStore(folder / "jobs.sqlite3"), JobFiles(folder), lambda event: None)
        self.wakeup = Wakeup()
        self.workers: list[Worker] = []
        self.sessions = Sessions(3, clock)
        self.sessions.open(b"1", "anna", "tests")
        workers = LocalWorkers(self.options, places, self.wakeup, clock, self.new_worker)
        self.dispatcher = Dispatcher(self.manager, self.options, lambda *_: None, clock, workers)

    def new_worker(self, engines: str, log_format: str, on_words: Callable[..., None], cards: str | None) -> Worker:
        self.workers.append(Worker(on_words, self.needs))
        return self.workers[-1]

    def turn(self, seconds: float = 0.1) -> None:
        self.computer.seconds += seconds
        for action in self.wakeup.take():
            action()
        self.dispatcher.tick()
        self.sessions.drop_quiet()

    def close(self) -> None:
        self.manager.store.close()
        self.wakeup.close()

    def queued_job(self, job_id: str = JOB) -> Job:
        self.manager.store.create(job_id, "anna", hashlib.sha256(SHOT).hexdigest(), len(SHOT), "copy", "", 1.0)
        self.manager.files.append(job_id, 0, memoryview(SHOT))
        self.manager.files.store_payload(job_id)
        return self.manager.move(self.manager.store.get(job_id), Cause.PAYLOAD_STORED)
