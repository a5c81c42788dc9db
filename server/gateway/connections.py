"""Connections to the service: one kept open for each token that is in use, and others for what is followed."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from blender_addon.core.errors import ServiceError
from blender_addon.core.protocol.client import Client
from blender_addon.core.protocol.client_session import Interrupted, Session, never
from blender_addon.core.protocol.keys import KeyPair, SessionKeys, session_keys
from blender_addon.core.protocol.messages import RefusalCode
from blender_addon.core.protocol.server_address import ServerAddress
from blender_addon.core.version import VERSION

from .tokens import REMEDY

GATEWAY_SOFTWARE = f"realcam-gateway {VERSION}"
PATIENCE = 5.0
"""Seconds that a request waits for a service that is away."""
MOST_KEPT = 32
"""Connections that stay open; the one that was used longest ago is closed first."""


class Connections:
    """Clients of the service, one for each token. Calls may come from any thread; those of one token take turns.

    Args:
        address: the service's.
        config: folder of the keys, where the service's public key is found.

    Raises:
        ServiceError: the service's public key is not known.
    """

    def __init__(self, address: ServerAddress, config: Path) -> None:
        self._address = address
        self._config = config
        self._server_key = session_keys(address, config).server_public
        self._kept: OrderedDict[str, tuple[Client, threading.Lock]] = OrderedDict()
        self._let_in = set[str]()
        self._lock = threading.Lock()

    def knows(self, keys: KeyPair) -> bool:
        """Whether the service has let this token in, and it is in use."""
        with self._lock:
            return keys.public in self._let_in

    @contextmanager
    def client(self, keys: KeyPair) -> Iterator[Client]:
        """The token's own client, for one call after another.

        Raises:
            ServiceError: code "not-allowed" when the service does not know the token.
        """
        with self._lock:
            if keys.public not in self._kept:
                self._kept[keys.public] = self._made(keys), threading.Lock()
            self._kept.move_to_end(keys.public)
            client, turn = self._kept[keys.public]
            self._close_old()
        with turn:
            try:
                with _token_unknown():
                    yield client
                with self._lock:
                    self._let_in.add(keys.public)
            except ServiceError as error:
                if error.code == RefusalCode.NOT_ALLOWED:
                    client.close()
                    self._forget(keys)
                raise

    @contextmanager
    def follower(self, keys: KeyPair, interrupted: Interrupted = never) -> Iterator[Client]:
        """A client of its own for a wait or a transfer that may be long; `interrupted` ends it."""
        with self._made(keys, interrupted) as client, _token_unknown():
            yield client

    def close(self) -> None:
        """Close all, each once nobody uses it any more."""
        with self._lock:
            kept = tuple(self._kept.values())
            self._kept.clear()
        # Not under the lock: whoever has a turn takes it at the end of the turn.
        for client, turn in kept:
            with turn:
                client.close()

    def _forget(self, keys: KeyPair) -> None:
        with self._lock:
            self._kept.pop(keys.public, None)
            self._let_in.discard(keys.public)

    def _close_old(self) -> None:
        for public in list(self._kept)[: max(len(self._kept) - MOST_KEPT, 0)]:
            client, turn = self._kept[public]
            if turn.acquire(blocking=False):
                del self._kept[public]
                self._let_in.discard(public)
                client.close()
                turn.release()

    def _made(self, keys: KeyPair, interrupted: Interrupted = never) -> Client:
        return Client(
            self._address,
            "gateway",
            GATEWAY_SOFTWARE,
            patience=PATIENCE,
            interrupted=interrupted,
            config=self._config,
            connect=partial(Session, keys=SessionKeys(self._server_key, keys)),
        )


@contextmanager
def _token_unknown() -> Iterator[None]:
    """Say of a key that the service refuses that it is a token nobody knows."""
    try:
        yield
    except ServiceError as error:
        if error.code != RefusalCode.NOT_ALLOWED:
            raise
        raise ServiceError(
            "The server does not know this token",
            "it was never given out, or it was revoked",
            REMEDY,
            code=RefusalCode.NOT_ALLOWED,
        ) from error
