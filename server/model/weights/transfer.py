"""Work over a network that is stopped at once when nobody wants it any more: a question, and the transfer of a file."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path
from typing import IO, TypeVar

from .weights_sources import network_errors

LOOK_SECONDS = 0.1
"""How often the caller is told the length, and can stop: also while nothing comes over the line."""
LINE_TIMEOUT = 30.0
"""Seconds without a byte after which the line counts as broken."""
RETRIES = 5
"""How often a broken line is tried again without anything having come meanwhile."""
RETRY_SECONDS = 1.0

T = TypeVar("T")


def watched(work: Callable[[], T], on_wait: Callable[[], None]) -> T:
    """What `work` returns, which runs on a thread of its own.

    Args:
        work: asks something of another computer. What it raises passes through.
        on_wait: called ten times a second meanwhile. What it raises passes through at once; the work is left to end
            by itself, and what it finds is dropped.
    """
    threads = ThreadPoolExecutor(1)
    try:
        answer = threads.submit(work)
        while not wait([answer], LOOK_SECONDS).done:
            on_wait()
        return answer.result()
    finally:
        threads.shutdown(wait=False)


class Transfer:
    """The download of one file. It runs on a thread of its own, so that a stalled line does not hold up a cancel.

    Args:
        url: of the file.
        path: of the file that it is appended to.
        headers: of the request, beside those of a part; they may hold a token, and are never said or logged.
    """

    def __init__(self, url: str, path: Path, headers: Mapping[str, str] | None = None) -> None:
        self._url = url
        self._headers = headers or {}
        self._path = path
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._length = 0
        self._error: Exception | None = None

    def run(self, on_length: Callable[[int], None]) -> None:
        """Fetch what is missing.

        Args:
            on_length: told ten times a second how long the file is. What it raises ends the transfer and passes
                through; what has come by then stays in the file.

        Raises:
            Exception: one of network_errors(), when the line is broken for good or the file cannot be written.
        """
        with self._path.open("ab") as file:
            self._length = file.tell()
            thread = threading.Thread(target=self._fetch, args=(file,), daemon=True)
            thread.start()
            try:
                while thread.is_alive():
                    thread.join(LOOK_SECONDS)
                    on_length(self._length)
            finally:
                # The thread may hang in a read for a while yet: from here on it writes nothing.
                with self._lock:
                    self._stopped.set()
        if self._error is not None:
            raise self._error

    def _fetch(self, file: IO[bytes]) -> None:
        left = RETRIES
        while True:
            before = self._length
            try:
                self._append(file)
                return
            except network_errors() as error:
                left = RETRIES if self._length > before else left - 1
                if left < 0 or not _is_broken_line(error):
                    self._error = error
                    return
            if self._stopped.wait(RETRY_SECONDS):
                return

    def _append(self, file: IO[bytes]) -> None:
        from huggingface_hub.utils import hf_raise_for_status, http_stream_backoff

        headers = {**self._headers, "Accept-Encoding": "identity"}
        if self._length:
            headers["Range"] = f"bytes={self._length}-"
        with http_stream_backoff(
            "GET",
            self._url,
            headers=headers,
            timeout=LINE_TIMEOUT,
            retry_on_exceptions=(),
            retry_on_status_codes=(408, 429),
        ) as response:
            hf_raise_for_status(response)
            if self._length and response.status_code == 200:
                # A server that sends the whole file whatever part was asked for.
                self._write(file, b"", from_start=True)
            for chunk in response.iter_bytes():
                if not self._write(file, chunk):
                    return

    def _write(self, file: IO[bytes], chunk: bytes, from_start: bool = False) -> bool:
        """Append a chunk, unless the transfer was stopped: whether it was written."""
        with self._lock:
            if self._stopped.is_set():
                return False
            if from_start:
                file.truncate(0)
            file.write(chunk)
            file.flush()
            self._length = file.tell()
        return True


def _is_broken_line(error: Exception) -> bool:
    """Whether trying again may help: the line broke, in contrast to an answer that says no, or a full disk."""
    from huggingface_hub.errors import HfHubHTTPError

    of_library = [kind for kind in HfHubHTTPError.__mro__ if kind.__name__ == "HTTPError"]
    return isinstance(error, tuple(of_library)) and not isinstance(error, HfHubHTTPError)
