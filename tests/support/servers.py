"""Real server processes for tests: starting them, their addresses and commands, clients of them."""

from __future__ import annotations

import itertools
import os
import shlex
import socket
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import psutil
import pytest

from blender_addon.core.protocol.client import Client
from blender_addon.core.protocol.keys import client_keys, config_dir, server_keys
from blender_addon.core.protocol.server_address import ServerAddress
from server.service.requests.zap import AllowedClient, read_allowed, write_allowed
from server.terminal.local_service import REALCAM, start_server

REPOSITORY = Path(__file__).parents[2]
ENGINES = "tests.support.engines.misbehaving:engines"
PRODUCT_ENGINES = "server.engines.registry:served"
CRASHED = "crashed with SIGSEGV" if os.name == "posix" else "ended with exit code"
"""What is said of a worker that read where nothing is."""
KILLED = "it was killed" if os.name == "posix" else "ended with exit code"
"""What is said of a worker that somebody killed."""
can_be_asked_to_end = pytest.mark.skipif(os.name == "nt", reason="Windows has no signal that asks a process to end")
PATIENCE = 120.0
"""Seconds that a machine which other tests keep busy may take for what an idle one does at once."""


@dataclass
class RunningServer:
    """`realcam serve` as a process of its own, with the engines of the tests."""

    data_dir: Path
    config_dir: Path
    arguments: tuple[str, ...] = ()
    program: tuple[str, ...] = REALCAM
    log: Path | None = None
    """Where its log goes, if not to the test's."""
    engines: str = ENGINES
    address: ServerAddress = field(default_factory=lambda: ServerAddress("127.0.0.1", 0, 0))
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> RunningServer:
        """Start, again on the same ports after a first time; returns once it is ready."""
        self.process, ready = start_server(
            [
                *("--data-dir", str(self.data_dir), "--engines", self.engines),
                *("--port", str(self.address.control_port), "--data-port", str(self.address.data_port)),
                *self.arguments,
            ],
            self.log,
            program=self.program,
            environment={"REALCAM_CONFIG_DIR": str(self.config_dir)},
            folder=REPOSITORY,
            patience=PATIENCE,
        )
        self.address = ServerAddress("127.0.0.1", ready.control_port, ready.data_port)
        return self

    def client(self, **options: object) -> Client:
        """A client of the user who runs this server."""
        return Client(self.address, "test", "tests", **{"config": self.config_dir, **options})  # type: ignore[arg-type]

    def other_client(self, name: str) -> Client:
        """A client with a key of its own, put on the server's allow-list."""
        config = self.config_dir / name
        path = self.config_dir / "allowed_clients.json"
        allowed = [client for client in read_allowed(path) if client.name != name]
        write_allowed(path, [*allowed, AllowedClient(name, client_keys(config).public, 0.0)])
        server_key = server_keys(self.config_dir).public
        return Client(replace(self.address, server_key=server_key), name, "tests", config=config, patience=PATIENCE)

    def kill(self) -> None:
        """kill -9 of the server process alone."""
        assert self.process is not None
        self.process.kill()
        self.wait()

    def wait(self) -> int:
        """Until it has ended."""
        assert self.process is not None
        code = self.process.wait(PATIENCE)
        if self.process.stdin is not None:
            self.process.stdin.close()
        return code

    def stop(self) -> None:
        """End it as the end of its parent does."""
        if self.process is not None and self.process.poll() is None:
            assert self.process.stdin is not None
            self.process.stdin.close()
            self.wait()


def workers_of(server: RunningServer) -> list[psutil.Process]:
    """The processes of its workers, in the order in which they were started: that of networks has its first job."""
    assert server.process is not None
    return sorted(psutil.Process(server.process.pid).children(), key=psutil.Process.create_time)


def new_id() -> str:
    """A job id."""
    return uuid.uuid4().hex


StartServer = Callable[..., RunningServer]
"""The fixture `start_server`: arguments of `realcam serve` to a server that ends with the test."""


@contextmanager
def running_server(folder: Path, engines: str = ENGINES) -> Iterator[RunningServer]:
    """A server that somebody else has started, at an address that a person can type, with the keys of all tests."""
    server = RunningServer(
        folder / "server", config_dir(), log=folder / "log", engines=engines, address=free_address()
    ).start()
    try:
        yield server
    finally:
        server.stop()


def command_in(folder: Path, engines: str = ENGINES) -> str:
    """The command by which the add-on starts a server of its own, whose jobs are kept in `folder`."""
    path = os.pathsep.join(filter(None, [str(REPOSITORY), os.environ.get("PYTHONPATH")]))
    words = ["env", f"PYTHONPATH={path}", sys.executable, *REALCAM, "serve"]
    return shlex.join([*words, "--engines", engines, "--data-dir", str(folder / "server")])


def pid_of_server_in(folder: Path) -> int:
    """The process that the add-on, in this process, has started by command_in(folder)."""
    (server,) = (
        child
        for child in psutil.Process().children(recursive=True)
        if {*REALCAM, str(folder / "server")} <= set(child.cmdline())
    )
    return server.pid


_FIRST_PORT, _LAST_PORT = 20_000, 32_000
"""Below the ports that systems give to whoever asks for any."""
_pairs = itertools.count(40 * os.getpid())
"""Processes that run tests at the same time begin at different places."""


def free_address() -> ServerAddress:
    """Two ports of this machine that follow each other and at which nobody listens.

    For servers that others start, and for clients that are to find none. A RunningServer takes ports of its own.
    """
    while True:
        port = _FIRST_PORT + 2 * next(_pairs) % (_LAST_PORT - _FIRST_PORT)
        with socket.socket() as control, socket.socket() as data:
            try:
                control.bind(("127.0.0.1", port))
                data.bind(("127.0.0.1", port + 1))
            except OSError:
                continue
            return ServerAddress("127.0.0.1", port, port + 1)
