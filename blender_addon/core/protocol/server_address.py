"""The address of a server: parsing what a person typed, and whether it is this machine."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

from ..errors import ServiceError

DEFAULT_HOST = "127.0.0.1"
DEFAULT_CONTROL_PORT = 47110


@dataclass(frozen=True)
class ServerAddress:
    """Where a server listens.

    Attributes:
        host: name or address.
        control_port: port of the control socket.
        data_port: port of the data socket.
        server_key: the server's public key (Z85); "" on loopback, where it is in the user's own configuration.
    """

    host: str = DEFAULT_HOST
    control_port: int = DEFAULT_CONTROL_PORT
    data_port: int = DEFAULT_CONTROL_PORT + 1
    server_key: str = ""

    def __str__(self) -> str:
        return host_and_port(self.host, self.control_port)

    @property
    def loopback(self) -> bool:
        """Whether the server is on this machine."""
        return is_loopback(self.host)


def is_localhost(host: str) -> bool:
    """Whether a host is this machine's own name for itself, which stands for two addresses."""
    return host.lower() == "localhost"


def is_loopback(host: str) -> bool:
    """Whether a host name means this machine and can be reached from nowhere else."""
    if is_localhost(host):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def parse_address(text: str, server_key: str = "") -> ServerAddress:
    """The address in `host`, `host:port` or `[v6]:port` as typed by a person. The data port is the control port + 1.

    Raises:
        ServiceError: the text is no address.
    """
    text = text.strip().removeprefix("tcp://")
    host, separator, port_text = text.rpartition(":")
    if not separator or (":" in host and not host.endswith("]")):
        host, port_text = text, str(DEFAULT_CONTROL_PORT)
    host = bare_host(host) or DEFAULT_HOST
    if set(host) & set("[] ") or not port_text.isdecimal() or not 1 <= int(port_text) <= 65534:
        raise ServiceError(
            "This is not a server's address",
            repr(text),
            "Write host:port, for example 192.168.1.20:47110 or [fd00::20]:47110.",
        )
    return ServerAddress(host, int(port_text), int(port_text) + 1, server_key)


def bare_host(text: str) -> str:
    """A host as typed, without the brackets that stand around an IPv6 address."""
    text = text.strip()
    return text[1:-1] if text.startswith("[") and text.endswith("]") else text


def host_and_port(host: str, port: int | str) -> str:
    """`host:port`, with brackets around an IPv6 address, as people and ZeroMQ write it."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def host_on_this_machine(host: str) -> str:
    """Where a client on this machine reaches a server that listens on `host`, which may stand for all addresses."""
    return {"0.0.0.0": "127.0.0.1", "*": "127.0.0.1", "::": "::1"}.get(host, host)
