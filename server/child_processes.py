"""What holds for every process that multiprocessing begins."""

from __future__ import annotations

import multiprocessing
import os
import threading


def end_with_parent() -> None:
    """Have this process, which multiprocessing began, end when its parent does, however that ends.

    A pool's process waits for a pipe that nobody reads any more, after it has done all that was asked of it.
    """

    def watch() -> None:
        parent = multiprocessing.parent_process()
        if parent is not None:
            parent.join()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
