"""A socket with a good key and no manners."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import zmq

from blender_addon.core.protocol.framing import Frame, decode_server_message, encode
from blender_addon.core.protocol.keys import client_keys, server_keys
from blender_addon.core.protocol.messages import PROTOCOL_VERSION, ClientMessage, Hello, Limits, ServerMessage, Welcome
from tests.support.servers import RunningServer


@contextmanager
def raw_socket(server: RunningServer, channel: str) -> Iterator[zmq.Socket[bytes]]:
    """Connected to the server's "control" or "data" port."""
    keys = client_keys(server.config_dir)
    port = server.address.control_port if channel == "control" else server.address.data_port
    with zmq.Context() as context, context.socket(zmq.DEALER) as dealer:
        dealer.linger = 0
        dealer.curve_serverkey = server_keys(server.config_dir).public.encode()
        dealer.curve_publickey, dealer.curve_secretkey = keys.public.encode(), keys.secret.encode()
        dealer.sndhwm = 0
        dealer.connect(f"tcp://127.0.0.1:{port}")
        yield dealer


def ask_with(dealer: zmq.Socket[bytes], frames: Sequence[Frame], seconds: float = 30.0) -> ServerMessage:
    """The answer to a message of these frames. Raises TimeoutError when none comes."""
    dealer.send_multipart(frames)
    if not dealer.poll(int(seconds * 1000)):
        raise TimeoutError
    return decode_server_message(dealer.recv_multipart(), Limits()).message


def ask(dealer: zmq.Socket[bytes], message: ClientMessage) -> ServerMessage:
    """The answer to a message."""
    return ask_with(dealer, encode(message))


def session(dealer: zmq.Socket[bytes]) -> str:
    """Say hello as a client does. The session's token."""
    welcome = ask(dealer, Hello(protocol=PROTOCOL_VERSION, client_id="rude", software="tests"))
    assert isinstance(welcome, Welcome)
    return welcome.session
