"""The server's answers to requests on the control socket."""

from __future__ import annotations

import functools
import logging
import sqlite3
import time
from collections.abc import Callable, Iterable

import msgspec

from blender_addon.core.protocol.messages import (
    PROTOCOL_VERSION,
    Cancel,
    ClientMessage,
    Fetched,
    Follow,
    GetServerStats,
    GetStatus,
    Jobs,
    JobState,
    JobStatus,
    ListJobs,
    Progress,
    Prune,
    Pruned,
    RefusalCode,
    Refused,
    ServerMessage,
    ServerStats,
    StateEvent,
    Submit,
    Welcome,
)
from blender_addon.core.version import SERVER_SOFTWARE
from server.service.jobs.engine_pace import with_paces
from server.service.jobs.job_manager import JobManager
from server.service.jobs.job_record import Job
from server.service.options import ServiceOptions
from server.service.workers.dispatcher import Dispatcher

from .admission import Admission, refuse
from .sessions import Session

log = logging.getLogger("realcam.control")


class ControlHandler:
    """Answers a client's control messages. What an answer says is on disk when it is returned.

    Args:
        manager: the jobs.
        dispatcher: the worker and its engines.
        options: the server's limits.
        boot_id: another one at each start of the server.
        stats: the server's statistics for the client of this owner.
    """

    def __init__(
        self,
        manager: JobManager,
        dispatcher: Dispatcher,
        options: ServiceOptions,
        boot_id: str,
        stats: Callable[[str], ServerStats],
    ) -> None:
        self._stats = stats
        self._manager = manager
        self._dispatcher = dispatcher
        self._options = options
        self._admission = Admission(manager, dispatcher, options)
        self._boot_id = boot_id
        self.stopping = False

    @property
    def engines_known(self) -> bool:
        """Whether the worker has listed its engines: no client is welcomed before."""
        return self._dispatcher.engines is not None

    def welcome(self, session: Session) -> Welcome:
        """The answer to Hello, once `engines_known`."""
        return Welcome(
            protocol=PROTOCOL_VERSION,
            software=SERVER_SOFTWARE,
            boot_id=self._boot_id,
            session=session.token,
            limits=self._options.limits,
            engines=with_paces(self._dispatcher.engines_for(session.owner), self._manager.store),
        )

    def waiting(self, job_ids: Iterable[str]) -> dict[str, Progress]:
        """The progress of each of these jobs that is queued, by its id: its place, and why it waits where that is not
        its turn alone.
        """
        # Asked once for all the jobs that wait for the same: it looks at every worker, and thousands may wait.
        stage_of = functools.cache(self._waiting_stage)
        return {
            job.job_id: Progress(
                job_id=job.job_id,
                attempt=0,
                step=0,
                steps=0,
                stage=stage_of(job.engine, job.owner),
                queue_place=place,
            )
            for job, place in self._manager.placed(job_ids)
        }

    def _waiting_stage(self, engine: str, owner: str) -> str:
        if why := self._dispatcher.why_suspended(engine, owner):
            return f"The server suspended this engine for a while: {why}. The job waits there."
        return self._dispatcher.why_no_worker(engine) or "queued"

    def answer(self, session: Session, message: ClientMessage) -> list[ServerMessage]:
        """The replies to a message, in order; a refusal when the store cannot be written."""
        try:
            return self._answer(session, message)
        except (sqlite3.OperationalError, OSError) as error:
            log.error("cannot be stored: %s", error)
            no_room = Refused(
                code=RefusalCode.NO_SPACE,
                what="The server cannot store this",
                why=str(error),
                remedy="Make room on its disk and try again.",
                job_id=getattr(message, "job_id", ""),
            )
            return [no_room]

    def _answer(self, session: Session, message: ClientMessage) -> list[ServerMessage]:
        match message:
            case Submit():
                return [self._submit(session, message)]
            case GetStatus(job_id=job_id):
                return [self._status(session, job_id)]
            case ListJobs():
                return [self._list(session)]
            case Cancel(job_id=job_id):
                job = self._own(session, job_id)
                return [unknown_job(job_id) if job is None else self._manager.status(self._dispatcher.cancel(job))]
            case Fetched(job_id=job_id):
                return [self._fetched(session, job_id)]
            case Prune():
                return [self._prune(session, message)]
            case GetServerStats():
                return [self._stats(session.owner)]
            case Follow():
                return self._follow(session, message)
            case _:
                return [Refused(code=RefusalCode.MALFORMED, what="This message does not belong on this socket")]

    def _own(self, session: Session, job_id: str) -> Job | None:
        """The job if it is this client's; None for another client's as for one that does not exist."""
        job = self._manager.store.find(job_id)
        return job if job is not None and job.owner == session.owner else None

    def _status(self, session: Session, job_id: str) -> JobStatus:
        job = self._own(session, job_id)
        return JobStatus(job_id=job_id, state=JobState.UNKNOWN) if job is None else self._manager.status(job)

    def _list(self, session: Session) -> Jobs:
        """The client's jobs, newest first, without their result files, as many as fit into one header."""
        limits = self._options.limits
        jobs = self._manager.store.of_owner(session.owner, limits.listed_jobs)
        places = self._manager.places(job.job_id for job in jobs)
        room, listed = limits.header_bytes - 4096, list[JobStatus]()
        for job in jobs:
            status = job.status(queue_place=places.get(job.job_id, 0))
            brief = msgspec.structs.replace(status, results=(), reason=status.reason[: limits.listed_reason])
            room -= len(msgspec.msgpack.encode(brief))
            if room < 0:
                break
            listed.append(brief)
        return Jobs(jobs=tuple(listed))

    def _fetched(self, session: Session, job_id: str) -> ServerMessage:
        job = self._own(session, job_id)
        if job is None:
            return unknown_job(job_id)
        return self._manager.status(self._manager.store.note_fetched(job_id, time.time()))

    def _submit(self, session: Session, message: Submit) -> ServerMessage:
        known = self._manager.store.find(message.job_id)
        if known is not None:
            asked = (session.owner, message.digest, message.nbytes, message.engine)
            if asked == (known.owner, known.digest, known.nbytes, known.engine):
                return self._manager.status(known)
            what = "A job of this id exists and is another one"
            return refuse(message, RefusalCode.JOB_CONFLICT, what, message.job_id, "Send it under a new id.")
        if self.stopping:
            remedy = "Send it again once it is back."
            return refuse(message, RefusalCode.BUSY, "The server is stopping", "", remedy)
        refused = self._admission.rejection(session.owner, message)
        if refused is not None:
            return refused
        submit = message
        job = self._manager.store.create(
            submit.job_id, session.owner, submit.digest, submit.nbytes, submit.engine, submit.title, time.time()
        )
        beyond = self._manager.store.ended_without_clip(session.owner, beyond=self._options.limits.ended_jobs)
        self._manager.forget(beyond, at_once=False)
        return self._manager.status(job)

    def _prune(self, session: Session, message: Prune) -> Pruned:
        gone = self._manager.store.prunable(
            session.owner, time.time() - message.older_than, message.unfetched, self._options.limits.pruned_jobs
        )
        return Pruned(jobs=len(gone), nbytes=self._manager.forget(gone))

    def _follow(self, session: Session, message: Follow) -> list[ServerMessage]:
        job = self._own(session, message.job_id)
        if job is None:
            return [
                StateEvent(
                    job_id=message.job_id,
                    sequence=message.after_sequence,
                    state=JobState.UNKNOWN,
                    attempt=0,
                    at=time.time(),
                    reason="The server does not know this job.",
                )
            ]
        if len(session.followed) >= self._options.limits.followed_jobs:
            session.followed.clear()
        if not job.state.final:
            session.followed.add(job.job_id)
        latest = self._dispatcher.latest_progress(job.job_id)
        if latest is not None:
            session.progress[job.job_id] = latest
        elif job.state is JobState.QUEUED:
            session.progress |= {job_id: (place, b"") for job_id, place in self.waiting({job.job_id}).items()}
        return list(self._manager.store.events_after(job.job_id, message.after_sequence))


def unknown_job(job_id: str) -> Refused:
    """The refusal for a job that does not exist or is another client's."""
    return Refused(
        code=RefusalCode.NO_SUCH_JOB,
        what="The server does not know this job",
        why=job_id,
        remedy="It may have been removed after its time. Generate it again.",
        job_id=job_id,
    )
