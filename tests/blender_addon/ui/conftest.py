"""A shot ready to be generated, a server to generate it with, and the add-on's jobs emptied after each test."""

from __future__ import annotations

import shlex
import socket
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from PIL import Image

from blender_addon.core.protocol.server_address import parse_address
from blender_addon.generation.local_server import COMMAND_VARIABLE, LocalServer, server_command
from server.demo.motorcycle import Motorcycle
from server.terminal.local_service import wait_until_ready
from tests.support.running_server import PATIENCE

REPOSITORY = Path(__file__).parents[3]


def free_address() -> str:
    """host:port with the next port free as well."""
    while True:
        with socket.socket() as control, socket.socket() as data:
            control.bind(("127.0.0.1", 0))
            port = control.getsockname()[1]
            try:
                data.bind(("127.0.0.1", port + 1))
            except OSError:
                continue
            return f"127.0.0.1:{port}"


def command_in(folder: Path, engines: str = "") -> str:
    """A server command whose jobs are kept in `folder`; engines: of the tests' own, else the product's."""
    command = ["env", f"PYTHONPATH={REPOSITORY}", sys.executable, "-m", "server.cli", "serve"]
    command += ["--data-dir", str(folder / "server")]
    return shlex.join(command + (["--engines", engines] if engines else []))


@contextmanager
def running_server(folder: Path, engines: str = "") -> Iterator[str]:
    """Address of a server process with these engines, ready, which somebody else has started."""
    address = free_address()
    ready_file = folder / "ready.json"
    command = f"{command_in(folder, engines)} --ready-file {shlex.quote(str(ready_file))}"
    server = LocalServer(server_command(command, parse_address(address)), folder / "log")
    server.start()
    try:
        wait_until_ready(ready_file, server.check, PATIENCE)
        yield address
    finally:
        server.stop()


@pytest.fixture(scope="session")
def test_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of a server with the tests' quick engines."""
    with running_server(tmp_path_factory.mktemp("server"), "tests.support.engines.misbehaving:engines") as address:
        yield address


@pytest.fixture
def quick(addon: ModuleType, test_server: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[ModuleType]:
    """`bpy` with the add-on talking to the tests' server, its own files in tmp_path, no job under way."""
    from blender_addon.generation import user_files
    from blender_addon.ui import preferences

    monkeypatch.setenv(preferences.ADDRESS_VARIABLE, test_server)
    monkeypatch.delenv(COMMAND_VARIABLE, raising=False)
    monkeypatch.setattr(user_files, "user_folder", lambda: tmp_path)
    yield addon
    forget_everything()


def forget_everything() -> None:
    """As if Blender had been closed: thread and local server end, records and jobs stay."""
    from blender_addon.generation.jobs import jobs
    from blender_addon.ui.jobs.runtime import runtime

    jobs.close()
    runtime.pending = ()


def connected(bpy: ModuleType, until: Callable[[], bool]) -> None:
    """Ask the server what it can do, as the button does, and wait for the answer."""
    from blender_addon.ui.jobs.runtime import pump

    bpy.ops.realcam.connect()
    deadline = time.monotonic() + 60
    while not until():
        pump()
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.fixture
def small_bike(bike: Motorcycle, tmp_path: Path) -> Path:
    """The motorcycle photo as a file, its depth beside it, both at a third of their size."""
    small = Image.fromarray(bike.photo).resize((247, 167), Image.Resampling.BOX)
    small.save(tmp_path / "bike.png")
    rows, columns = np.linspace(0, 499, 167).astype(int), np.linspace(0, 740, 247).astype(int)
    np.save(tmp_path / "bike_depth.npy", bike.depth[np.ix_(rows, columns)])
    return tmp_path / "bike.png"


@pytest.fixture
def shot(quick: ModuleType, small_bike: Path, tmp_path: Path) -> Any:
    """The scene with photo, keyed camera and the smallest clip there is, in a saved .blend."""
    bpy = quick
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "shot.blend"))
    bpy.ops.realcam.import_photo(filepath=str(small_bike), focal_mm=48.2)
    scene = bpy.context.scene
    scene.frame_start, scene.frame_end = 1, 12
    scene.render.resolution_x, scene.render.resolution_y = 320, 200
    camera = scene.camera
    camera.keyframe_insert("location", frame=1)
    camera.location.x += 0.2
    camera.keyframe_insert("location", frame=12)
    settings = scene.realcam
    settings.preview_method = "WORKBENCH"
    settings.engine_name = "copy"
    settings.clip_width, settings.clip_height, settings.clip_frames = 64, 40, 4
    return scene
