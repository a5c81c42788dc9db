"""The long stages of a solve, run beside a watcher that may stop them."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from typing import TYPE_CHECKING, TypeVar

from blender_addon.core.progress import JobProgress, OnProgress

if TYPE_CHECKING:
    import pycolmap

LOOK_SECONDS = 0.5

Result = TypeVar("Result")


class Stages:
    """Counts the stages and tells `on_progress` how many are done, as each begins and while it lasts."""

    def __init__(self, count: int, on_progress: OnProgress) -> None:
        self._count = count
        self._on_progress = on_progress
        self._done = 0

    def run(self, name: str, work: Callable[[pycolmap.CancellationToken], Result]) -> Result:
        """What `work` returns. It must let go of the interpreter, and should end soon once its token is cancelled."""
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
