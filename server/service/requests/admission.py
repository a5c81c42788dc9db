"""Admission: every reason to refuse a Submit, checked before a byte of the payload is sent."""

from __future__ import annotations

from blender_addon.core.errors import ServiceError
from blender_addon.core.protocol.engine_checks import offered_engine
from blender_addon.core.protocol.messages import RefusalCode, Refused, Submit
from server.service.jobs.disk import room_to_run
from server.service.jobs.job_manager import JobManager
from server.service.options import ServiceOptions
from server.service.workers.dispatcher import Dispatcher


class Admission:
    """Decides whether a new job is taken.

    Args:
        manager: the jobs there are, and the disk.
        dispatcher: which engines there are, and which are suspended.
        options: the server's limits.
    """

    def __init__(self, manager: JobManager, dispatcher: Dispatcher, options: ServiceOptions) -> None:
        self._manager = manager
        self._dispatcher = dispatcher
        self._options = options

    def rejection(self, owner: str, message: Submit) -> Refused | None:
        """The first reason against a new job of this client; None when it may send the payload."""
        return (
            self._no_engine(owner, message)
            or self._too_large(message)
            or self._too_many(owner, message)
            or self._no_room(message)
        )

    def _no_engine(self, owner: str, message: Submit) -> Refused | None:
        try:
            offered_engine(self._dispatcher.engines_for(owner), message.engine)
        except ServiceError as error:
            return refuse(message, RefusalCode(error.code), error.what, error.why, error.remedy)
        return None

    def _too_large(self, message: Submit) -> Refused | None:
        allowed = self._options.limits.payload_bytes
        if 1 <= message.nbytes <= allowed:
            return None
        return refuse(
            message,
            RefusalCode.TOO_LARGE,
            "The payload is too large for this server",
            f"{message.nbytes / 1e6:.1f} MB, allowed {allowed / 1e6:.0f} MB",
            "Use fewer frames, a smaller clip or a smaller photo.",
        )

    def _too_many(self, owner: str, message: Submit) -> Refused | None:
        waiting, allowed = self._manager.store.unfinished_of(owner), self._options.limits.jobs_per_client
        if waiting < allowed:
            return None
        return refuse(
            message,
            RefusalCode.BUSY,
            "You have as many jobs waiting as the server allows",
            f"{waiting} of {allowed}",
            "Wait for one to end, or cancel one.",
        )

    def _no_room(self, message: Submit) -> Refused | None:
        engines = self._dispatcher.engines or ()
        free, promised = self._manager.disk.free() - self._options.keep_free, self._manager.promised_bytes(engines)
        share = next((engine.checkpoint_share for engine in engines if engine.name == message.engine), 0.0)
        needed = message.nbytes + room_to_run(message.nbytes, share)
        if needed <= free - promised:
            return None
        return refuse(
            message,
            RefusalCode.NO_SPACE,
            "The server's disk has no room for this job",
            f"it takes up to {needed / 1e6:.1f} MB, {max(free, 0) / 1e6:.1f} MB are free"
            f" and {promised / 1e6:.1f} MB of them promised to jobs before it",
            "Make room there (`realcam jobs prune`), or wait until jobs have ended.",
        )


def refuse(message: Submit, code: RefusalCode, what: str, why: str, remedy: str) -> Refused:
    """A refusal of this job: what, why and what to do."""
    return Refused(code=code, what=what, why=why, remedy=remedy, job_id=message.job_id)
