"""Any order of submissions, chunks, attempts, cancels, deaths and restarts: the promises of the service hold.

The manager, the store and the files are the real ones; what drives them is chance instead of sockets and a worker.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from pathlib import Path

import msgspec
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, rule

from blender_addon.core.protocol.messages import JobState, ResultFile
from server.service.jobs.job_files import MANIFEST, JobFiles, Manifest
from server.service.jobs.job_manager import JobManager, reconcile
from server.service.jobs.job_record import Job
from server.service.jobs.job_states import MAX_STARTS, Cause, ImpossibleTransitionError
from server.service.jobs.job_store import JobStore, StaleJobError
from tests.support.properties import examples

MEMORY = Path("/dev/shm")
SHOT = b"a shot" * 50
DIGEST = hashlib.sha256(SHOT).hexdigest()
CLIP = b"a clip"
RESULT = ResultFile(name="clip.mp4", nbytes=len(CLIP), sha256=hashlib.sha256(CLIP).hexdigest())


class Service(RuleBasedStateMachine):
    """Accepted jobs are remembered here and compared with what the service says."""

    jobs = Bundle("jobs")

    def __init__(self) -> None:
        super().__init__()
        # In memory where there is such a place: the model syncs thousands of files.
        self.folder = Path(tempfile.mkdtemp(dir=MEMORY if MEMORY.is_dir() else None))
        self.accepted: set[str] = set()
        self.ended: dict[str, JobState] = {}
        self.done_events: dict[str, int] = {}
        self.stale: list[Job] = []
        self.open()

    def open(self) -> None:
        """A server starts."""
        self.manager = JobManager(JobStore(self.folder / "jobs.sqlite3"), JobFiles(self.folder), lambda event: None)
        reconcile(self.manager)

    def teardown(self) -> None:
        self.manager.store.close()
        shutil.rmtree(self.folder)

    @rule(target=jobs, number=st.integers(0, 5), owner=st.sampled_from(["anna", "bob"]))
    def submit(self, number: int, owner: str) -> str:
        job_id = f"job-{number:08d}"
        if self.manager.store.find(job_id) is None:
            self.manager.store.create(job_id, owner, DIGEST, len(SHOT), "copy", "", 1.0)
        return job_id

    @rule(job_id=jobs, damaged=st.booleans())
    def upload(self, job_id: str, damaged: bool) -> None:
        job = self.manager.store.get(job_id)
        if job.state is not JobState.UPLOADING:
            return
        held = self.manager.files.received(job_id)
        self.manager.files.append(job_id, held, memoryview(SHOT if not damaged else SHOT[::-1])[held:])
        if self.manager.files.verify_upload(job_id, DIGEST):
            self.manager.files.store_payload(job_id)
            self.manager.move(job, Cause.PAYLOAD_STORED)
            self.accepted.add(job_id)

    @rule()
    def start_next(self) -> None:
        if not self.manager.store.in_states(JobState.RUNNING, JobState.FINALIZING) and (queue := self.manager.queue()):
            self.stale.append(self.manager.move(self.manager.store.get(queue[0]), Cause.STARTED))

    @rule(cause=st.sampled_from([Cause.WORKER_LOST, Cause.ENGINE_FAILED, Cause.ENGINE_STOPPED, Cause.CLIP_MADE]))
    def worker_says(self, cause: Cause) -> None:
        for job in self.manager.store.in_states(JobState.RUNNING):
            self.stale.append(job)
            self.manager.move(job, cause, "reason")

    @rule(stop=st.sampled_from(["nowhere", "work", "rename"]))
    def finish(self, stop: str) -> None:
        """The results are stored; or the server dies after the worker wrote them, or after they were named."""
        for job in self.manager.store.in_states(JobState.FINALIZING):
            folder = self.manager.files.work_folder(job.job_id, job.attempt)
            folder.mkdir(parents=True, exist_ok=True)
            (folder / RESULT.name).write_bytes(CLIP)
            manifest = Manifest(job_id=job.job_id, attempt=job.attempt, engine_seconds=1.0, results=(RESULT,))
            (folder / MANIFEST).write_bytes(msgspec.json.encode(manifest))
            if stop == "work":
                self.die()
                return
            self.manager.files.store_results(job.job_id, job.attempt)
            if stop == "rename":
                self.die()
                return
            self.manager.move(job, Cause.RESULTS_STORED, results=(RESULT,))

    @rule(job_id=jobs)
    def cancel(self, job_id: str) -> None:
        job = self.manager.store.get(job_id)
        if not job.state.final:
            self.manager.move(job, Cause.CANCEL_REQUESTED)

    @rule(cause=st.sampled_from(Cause))
    def late_news(self, cause: Cause) -> None:
        """A worker that was given up speaks again."""
        for job in self.stale[-3:]:
            now = self.manager.store.get(job.job_id)
            if (now.state, now.attempt) == (job.state, job.attempt):
                continue
            try:
                self.manager.move(job, cause, "late")
            except (StaleJobError, ImpossibleTransitionError):
                continue
            raise AssertionError(f"{cause} of a given-up attempt changed {now}")

    @rule()
    def die(self) -> None:
        """kill -9: what was not committed is gone, what lies about half-written stays."""
        (self.manager.files.uploads / f"stray-{os.getpid()}.part").write_bytes(b"x")
        self.manager.store.close()
        self.open()

    @invariant()
    def nothing_accepted_is_lost(self) -> None:
        for job_id in self.accepted:
            job = self.manager.store.get(job_id)
            assert job.state is not JobState.UPLOADING
            if not job.state.final:
                assert self.manager.files.payload(job_id).exists()

    @invariant()
    def an_end_is_an_end(self) -> None:
        for job in self.manager.store.in_states(JobState.DONE, JobState.FAILED, JobState.CANCELLED):
            assert self.ended.setdefault(job.job_id, job.state) is job.state
            events = self.manager.store.events_after(job.job_id, 0)
            assert [event.sequence for event in events] == list(range(1, job.sequence + 1))
            assert sum(event.state.final for event in events) == 1
            assert job.attempt <= MAX_STARTS

    @invariant()
    def done_is_whole(self) -> None:
        for job in self.manager.store.in_states(JobState.DONE):
            assert (self.manager.files.result_folder(job.job_id) / RESULT.name).read_bytes() == CLIP
            assert not list(self.manager.files.work.glob(f"{job.job_id}.*"))


TestService = Service.TestCase
TestService.settings = examples(200, stateful_step_count=30)
