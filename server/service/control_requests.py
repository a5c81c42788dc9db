"""What the server answers on the control socket."""

from __future__ import annotations

import logging
import sqlite3
import time
from collections.abc import Callable, Container, Iterator

import msgspec

from blender_addon.core.messages import (
    PROTOCOL_VERSION,
    Cancel,
    ClientMessage,
    Facts,
    Fetched,
    Follow,
    GetFacts,
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
    StateEvent,
    Submit,
    Welcome,
)

from .disk import room_for_results
from .dispatcher import Dispatcher
from .job_book import JobBook
from .job_store import Job
from .options import SOFTWARE, ServiceOptions
from .sessions import Session

log = logging.getLogger("realcam.control")

LISTED_REASON = 200
"""Characters of a reason in a list; GetStatus tells the whole."""
MOST_PRUNED = 10_000
MOST_ENDED = 1000
"""Jobs of one client that ended without a clip and are still told of; older ones are forgotten."""


class ControlDesk:
    """Answers a client's control messages. Everything durable has happened when an answer is returned."""

    def __init__(
        self,
        book: JobBook,
        dispatcher: Dispatcher,
        options: ServiceOptions,
        boot_id: str,
        facts: Callable[[], Facts],
    ) -> None:
        self._facts = facts
        self._book = book
        self._dispatcher = dispatcher
        self._options = options
        self._boot_id = boot_id
        self.stopping = False

    def welcome(self, session: Session) -> Welcome:
        """The answer to Hello, once the engines are known."""
        return Welcome(
            protocol=PROTOCOL_VERSION,
            software=SOFTWARE,
            boot_id=self._boot_id,
            session=session.token,
            limits=self._options.limits,
            engines=self._dispatcher.engines or (),
        )

    def waiting(self, job_ids: Container[str]) -> Iterator[Progress]:
        """How many are before each of these that is queued, and what else it waits for."""
        for job_id, place in self._book.places().items():
            if job_id in job_ids:
                yield self._waiting(job_id, place)

    def _waiting(self, job_id: str, place: int) -> Progress:
        set_aside = self._dispatcher.set_aside
        why = set_aside.get(self._book.store.get(job_id).engine) if set_aside else None
        stage = f"The server set this engine aside: {why}. The job waits there for its next start." if why else "queued"
        return Progress(job_id=job_id, attempt=0, step=0, steps=0, stage=stage, queue_place=place)

    def answer(self, session: Session, message: ClientMessage) -> list[ServerMessage]:
        """Replies in order. A store that cannot be written is said, and nothing is promised."""
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
                return [unknown_job(job_id) if job is None else self._book.status(self._dispatcher.cancel(job))]
            case Fetched(job_id=job_id):
                return [self._fetched(session, job_id)]
            case Prune():
                return [self._prune(session, message)]
            case GetFacts():
                return [self._facts()]
            case Follow():
                return self._follow(session, message)
            case _:
                return [Refused(code=RefusalCode.MALFORMED, what="This message does not belong on this socket")]

    def _own(self, session: Session, job_id: str) -> Job | None:
        """The job if it is this client's; another client's is as good as none."""
        job = self._book.store.find(job_id)
        return job if job is not None and job.owner == session.owner else None

    def _status(self, session: Session, job_id: str) -> JobStatus:
        job = self._own(session, job_id)
        return JobStatus(job_id=job_id, state=JobState.UNKNOWN) if job is None else self._book.status(job)

    def _list(self, session: Session) -> Jobs:
        """Newest first, without their files, as many as go into one header."""
        places = self._book.places()
        room, listed = self._options.limits.header_bytes - 4096, list[JobStatus]()
        for job in self._book.store.of_owner(session.owner, self._options.limits.listed_jobs):
            status = job.status(queue_place=places.get(job.job_id, 0))
            brief = msgspec.structs.replace(status, results=(), reason=status.reason[:LISTED_REASON])
            room -= len(msgspec.msgpack.encode(brief))
            if room < 0:
                break
            listed.append(brief)
        return Jobs(jobs=tuple(listed))

    def _fetched(self, session: Session, job_id: str) -> ServerMessage:
        job = self._own(session, job_id)
        if job is None:
            return unknown_job(job_id)
        return self._book.status(self._book.store.note_fetched(job_id, time.time()))

    def _submit(self, session: Session, message: Submit) -> ServerMessage:
        known = self._book.store.find(message.job_id)
        if known is not None:
            asked = (session.owner, message.digest, message.nbytes, message.engine)
            if asked != (known.owner, known.digest, known.nbytes, known.engine):
                return Refused(
                    code=RefusalCode.JOB_CONFLICT,
                    what="A job of this id exists and is another one",
                    why=message.job_id,
                    remedy="Send it under a new id.",
                    job_id=message.job_id,
                )
            return self._book.status(known)
        refused = self._objection(session, message)
        if refused is not None:
            return refused
        submit = message
        job = self._book.store.create(
            submit.job_id, session.owner, submit.digest, submit.nbytes, submit.engine, submit.title, time.time()
        )
        self._book.forget(self._book.store.ended_without_clip(session.owner, beyond=MOST_ENDED))
        return self._book.status(job)

    def _prune(self, session: Session, message: Prune) -> Pruned:
        limit = time.time() - message.older_than
        gone = [
            job
            for job in self._book.store.of_owner(session.owner, MOST_PRUNED)
            if job.state.final
            and job.finished_at <= limit
            and (message.unfetched or job.fetched_at or job.state is not JobState.DONE)
        ]
        return Pruned(jobs=len(gone), nbytes=self._book.forget(gone))

    def _objection(self, session: Session, message: Submit) -> Refused | None:
        limits = self._options.limits
        engines = {engine.name: engine for engine in self._dispatcher.engines or ()}
        waiting = self._book.store.unfinished_of(session.owner)
        if self.stopping:
            return _no(message, RefusalCode.BUSY, "The server is stopping", "", "Send the shot again once it is back.")
        if message.engine not in engines:
            return _no(
                message,
                RefusalCode.NO_SUCH_ENGINE,
                f"This server has no engine called {message.engine}",
                f"it has {', '.join(engines) or 'none'}",
                "Choose one of these, or start a server that has it.",
            )
        if engines[message.engine].unavailable:
            return _no(
                message,
                RefusalCode.ENGINE_UNAVAILABLE,
                f"The engine {message.engine} cannot run on this server",
                engines[message.engine].unavailable,
                "Choose another engine.",
            )
        if not 1 <= message.nbytes <= limits.shot_bytes:
            return _no(
                message,
                RefusalCode.TOO_LARGE,
                "The shot is too large for this server",
                f"{message.nbytes / 1e6:.1f} MB, allowed {limits.shot_bytes / 1e6:.0f} MB",
                "Use fewer frames, a smaller clip or a smaller photo.",
            )
        if waiting >= limits.jobs_per_client:
            return _no(
                message,
                RefusalCode.BUSY,
                "You have as many jobs waiting as the server allows",
                f"{waiting} of {limits.jobs_per_client}",
                "Wait for one to end, or cancel one.",
            )
        free, promised = self._book.disk.free() - self._options.keep_free, self._book.promised_bytes()
        needed = message.nbytes + room_for_results(message.nbytes)
        if needed > free - promised:
            return _no(
                message,
                RefusalCode.NO_SPACE,
                "The server's disk has no room for this job",
                f"it takes up to {needed / 1e6:.1f} MB, {max(free, 0) / 1e6:.1f} MB are free"
                f" and {promised / 1e6:.1f} MB of them promised to jobs before it",
                "Make room there (`realcam jobs prune`), or wait until jobs have ended.",
            )
        return None

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
            session.progress[job.job_id] = (self._waiting(job.job_id, self._book.places()[job.job_id]), b"")
        return list(self._book.store.events_after(job.job_id, message.after_sequence))


def unknown_job(job_id: str) -> Refused:
    """The answer about a job that is not there, or not this client's."""
    return Refused(
        code=RefusalCode.NO_SUCH_JOB,
        what="The server does not know this job",
        why=job_id,
        remedy="It may have been removed after its time. Generate it again.",
        job_id=job_id,
    )


def _no(message: Submit, code: RefusalCode, what: str, why: str, remedy: str) -> Refused:
    return Refused(code=code, what=what, why=why, remedy=remedy, job_id=message.job_id)
