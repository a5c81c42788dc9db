"""A second network namespace, which is to the server what a computer down the hall is (Linux, root)."""

from __future__ import annotations

import ipaddress
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

_PAIR = ipaddress.ip_address("10.213.0.0") + 4 * (os.getpid() % 2**14)
"""Private addresses inside the namespace, four for each process that runs tests."""
SERVER_SIDE, CLIENT_SIDE = str(_PAIR + 1), str(_PAIR + 2)


class NoNamespaceError(Exception):
    """None can be made here. The message says what is missing."""


@contextmanager
def namespace_with_cable() -> Iterator[str]:
    """The name of a namespace at CLIENT_SIDE, whose virtual cable ends at SERVER_SIDE. Raises NoNamespaceError."""
    number = os.getpid() % 100_000
    name, here, there = f"rc{number}", f"rca{number}", f"rcb{number}"
    if shutil.which("ip") is None:
        raise NoNamespaceError("the command `ip` is missing (package iproute2)")
    if not _ip("netns", "add", name):
        raise NoNamespaceError("network namespaces need root on Linux")
    try:
        cabled = (
            _ip("link", "add", here, "type", "veth", "peer", "name", there)
            and _ip("link", "set", there, "netns", name)
            and _ip("addr", "add", f"{SERVER_SIDE}/30", "dev", here)
            and _ip("link", "set", here, "up")
            and _ip("netns", "exec", name, "ip", "addr", "add", f"{CLIENT_SIDE}/30", "dev", there)
            and _ip("netns", "exec", name, "ip", "link", "set", there, "up")
        )
        if not cabled:
            raise NoNamespaceError("a pair of virtual network cards cannot be made here")
        yield name
    finally:
        _ip("link", "delete", here)
        _ip("netns", "delete", name)


def plug(namespace: str, *, plugged: bool) -> None:
    """Plug the cable of a namespace in, or pull it out: what is sent then arrives nowhere."""
    _ip("link", "set", namespace.replace("rc", "rca", 1), "up" if plugged else "down")


def inside(namespace: str) -> list[str]:
    """The words before a command that is to run there; none for "", which is this namespace."""
    return ["ip", "netns", "exec", namespace] if namespace else []


def _ip(*arguments: str) -> bool:
    return subprocess.run(["ip", *arguments], check=False, capture_output=True).returncode == 0
