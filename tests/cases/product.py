"""The product as a user starts it: the command `realcam`, and a server that the add-on in this process finds."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from blender_addon.core.protocol.server_address import ServerAddress
from server.terminal.local_service import REALCAM
from tests.support.servers import PRODUCT_ENGINES, REPOSITORY, running_server


class Ended(NamedTuple):
    """A command that has ended.

    Attributes:
        code: Its exit status.
        text: What it wrote to standard output, then what it wrote to standard error.
    """

    code: int
    text: str

    @property
    def line(self) -> str:
        """The text in one line, spaces made single."""
        return " ".join(self.text.split())


def realcam(*arguments: object, timeout: float = 300) -> Ended:
    """Run `realcam` with these arguments, on a terminal of 200 columns; at most `timeout` seconds."""
    got = subprocess.run(
        [sys.executable, *REALCAM, *map(str, arguments)],
        cwd=REPOSITORY,
        capture_output=True,
        timeout=timeout,
        env={**os.environ, "COLUMNS": "200"},
        check=False,
    )
    return Ended(got.returncode, (got.stdout + got.stderr).decode("utf-8", "replace"))


@contextmanager
def server_for_addon(folder: Path) -> Iterator[ServerAddress]:
    """A server with the product's engines, its jobs in `folder`; the add-on in this process finds it."""
    with running_server(folder, PRODUCT_ENGINES) as server:
        os.environ["REALCAM_SERVER"] = f"{server.address.host}:{server.address.control_port}"
        yield server.address
