"""A server on IPv6: `realcam serve --host ::1`, and a clip from it.

Situation: a machine with the loopback address ::1.
Wrong: the server's test of its own lock cannot connect, and the server says that an unknown key was not refused.
Right: the server starts, and `realcam generate --server [::1]:PORT` makes its clip.
"""

from __future__ import annotations

import socket
from pathlib import Path

from blender_addon.core.errors import ServiceError
from blender_addon.core.protocol.keys import config_dir
from tests.cases.checking import INPUTS, Answer, judge
from tests.cases.product import realcam
from tests.support.servers import PRODUCT_ENGINES, RunningServer, free_address

CASE = INPUTS / "19-ipv6-server"


def check(work: Path) -> Answer:
    """Start the server, then ask it for a clip."""
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError as error:
        return Answer(True, f"not tried: this machine has no ::1 ({error})")
    server = RunningServer(
        work / "jobs",
        config_dir(),
        arguments=("--host", "::1"),
        log=work / "log",
        engines=PRODUCT_ENGINES,
        address=free_address(),
    )
    port = server.address.control_port
    try:
        server.start()
    except ServiceError as error:
        return Answer(False, " ".join(str(error).split()))
    try:
        files = ("--photo", CASE / "photo.png", "--depth", CASE / "depth.png", "--trajectory", CASE / "poses.txt")
        clip = work / "clip.mp4"
        ended = realcam("generate", "--server", f"[::1]:{port}", *files, "--frames", 8, "-o", clip)
    finally:
        server.stop()
    return Answer(ended.code == 0, f"exit {ended.code}: {ended.line[-160:]}")


if __name__ == "__main__":
    judge(check)
