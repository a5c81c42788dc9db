"""Which numeric address a server answers at, and why none does."""

from __future__ import annotations

import errno
import ipaddress
import socket
import sys

from ..errors import ErrorCode, ServiceError
from .server_address import ServerAddress, is_localhost

LOCAL_NETWORK = (
    "In System Settings > Privacy & Security > Local Network allow Blender, or the terminal that this runs in, and "
    "start it again. If that is on already: check that the server runs, the address, and the firewall between."
)
"""macOS 15 and later refuse a program that may not use the local network; denied once, it stays denied."""


def reachable_host(address: ServerAddress, timeout: float) -> str:
    """The numeric address that takes a TCP connection: a plain connect says at once why it fails, ZeroMQ would retry.

    Args:
        address: the server's.
        timeout: seconds for each address that the host has.

    Raises:
        ServiceError: code "unreachable".
    """
    # Windows tries ::1 first and takes two seconds to find a port closed; servers listen on 127.0.0.1 unless told.
    hosts = ("127.0.0.1", "::1") if is_localhost(address.host) else (address.host,)
    refused = OSError()
    for host in hosts:
        try:
            with socket.create_connection((host, address.control_port), timeout=max(timeout, 0.1)) as probe:
                return str(probe.getpeername()[0])
        except OSError as error:
            refused = error if host == hosts[0] else refused
    raise _unreachable(address, refused) from refused


def _unreachable(address: ServerAddress, error: OSError) -> ServiceError:
    if address.loopback:
        remedy = "Start it with `realcam serve`, or let the add-on start one."
    elif sys.platform == "darwin" and error.errno == errno.EHOSTUNREACH and _on_local_network(address.host):
        remedy = LOCAL_NETWORK
    else:
        remedy = "Check that it runs, the address, and the firewall between."
    reason = "no answer in time" if isinstance(error, TimeoutError) else (error.strerror or str(error))
    return ServiceError(f"No server answers at {address}", reason, remedy, code=ErrorCode.UNREACHABLE)


def _on_local_network(host: str) -> bool:
    """Whether a name or address belongs to a network that is reached without a provider."""
    try:
        found = {str(entry[4][0]) for entry in socket.getaddrinfo(host, None)}
    except OSError:
        return False
    return any(ipaddress.ip_address(one.partition("%")[0]).is_private for one in found)
