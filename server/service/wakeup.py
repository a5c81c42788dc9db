"""How other threads and signal handlers run something on the server's event loop."""

from __future__ import annotations

import contextlib
import queue
import socket
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
        # A full socket wakes the loop as well.
        with contextlib.suppress(BlockingIOError, OSError):
            self._writer.send(b"\0")

    def take(self) -> Iterator[Action]:
        """The actions posted so far, each given once."""
        with contextlib.suppress(BlockingIOError):
            while self._reader.recv(4096):
                pass
        while not self._actions.empty():
            yield self._actions.get()

    def close(self) -> None:
        """Close the descriptor; what is posted afterwards is dropped without an error."""
        self._reader.close()
        self._writer.close()
