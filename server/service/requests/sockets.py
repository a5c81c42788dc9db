"""The server's two ROUTER sockets: their options, and single messages in and out."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from typing import NamedTuple

import zmq

from blender_addon.core.errors import ErrorCode, ServiceError
from blender_addon.core.protocol.framing import Frame
from blender_addon.core.protocol.keys import KeyPair
from blender_addon.core.protocol.messages import Limits
from blender_addon.core.protocol.server_address import host_and_port, host_on_this_machine

from .zap import DOMAIN


class Delivery(enum.Enum):
    """What became of a message: sent, refused because the client's queue is full, or its connection is gone."""

    SENT = enum.auto()
    FULL = enum.auto()
    GONE = enum.auto()


class Incoming(NamedTuple):
    """A message as it came.

    Attributes:
        route: the connection's address on the socket.
        user: its public key, Z85, as the ZAP handler let it in.
        frames: without the route.
    """

    route: bytes
    user: str
    frames: list[Frame]


class Router:
    """One bound ROUTER socket, encrypted with CURVE and closed to every key that the ZAP handler does not allow.

    Args:
        context: the server's.
        host: address to listen on.
        port: 0 takes any free one; `port` then says which.
        largest_frame: bytes; libzmq drops a connection that sends more.
        keys: the server's.

    Raises:
        ServiceError: the port is taken.
    """

    def __init__(
        self, context: zmq.Context[zmq.Socket[bytes]], host: str, port: int, largest_frame: int, keys: KeyPair
    ) -> None:
        self.socket = context.socket(zmq.ROUTER)
        self.socket.curve_server = True
        self.socket.curve_publickey, self.socket.curve_secretkey = keys.public.encode(), keys.secret.encode()
        self.socket.zap_domain = DOMAIN.encode()
        self.socket.setsockopt(zmq.ZAP_ENFORCE_DOMAIN, 1)
        for option, value in (
            (zmq.LINGER, 2000),
            (zmq.ROUTER_MANDATORY, 1),
            (zmq.ROUTER_HANDOVER, 0),
            (zmq.SNDHWM, 16),
            (zmq.RCVHWM, 64),
            (zmq.HEARTBEAT_IVL, 5000),
            (zmq.HEARTBEAT_TIMEOUT, 15000),
            (zmq.HEARTBEAT_TTL, 15000),
            (zmq.TCP_KEEPALIVE, 1),
            (zmq.HANDSHAKE_IVL, 10000),
            (zmq.MAXMSGSIZE, largest_frame),
            (zmq.IPV6, int(":" in host)),
        ):
            self.socket.setsockopt(option, value)
        try:
            self.socket.bind(f"tcp://{host_and_port(host, port or '*')}")
        except zmq.ZMQError as error:
            self.socket.close(linger=0)
            raise ServiceError(
                f"The server cannot listen on {host_and_port(host, port)}",
                error.strerror,
                "Another server may be running: stop it, or choose another --port.",
                code=ErrorCode.PORT_TAKEN,
            ) from error
        self.port = int(self.socket.get_string(zmq.LAST_ENDPOINT).rpartition(":")[2])
        self.own_endpoint = f"tcp://{host_and_port(host_on_this_machine(host), self.port)}"

    def receive(self, limits: Limits) -> Incoming | None:
        """The next message, None when there is none.

        Of a message with too many frames only one too many is kept, which the decoder refuses.
        """
        try:
            part = self.socket.recv(flags=zmq.DONTWAIT, copy=False)
        except zmq.Again:
            return None
        route, frames = part.bytes, list[Frame]()
        while part.more:
            part = self.socket.recv(copy=False)
            if len(frames) <= limits.buffers + 2:
                frames.append(part.buffer)
        return Incoming(route, _user(part), frames)

    def send(self, route: bytes, frames: Sequence[Frame]) -> Delivery:
        """Send frames to the connection at `route`, without waiting."""
        try:
            self.socket.send_multipart([route, *frames], flags=zmq.DONTWAIT, copy=True)
        except zmq.Again:
            return Delivery.FULL
        except zmq.ZMQError as error:
            if error.errno != zmq.EHOSTUNREACH:
                raise
            return Delivery.GONE
        return Delivery.SENT


def _user(frame: zmq.Frame) -> str:
    """The public key that the ZAP handler let in, Z85."""
    return str(frame.get("User-Id"))
