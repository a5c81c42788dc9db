"""How other threads and signal handlers run something on the server's event loop."""

from __future__ import annotations

import contextlib
import math
import queue
import socket
import time
from collections.abc import Callable, Iterator

Action = Callable[[], None]


class Wakeup:
    """A queue of actions for the loop's thread, with a descriptor that becomes readable when there are some."""

    def __init__(self) -> None:
        self._actions: queue.SimpleQueue[Action] = queue.SimpleQueue()
        self._reader, self._writer = socket.socketpair()
        self._reader.setblocking(False)
        self._writer.setblocking(False)

    def fileno(self) -> int:
        """The descriptor, for a poller."""
        return self._reader.fileno()

    def post(self, action: Action) -> None:
        """Have `action` run on the loop's thread soon. Callable from any thread."""
        self._actions.put(action)
        self._wake()

    def take(self, seconds: float = math.inf) -> Iterator[Action]:
        """The actions posted so far, each given once.

        Args:
            seconds: after which no further one is given; the loop is woken again for those that are left.
        """
        until = time.monotonic() + seconds
        with contextlib.suppress(BlockingIOError):
            while self._reader.recv(4096):
                pass
        while not self._actions.empty():
            if time.monotonic() > until:
                self._wake()
                return
            yield self._actions.get()

    def _wake(self) -> None:
        # A full socket wakes the loop as well.
        with contextlib.suppress(BlockingIOError, OSError):
            self._writer.send(b"\0")

    def close(self) -> None:
        """Close the descriptor; what is posted afterwards is dropped without an error."""
        self._reader.close()
        self._writer.close()
