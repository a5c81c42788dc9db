"""ZAP authentication: ZeroMQ asks this handler about every connection, and refuses those that it does not allow.

The server's own loop answers, so there is no thread that could die while the server lives; the sockets enforce the
domain, so without a handler every connection is refused.
"""

from __future__ import annotations

import logging
import time
from pathlib import Path
from typing import Annotated

import msgspec
import zmq
from msgspec import Meta
from zmq.utils import z85
from zmq.utils.monitor import recv_monitor_message

from blender_addon.core.errors import ServiceError
from blender_addon.core.protocol.keys import PublicKey, client_keys, new_keys, read_private, write_private
from server.service.watched_file import WatchedFile

log = logging.getLogger("realcam.zap")

DOMAIN = "realcam"
"""The ZAP domain of both sockets."""
ENDPOINT = "inproc://zeromq.zap.01"
"""Where libzmq sends its questions, fixed by the ZAP protocol."""
SELF_TEST_SECONDS = 10.0
"""How long the self-test waits for an endpoint's verdict."""


class AllowedClient(msgspec.Struct, frozen=True):
    """One entry of the allow-list.

    Attributes:
        name: what the client is called in logs and lists.
        public: its public key, Z85.
        added_at: seconds since the epoch.
    """

    name: Annotated[str, Meta(max_length=100)]
    public: PublicKey
    added_at: float


class AllowList:
    """The keys in <config>/allowed_clients.json and this user's own client key; changes on disk count at once.

    With a list that cannot be read only this user is allowed.

    Args:
        config: the configuration folder.
    """

    def __init__(self, config: Path) -> None:
        self._file = WatchedFile(config / "allowed_clients.json")
        self._own = client_keys(config).public
        self._names: dict[str, str] = {}

    def name_of(self, public: str) -> str | None:
        """The name of an allowed key; None when it is not allowed."""
        self._refresh()
        return "this user" if public == self._own else self._names.get(public)

    def others(self) -> int:
        """How many keys are allowed beside this user's."""
        self._refresh()
        return len(self._names)

    def _refresh(self) -> None:
        if not self._file.changed():
            return
        try:
            self._names = {client.public: client.name for client in read_allowed(self._file.path)}
        except ServiceError as error:
            log.error("nobody else is let in: %s", error)
            self._names = {}


def read_allowed(path: Path) -> list[AllowedClient]:
    """The entries of an allow-list; empty when there is no file.

    Raises:
        ServiceError: the file cannot be read or is damaged.
    """
    return read_private(path, list[AllowedClient]) or []


def write_allowed(path: Path, clients: list[AllowedClient]) -> None:
    """Replace an allow-list.

    Raises:
        OSError: it cannot be written.
    """
    write_private(path, msgspec.json.encode(clients))


class ZapHandler:
    """Answers ZeroMQ's questions about connections. It answers every request, malformed ones with a refusal, and does
    not raise.

    Args:
        context: the one of the sockets it guards.
        allowed: who may connect.
    """

    def __init__(self, context: zmq.Context[zmq.Socket[bytes]], allowed: AllowList) -> None:
        self._allowed = allowed
        self.socket = context.socket(zmq.REP)
        self.socket.linger = 0
        self.socket.bind(ENDPOINT)
        self.refused = 0
        self.self_test_key = ""
        """The unknown key of `prove_closed`: refused like any other, without a warning in the log."""

    def answer_all(self) -> None:
        """Answer all requests that have come so far."""
        while True:
            try:
                request = self.socket.recv_multipart(flags=zmq.DONTWAIT)
            except zmq.Again:
                return
            self.socket.send_multipart(self._answer(request))

    def _answer(self, request: list[bytes]) -> list[bytes]:
        user = ""
        if len(request) == 7 and (request[0], request[2], request[5]) == (b"1.0", DOMAIN.encode(), b"CURVE"):
            user = z85.encode(request[6]).decode() if len(request[6]) == 32 else ""
        name = self._allowed.name_of(user) if user else None
        head = [b"1.0", request[1] if len(request) > 1 else b""]
        if name is None:
            self.refused += 1
            level = logging.DEBUG if user and user == self.self_test_key else logging.WARNING
            log.log(level, "refused a connection with key %s", user or "none")
            return [*head, b"400", b"This key is not on the list of allowed clients", b"", b""]
        return [*head, b"200", b"OK", user.encode(), b""]


def prove_closed(
    handler: ZapHandler, endpoints: list[str], server_public: str, seconds: float = SELF_TEST_SECONDS
) -> None:
    """Try to connect with an unknown key at every endpoint: the self-test before the server starts.

    Args:
        handler: answers while this waits.
        endpoints: the server's own, as a client on this machine reaches them.
        server_public: the server's public key, Z85.
        seconds: how long to wait for each verdict.

    Raises:
        ServiceError: an endpoint did not refuse the key, or could not be tried.
    """
    for endpoint in endpoints:
        verdict = _try_to_enter(handler, endpoint, server_public, seconds)
        if verdict == 0:
            raise ServiceError(
                "The server's lock could not be tried",
                f"no handshake began or ended at {endpoint} in {seconds:g} s",
                "The server was not started. Check that programs on this machine can connect to that address.",
            )
        if verdict != zmq.EVENT_HANDSHAKE_FAILED_AUTH:
            raise ServiceError(
                "The server's lock does not hold",
                f"an unknown key was not refused at {endpoint} (event {verdict})",
                "The server was not started. Please report this with the versions of pyzmq and libzmq.",
            )
    handler.refused = 0


def _try_to_enter(handler: ZapHandler, endpoint: str, server_public: str, seconds: float) -> int:
    """The event of ZeroMQ's monitor that ended the handshake with an unknown key; 0 when none came in time."""
    keys = new_keys()
    handler.self_test_key = keys.public
    with zmq.Context() as context, context.socket(zmq.DEALER) as stranger:
        stranger.linger = 0
        # As the product's own clients have it: without, no socket connects to an IPv6 address.
        stranger.setsockopt(zmq.IPV6, 1)
        stranger.curve_publickey, stranger.curve_secretkey = keys.public.encode(), keys.secret.encode()
        stranger.curve_serverkey = server_public.encode()
        monitor = stranger.get_monitor_socket(
            zmq.EVENT_HANDSHAKE_SUCCEEDED
            | zmq.EVENT_HANDSHAKE_FAILED_AUTH
            | zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL
            | zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL
        )
        stranger.connect(endpoint)
        deadline = time.monotonic() + seconds
        verdict = 0
        while not verdict and time.monotonic() < deadline:
            handler.answer_all()
            if monitor.poll(10):
                verdict = int(recv_monitor_message(monitor)["event"])
        stranger.disable_monitor()
        monitor.close(linger=0)
    return verdict
