"""What one token may have going on at once, so that it leaves threads, files and sockets to the others."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from weakref import WeakValueDictionary

from blender_addon.core.errors import ServiceError
from blender_addon.core.protocol.keys import KeyPair
from blender_addon.core.protocol.messages import RefusalCode

QUESTIONS = 8
"""Short questions to the service of one token; more wait."""
TRANSFERS = 4
"""Shots that come in and results that go out of one token; more wait, and their bodies are not read."""
STREAMS = 32
"""Streams of events of one token: as many as a server takes jobs of one client that have not ended."""
ALL_STREAMS = 128
"""Streams of all tokens. Each has a thread, and a connection to the service."""
STRANGERS = 8
"""Questions with tokens that are not known yet: made-up ones take no turns from tokens in use."""


class Shares:
    """Turns and places of the tokens. Use from the event loop."""

    def __init__(self) -> None:
        self._questions = WeakValueDictionary[str, asyncio.Semaphore]()
        self._transfers = WeakValueDictionary[str, asyncio.Semaphore]()
        self._streams = Counter[str]()
        self._strangers = asyncio.Semaphore(STRANGERS)

    def question(self, keys: KeyPair, known: bool) -> asyncio.Semaphore:
        """To be held while the service is asked; `known` says whether it was asked with this token before."""
        return self._questions.setdefault(keys.public, asyncio.Semaphore(QUESTIONS)) if known else self._strangers

    def transfer(self, keys: KeyPair) -> asyncio.Semaphore:
        """To be held while a shot comes in or a result goes out."""
        return self._transfers.setdefault(keys.public, asyncio.Semaphore(TRANSFERS))

    @contextmanager
    def stream(self, keys: KeyPair) -> Iterator[None]:
        """A place for a stream of events.

        Raises:
            ServiceError: there is none; code "busy".
        """
        own = self._streams[keys.public]
        if own >= STREAMS or self._streams.total() >= ALL_STREAMS:
            raise ServiceError(
                "Too many streams of events are open",
                f"{own} of this token, {self._streams.total()} in all; {STREAMS} and {ALL_STREAMS} may be",
                "Close one, or ask for the status of the job now and then.",
                code=RefusalCode.BUSY,
            )
        self._streams[keys.public] += 1
        try:
            yield
        finally:
            self._streams[keys.public] -= 1
            if not self._streams[keys.public]:
                del self._streams[keys.public]
