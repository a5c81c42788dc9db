"""Forgets jobs by the rules of retention, a few in each turn of the loop, and deletes files of forgotten jobs in a
thread.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor

from blender_addon.core.awake_clock import Clock

from .job_manager import JobManager
from .retention import SLICE, Retention, expired

log = logging.getLogger("realcam.retention")

SHARE = 0.1
"""Most of the loop's time that forgetting jobs takes: each step waits for the disk, as a client's submission does."""


class Forgetting:
    """Use from the loop's thread.

    Args:
        manager: the jobs and their files.
        retention: how long jobs are kept.
        clock: seconds.
    """

    def __init__(self, manager: JobManager, retention: Retention, clock: Clock = time.monotonic) -> None:
        self._manager = manager
        self._retention = retention
        self._clock = clock
        self._looking = self._empty_trash = False
        self._jobs = self._freed = 0
        self._next_at = 0.0
        self._closing = threading.Event()
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="trash")
        self._deleting: Future[None] | None = None

    def begin(self) -> None:
        """Have the next turns look for jobs to forget until there are none, and for files that could not be deleted."""
        self._looking = self._empty_trash = True

    def step(self) -> None:
        """Forget SLICE jobs at most. None while files of those before are still being deleted, or before its time."""
        if self._deleting is not None and not self._deleting.done():
            return
        began = self._clock()
        if self._looking and began >= self._next_at:
            self._forget_some()
            ended = self._clock()
            self._next_at = ended + (ended - began) * (1 / SHARE - 1)
        if self._empty_trash or self._manager.files.has_trash:
            self._empty_trash = False
            self._deleting = self._pool.submit(self._manager.files.empty_trash, self._closing.is_set)

    def close(self) -> None:
        """Wait for the file that is being deleted; the rest is deleted after the next start."""
        self._closing.set()
        self._pool.shutdown(wait=True)

    def _forget_some(self) -> None:
        gone = expired(self._manager.store, time.time(), self._retention)
        try:
            self._freed += self._manager.forget(gone, at_once=False)
        except sqlite3.OperationalError as error:
            log.error("old jobs cannot be forgotten: %s", error)
            self._manager.disk.release_reserve()
            self._looking = False
            return
        self._jobs += len(gone)
        self._looking = len(gone) == SLICE
        if self._jobs and not self._looking:
            log.info("forgot %d jobs, %d bytes", self._jobs, self._freed)
            self._jobs = self._freed = 0
