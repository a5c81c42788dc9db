"""HTTP over sockets, where a connection is ended whose other side makes it wait: Uvicorn itself waits for ever."""

from __future__ import annotations

import asyncio
import socket
import sys

from starlette.applications import Starlette
from uvicorn import Config, Server
from uvicorn.protocols.http.h11_impl import H11Protocol

HEAD_SECONDS = 15.0
"""How long the head of a request may take, and what follows of a body that was refused."""
UNREAD_SECONDS = 60.0
"""How long a reader may take for some ten kilobytes of an answer."""
LARGEST_HEAD = 32_768
"""Bytes of a request's first line and headers."""
OPEN_FILES = 8192
"""Enough for all streams of events, and a thousand connections beside them."""
STOP_GRACE = 5
"""Seconds that requests are given when the gateway stops; a stream of events would go on as long as its job."""


class WatchedHttp(H11Protocol):
    """HTTP/1.1 of one connection."""

    _head: asyncio.TimerHandle | None = None
    _unread: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Wait for the first request."""
        super().connection_made(transport)
        self._watch_head()

    def data_received(self, data: bytes) -> None:
        """Take some of a request."""
        super().data_received(data)
        self._watch_head()

    def on_response_complete(self) -> None:
        """Wait for the next request."""
        super().on_response_complete()
        self._watch_head()

    def pause_writing(self) -> None:
        """Wait for the reader."""
        super().pause_writing()
        if self._unread is None:
            self._unread = self.loop.call_later(UNREAD_SECONDS, self.transport.abort)

    def resume_writing(self) -> None:
        """Go on: the reader has read."""
        super().resume_writing()
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None

    def connection_lost(self, exc: Exception | None) -> None:
        """End."""
        super().connection_lost(exc)
        for timer in (self._head, self._unread):
            if timer is not None:
                timer.cancel()

    def _watch_head(self) -> None:
        if self.cycle is not None and not self.cycle.response_complete:
            if self._head is not None:
                self._head.cancel()
                self._head = None
        elif self._head is None:
            seconds = UNREAD_SECONDS if self.transport.get_write_buffer_size() else HEAD_SECONDS
            self._head = self.loop.call_later(seconds, self.transport.abort)


def http_server(app: Starlette) -> Server:
    """A server of the gateway; its `run` takes listening sockets."""
    return Server(
        Config(
            app,
            http=WatchedHttp,
            ws="none",
            log_level="warning",
            server_header=False,
            h11_max_incomplete_event_size=LARGEST_HEAD,
            timeout_graceful_shutdown=STOP_GRACE,
        )
    )


def allow_open_files() -> None:
    """Allow this process as many open files as it may allow itself: a connection to the service takes 13, and many
    systems begin at 1024.
    """
    if sys.platform == "win32":
        return
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if 0 <= soft < OPEN_FILES:
        most = OPEN_FILES if hard == resource.RLIM_INFINITY else min(OPEN_FILES, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, most), hard))


def listening_socket(host: str, port: int) -> socket.socket:
    """A socket that listens.

    Raises:
        OSError: the address is not this machine's, or the port is taken.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family)
