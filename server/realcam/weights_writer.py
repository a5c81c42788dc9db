"""One `weights get` at a time in a folder of weights, and what a killed one left there cleared away."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from .weights_sources import WeightsError
from .weights_store import FRESH_PREFIX, WeightsStore

LOCK_FILE = ".get.lock"


@contextmanager
def sole_writer(store: WeightsStore) -> Iterator[None]:
    """Nobody else fetches into `store` or installs there meanwhile; the system ends that also when it is killed.

    Raises WeightsError when somebody does, or nothing can be written there.
    """
    from filelock import FileLock, Timeout

    lock = FileLock(store.root / LOCK_FILE, timeout=0)
    try:
        store.root.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except Timeout as error:
        raise WeightsError(
            "Another `realcam weights get` is at work there",
            str(store.root),
            "Wait for it to end, then run this again.",
        ) from error
    except OSError as error:
        raise WeightsError(
            "Weights cannot be kept there",
            f"{store.root}: {error.strerror}",
            "Name a folder of your own with --into or REALCAM_WEIGHTS.",
        ) from error
    try:
        for left in store.root.glob(f"{FRESH_PREFIX}*"):
            shutil.rmtree(left)
        yield
    finally:
        lock.release()
