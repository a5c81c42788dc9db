"""One connection to a server: two sockets, the handshake, and waits that always end.

A session lives until something breaks; then it raises ConnectionLostError and is of no more use. client.py opens the
next one and continues.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal

import zmq
from zmq.utils.monitor import recv_monitor_message

from ..errors import ErrorCode, ServiceError, WireError
from .find_host import reachable_host
from .framing import Buffer, ProtocolMismatchError, Received, decode_server_message, encode
from .keys import SessionKeys, own_keys_remedy, session_keys
from .messages import (
    PROTOCOL_VERSION,
    ClientMessage,
    Hello,
    Limits,
    Ping,
    Pong,
    RefusalCode,
    Refused,
    ServerMessage,
    Welcome,
)
from .server_address import ServerAddress, host_and_port

Channel = Literal["control", "data"]
"""Which of the two sockets."""
Interrupted = Callable[[], bool]
"""Asked during every wait; True ends it with InterruptedWaitError."""

SLICE = 0.05
"""Seconds between two calls of `interrupted`."""
GREETING_SECONDS = 60.0
"""How long a server may take to welcome after the handshake: until its worker has loaded its engines."""
HANDSHAKES_THAT_MAY_END = 3
"""Handshakes that may break off before connecting is given up."""
QUIET_BEFORE_PING = 4.0
"""Seconds of silence after which a Ping is sent."""
QUIET_BEFORE_LOST = 13.0
"""Seconds of silence after which the connection counts as lost."""
MONITORED = (
    zmq.EVENT_DISCONNECTED
    | zmq.EVENT_HANDSHAKE_SUCCEEDED
    | zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL
    | zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL
    | zmq.EVENT_HANDSHAKE_FAILED_AUTH
)
"""The events of ZeroMQ's monitor that matter here."""


class ConnectionLostError(ServiceError):
    """The connection broke or the server was silent for too long. Nothing on the server is lost: connect again."""

    def __init__(self, address: ServerAddress, why: str) -> None:
        super().__init__(
            f"The connection to the server at {address} was lost", why, "The job goes on there.", code=ErrorCode.LOST
        )


class InterruptedWaitError(ServiceError):
    """A wait was ended by the caller's own `interrupted`."""

    def __init__(self) -> None:
        super().__init__("Stopped waiting for the server", code=ErrorCode.INTERRUPTED)


def never() -> bool:
    """The `interrupted` of a caller that waits to the end."""
    return False


class Session:
    """An open connection. Use from one thread. `welcome` is the server's answer to the handshake.

    Args:
        address: the server's.
        config: folder of the keys.
        client_id: the same after a restart of Blender.
        software: name and version, for the server's log.
        timeout: seconds to find the host, and again for the handshakes.
        interrupted: asked during every wait.
        keys: to connect with; None takes those of the configuration.

    Raises:
        ServiceError: nobody answers, the server's key is not known, the versions do not match, or the server refuses
            this client.
        WireError: the server's answer cannot be read.
    """

    welcome: Welcome

    def __init__(
        self,
        address: ServerAddress,
        config: Path,
        client_id: str,
        software: str,
        timeout: float,
        interrupted: Interrupted = never,
        keys: SessionKeys | None = None,
    ) -> None:
        self.address = address
        self._config = config
        self._inbox: dict[Channel, deque[Received[ServerMessage]]] = {"control": deque(), "data": deque()}
        self._limits = Limits()
        self._heard = time.monotonic()
        self._pinged = self._listened = self._heard
        self._lost = False
        self._context = zmq.Context()
        self._sockets: dict[Channel, zmq.Socket[bytes]] = {}
        self._monitors: dict[Channel, zmq.Socket[bytes]] = {}
        self._poller = zmq.Poller()
        try:
            host = reachable_host(address, timeout)
            deadline = time.monotonic() + timeout
            keys = keys or session_keys(address, config)
            self._open("control", host, address.control_port, keys)
            self._open("data", host, address.data_port, keys)
            self._await_handshakes(deadline, interrupted)
            self.welcome = self._greet(client_id, software, interrupted)
        except BaseException:
            self.close()
            raise
        self._limits = self.welcome.limits

    def close(self) -> None:
        """Close the sockets at once; unsent messages are dropped."""
        for channel, dealer in self._sockets.items():
            dealer.disable_monitor()
            self._monitors[channel].close(linger=0)
            dealer.close(linger=0)
        self._context.destroy(linger=0)

    def send(
        self, channel: Channel, message: ClientMessage, buffers: Sequence[Buffer] = (), request_id: int = 0
    ) -> None:
        """Send a message, without waiting.

        Args:
            channel: which socket.
            message: what to send.
            buffers: arrays that go with it.
            request_id: the server repeats it in its answers.

        Raises:
            ConnectionLostError: the socket takes no more, which with credit means that nobody reads.
        """
        frames = encode(message, buffers, request_id)
        try:
            self._sockets[channel].send_multipart(frames, flags=zmq.DONTWAIT, copy=False)
        except zmq.Again as error:
            raise ConnectionLostError(self.address, "it takes no more messages") from error

    def receive(self, channel: Channel, timeout: float, interrupted: Interrupted = never) -> Received[ServerMessage]:
        """The next message of a channel.

        Args:
            channel: which socket.
            timeout: seconds.
            interrupted: asked during the wait.

        Raises:
            TimeoutError: nothing came in time.
            ConnectionLostError: the connection broke or the server was silent for too long.
            InterruptedWaitError: `interrupted` said so.
            WireError: a message cannot be read.
        """
        deadline = time.monotonic() + timeout
        while not self._inbox[channel]:
            if interrupted():
                raise InterruptedWaitError
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError
            self._check_alive()
            self._poll(min(left, SLICE))
        return self._inbox[channel].popleft()

    def _open(self, channel: Channel, host: str, port: int, keys: SessionKeys) -> None:
        dealer = self._context.socket(zmq.DEALER)
        dealer.curve_serverkey = keys.server_public.encode()
        dealer.curve_publickey, dealer.curve_secretkey = keys.client.public.encode(), keys.client.secret.encode()
        for option, value in (
            (zmq.LINGER, 0),
            (zmq.IMMEDIATE, 1),
            (zmq.IPV6, 1),
            (zmq.HEARTBEAT_IVL, 5000),
            (zmq.HEARTBEAT_TIMEOUT, 15000),
            (zmq.HEARTBEAT_TTL, 15000),
            (zmq.TCP_KEEPALIVE, 1),
            (zmq.HANDSHAKE_IVL, 10000),
            (zmq.RECONNECT_IVL, 250),
            (zmq.RECONNECT_IVL_MAX, 10000),
            (zmq.SNDHWM, 64),
            (zmq.RCVHWM, 64),
            (zmq.MAXMSGSIZE, self._limits.data_frame_bytes),
        ):
            dealer.setsockopt(option, value)
        monitor = dealer.get_monitor_socket(MONITORED)
        self._sockets[channel], self._monitors[channel] = dealer, monitor
        dealer.connect(f"tcp://{host_and_port(host, port)}")
        self._poller.register(dealer, zmq.POLLIN)
        self._poller.register(monitor, zmq.POLLIN)

    def _await_handshakes(self, deadline: float, interrupted: Interrupted) -> None:
        """Wait until both sockets are connected.

        A refusal is raised at once. A handshake that merely broke off is tried again (ZeroMQ does it), because a bad
        link ends it so, and given up when it happens every time.
        """
        ended = 0
        waiting: set[Channel] = {"control", "data"}
        while waiting:
            if interrupted():
                raise InterruptedWaitError
            if time.monotonic() > deadline:
                raise ServiceError(
                    f"Something listens at {self.address} but does not answer as a RealCam server",
                    f"no handshake on the {' and '.join(sorted(waiting))} port",
                    "Check host and port, and that the server's public key is the right one.",
                    code=ErrorCode.UNREACHABLE,
                )
            self._poller.poll(int(SLICE * 1000))
            for channel in tuple(waiting):
                event = self._monitor_event(channel)
                if event == zmq.EVENT_HANDSHAKE_SUCCEEDED:
                    waiting.discard(channel)
                elif event == zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL and ended < HANDSHAKES_THAT_MAY_END:
                    ended += 1
                elif event not in (None, zmq.EVENT_DISCONNECTED):
                    raise _handshake_error(self.address, event, self._config)

    def _greet(self, client_id: str, software: str, interrupted: Interrupted) -> Welcome:
        self.send("control", Hello(protocol=PROTOCOL_VERSION, client_id=client_id, software=software))
        try:
            answer = self.receive("control", GREETING_SECONDS, interrupted).message
        except TimeoutError as error:
            raise ServiceError(
                f"The server at {self.address} does not answer",
                "it took the connection but sent no welcome",
                "It may be busy or stuck: look at its log, or start it again.",
                code=ErrorCode.UNREACHABLE,
            ) from error
        except ProtocolMismatchError as error:
            raise _mismatch(self.address, error.theirs) from error
        if isinstance(answer, Welcome):
            return answer
        if isinstance(answer, Refused):
            raise refusal(answer)
        raise WireError("The server answered the greeting with something else", type(answer).__name__)

    def _poll(self, timeout: float) -> None:
        ready = dict(self._poller.poll(int(timeout * 1000)))
        for channel, dealer in self._sockets.items():
            if dealer in ready:
                self._drain(channel, dealer)
            if self._monitors[channel] in ready and self._monitor_event(channel) == zmq.EVENT_DISCONNECTED:
                # Messages that came before the disconnect are still delivered.
                self._drain(channel, dealer)
                self._lost = True

    def _drain(self, channel: Channel, dealer: zmq.Socket[bytes]) -> None:
        while len(self._inbox[channel]) < 64:
            try:
                frames = dealer.recv_multipart(flags=zmq.DONTWAIT, copy=False)
            except zmq.Again:
                return
            self._heard = time.monotonic()
            received = decode_server_message([frame.buffer for frame in frames], self._limits)
            if not isinstance(received.message, Pong):
                self._inbox[channel].append(received)

    def _check_alive(self) -> None:
        if self._lost:
            raise ConnectionLostError(self.address, "the server closed it or is gone")
        now = time.monotonic()
        if now - self._listened > QUIET_BEFORE_PING:
            # The caller did not receive for a while: silence counts from now on.
            self._heard = now
        self._listened = now
        quiet = now - self._heard
        if quiet > QUIET_BEFORE_LOST:
            raise ConnectionLostError(self.address, f"it has been silent for {quiet:.0f} s")
        if quiet > QUIET_BEFORE_PING and now - self._pinged > QUIET_BEFORE_PING:
            self._pinged = now
            self.send("control", Ping(token=int(self._pinged * 1000)))

    def _monitor_event(self, channel: Channel) -> int | None:
        try:
            return int(recv_monitor_message(self._monitors[channel], flags=zmq.DONTWAIT)["event"])
        except zmq.Again:
            return None


def refusal(message: Refused) -> ServiceError:
    """The error for a refusal of the server."""
    return ServiceError(message.what, message.why, message.remedy, code=message.code)


def _handshake_error(address: ServerAddress, event: int | None, config: Path) -> ServiceError:
    own = own_keys_remedy(config) if address.loopback and not address.server_key else ""
    if event == zmq.EVENT_HANDSHAKE_FAILED_AUTH:
        return ServiceError(
            f"The server at {address} does not let this computer in",
            "its key is not on the server's list of allowed clients",
            own or "On the server, run `realcam keys allow` with this computer's public key.",
            code=RefusalCode.NOT_ALLOWED,
        )
    return ServiceError(
        f"What listens at {address} is not a RealCam server, or its key is another one",
        "the encrypted handshake failed",
        own or "Check host and port, and paste the server's public key again.",
        code=ErrorCode.HANDSHAKE,
    )


def _mismatch(address: ServerAddress, theirs: tuple[int, int]) -> ServiceError:
    ours = PROTOCOL_VERSION
    return ServiceError(
        f"The server at {address} speaks another version of the protocol",
        f"server {theirs[0]}.{theirs[1]}, this side {ours[0]}.{ours[1]}",
        "Update RealCam on this computer." if theirs > ours else "Update the server.",
        code=RefusalCode.PROTOCOL,
    )
