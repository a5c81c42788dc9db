"""Run the long stages of a solve in a thread, while progress is reported and a cancel is noticed."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from typing import TYPE_CHECKING, TypeVar

from blender_addon.core.progress import JobProgress, OnProgress

if TYPE_CHECKING:
    import pycolmap

LOOK_SECONDS = 0.5
"""Seconds between two reports while a stage runs."""

Result = TypeVar("Result")


class Stages:
    """A fixed number of stages, run one after another; reports how many are done as each begins and while it runs."""

    def __init__(self, count: int, on_progress: OnProgress) -> None:
        self._count = count
        self._on_progress = on_progress
        self._done = 0

    def run(self, name: str, work: Callable[[pycolmap.CancellationToken], Result]) -> Result:
        """Run one stage and return its result.

        Args:
            name: of the stage, for the report.
            work: must release the interpreter lock, and should end soon once its token is cancelled.

        Raises:
            Exception: what `work` or `on_progress` raises; the latter cancels the token and waits for `work`.
        """
        import pycolmap

        token = pycolmap.CancellationToken()
        self._on_progress(JobProgress(self._done, self._count, name))
        with ThreadPoolExecutor(max_workers=1, thread_name_prefix="solve") as pool:
            running = pool.submit(work, token)
            try:
                while not wait([running], LOOK_SECONDS).done:
                    self._on_progress(JobProgress(self._done, self._count, name))
            except BaseException:
                token.cancel()
                raise
        self._done += 1
        return running.result()
