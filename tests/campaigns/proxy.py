"""A TCP proxy that treats connections badly on purpose."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

PIECE = 16 * 1024


@dataclass(frozen=True)
class Link:
    """How a connection is: `delay` seconds for every piece; `rate` bytes a second towards the client, 0 for any."""

    delay: float = 0.0
    rate: float = 0.0
    hiccup: Callable[[], float] = lambda: 0.0
    """Extra seconds for a piece now and then: what a lost packet costs over TCP."""


class Proxy:
    """Forwards 127.0.0.1:port to the target. `reset` and `freeze` hit the connections that are open."""

    def __init__(self, target_port: int, link: Link = Link()) -> None:
        self._target = ("127.0.0.1", target_port)
        self._link = link
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._lock = threading.Lock()
        self._pairs: list[_Pair] = []
        self._frozen: list[_Pair] = []
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def reset(self) -> int:
        """Cut every open connection with an RST. Returns how many."""
        with self._lock:
            pairs, self._pairs = self._pairs, []
        alive = sum(pair.alive for pair in pairs)
        for pair in pairs:
            pair.cut()
        return alive

    def freeze(self) -> int:
        """Let every open connection hang for ever: nothing passes, nothing closes. Returns how many."""
        with self._lock:
            pairs, self._pairs = self._pairs, []
            self._frozen += pairs
        for pair in pairs:
            pair.frozen.set()
        return sum(pair.alive for pair in pairs)

    def close(self) -> None:
        """Stop listening and cut everything."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()
        self.reset()
        for pair in self._frozen:
            pair.cut()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            try:
                server = socket.create_connection(self._target)
            except OSError:
                client.close()
                continue
            pair = _Pair(client, server, self._link)
            with self._lock:
                self._pairs.append(pair)


class _Pair:
    def __init__(self, client: socket.socket, server: socket.socket, link: Link) -> None:
        self._ends = (client, server)
        self._link = link
        self.frozen = threading.Event()
        self._dead = threading.Event()
        if link.rate:
            # Small buffers: what is not read yet must wait in the sender, not here.
            server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, PIECE)
        for end in self._ends:
            end.settimeout(0.1)
            end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._pumps = [
            threading.Thread(target=self._pump, args=(client, server, 0.0), daemon=True),
            threading.Thread(target=self._pump, args=(server, client, link.rate), daemon=True),
        ]
        for pump in self._pumps:
            pump.start()

    @property
    def alive(self) -> bool:
        return not self._dead.is_set()

    def cut(self) -> None:
        """Both ends get an RST."""
        self._dead.set()
        for pump in self._pumps:
            pump.join()
        for end in self._ends:
            end.close()

    def _pump(self, source: socket.socket, sink: socket.socket, rate: float) -> None:
        piece = min(PIECE, int(rate) or PIECE)
        while not self._dead.is_set():
            try:
                data = source.recv(piece)
            except TimeoutError:
                continue
            except OSError:
                break
            if not data:
                break
            time.sleep(self._link.delay + self._link.hiccup() + (len(data) / rate if rate else 0.0))
            self._forward(sink, memoryview(data))
            while self.frozen.is_set() and not self._dead.is_set():
                time.sleep(0.05)
        if not self.frozen.is_set():
            self._dead.set()
            for end in self._ends:
                with contextlib.suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)

    def _forward(self, sink: socket.socket, data: memoryview) -> None:
        while data and not self._dead.is_set() and not self.frozen.is_set():
            try:
                data = data[sink.send(data) :]
            except TimeoutError:
                continue
            except OSError:
                self._dead.set()
