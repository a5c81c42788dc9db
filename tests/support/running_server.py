"""A real server process for a test, and the small shots that are sent to it."""

from __future__ import annotations

import signal
import subprocess
import uuid
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from blender_addon.core.camera.trajectory import Trajectory
from blender_addon.core.payloads.shot import Shot, ShotSettings
from blender_addon.core.payloads.shot_file import encode_shot
from blender_addon.core.protocol.capability import SettingValue
from blender_addon.core.protocol.client import Client
from blender_addon.core.protocol.keys import client_keys, server_keys
from blender_addon.core.protocol.server_address import ServerAddress
from server.demo.motorcycle import Motorcycle
from server.service.requests.zap import AllowedClient, read_allowed, write_allowed
from server.terminal.local_service import REALCAM, start_server

REPOSITORY = Path(__file__).parents[2]
ENGINES = "tests.support.engines.misbehaving:engines"
PATIENCE = 120.0
"""Seconds until a server must be ready, on a machine that other tests keep busy."""


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
        return Client(replace(self.address, server_key=server_key), name, "tests", config=config, patience=10.0)

    def kill(self) -> None:
        """kill -9 of the server process alone."""
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.wait()

    def wait(self) -> int:
        """Until it has ended."""
        assert self.process is not None
        code = self.process.wait(30)
        if self.process.stdin is not None:
            self.process.stdin.close()
        return code

    def stop(self) -> None:
        """End it as the end of its parent does."""
        if self.process is not None and self.process.poll() is None:
            assert self.process.stdin is not None
            self.process.stdin.close()
            self.wait()


def small_shot(
    bike: Motorcycle, engine: str = "copy", pause: float = 0.0, frames: int = 4, seed: int = 0, **options: SettingValue
) -> Shot:
    """A corner of the motorcycle photo as a shot of 64 x 40 pixels."""
    width, height = 64, 40
    intrinsics = np.array([[80.0, 0, width / 2], [0, 80.0, height / 2], [0, 0, 1]])
    preview = np.full((frames, height, width, 4), 255, dtype=np.uint8)
    for index in range(frames):
        preview[index, ..., :3] = bike.photo[200 + index : 200 + index + height, 300 : 300 + width]
    settings = ShotSettings(engine=engine, seed=seed, options={"pause": pause, **options})
    return Shot(
        trajectory=Trajectory(np.repeat(np.eye(4)[None], frames, axis=0), intrinsics, width, height),
        preview=preview,
        photo=np.ascontiguousarray(bike.photo[180:260, 280:400]),
        photo_intrinsics=bike.intrinsics,
        depth=np.ascontiguousarray(bike.depth[180:260, 280:400]),
        settings=settings,
    )


def small_payload(
    bike: Motorcycle, engine: str = "copy", pause: float = 0.0, frames: int = 4, seed: int = 0, **options: SettingValue
) -> bytes:
    """The same as a shot file."""
    return encode_shot(small_shot(bike, engine, pause, frames, seed, **options))


def new_id() -> str:
    """A job id."""
    return uuid.uuid4().hex
