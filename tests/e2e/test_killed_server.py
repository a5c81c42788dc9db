"""kill -9 of the server while Blender waits for its clip, and a new one in its place: the shot is finished."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import IO

import pytest

from blender_addon.core.payloads.shot import ShotSettings
from blender_addon.core.protocol.server_address import ServerAddress
from server.demo.headless_blender import run_plan
from tests.e2e.conftest import CLIP_FRAMES, small_plan

pytestmark = pytest.mark.blender


def _serve(folder: Path, log: IO[bytes], address: ServerAddress | None = None) -> subprocess.Popen[bytes]:
    ports = (address.control_port, address.data_port) if address else (0, 0)
    command = [sys.executable, "-m", "server.cli", "serve", "--data-dir", str(folder / "jobs")]
    where = ["--port", str(ports[0]), "--data-port", str(ports[1])]
    return subprocess.Popen([*command, *where], stdout=subprocess.PIPE, stderr=log)


def _address(process: subprocess.Popen[bytes]) -> ServerAddress:
    assert process.stdout is not None
    found = re.search(rb":(\d+) \(data (\d+)\)", process.stdout.readline())
    assert found is not None
    return ServerAddress("127.0.0.1", int(found[1]), int(found[2]))


def test_killed_and_started_again_in_mid_job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("bpy")
    monkeypatch.setenv("REALCAM_CONFIG_DIR", str(tmp_path / "config"))
    with (tmp_path / "server.log").open("wb") as log:
        server = _serve(tmp_path, log)
        try:
            address = _address(server)
            kills = 0
            take = Path()
            previewed = set()
            for report in run_plan(small_plan(tmp_path, address), tmp_path / "logs"):
                if report.stage == "Rendering the preview" and report.steps:
                    previewed.add(report.step)
                if report.stage == "Generating" and 0 < report.step < report.steps and not kills:
                    os.kill(server.pid, signal.SIGKILL)
                    server.communicate()
                    server = _serve(tmp_path, log, address)
                    kills += 1
                take = Path(report.take_folder) if report.take_folder else take
            assert previewed >= {1, CLIP_FRAMES}
            assert kills == 1
            assert len(list((take / "frames").glob("*.png"))) == CLIP_FRAMES
        finally:
            server.terminate()
            server.communicate()


def test_an_engine_the_server_does_not_have_is_said_in_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import msgspec

    from blender_addon.core.errors import ShotError

    pytest.importorskip("bpy")
    monkeypatch.setenv("REALCAM_CONFIG_DIR", str(tmp_path / "config"))
    with (tmp_path / "server.log").open("wb") as log:
        server = _serve(tmp_path, log)
        try:
            plan = small_plan(tmp_path, _address(server))
            plan = msgspec.structs.replace(plan, settings=ShotSettings(engine="dream"))
            with pytest.raises(ShotError, match="The server has no engine 'dream'"):
                list(run_plan(plan, tmp_path / "logs"))
        finally:
            server.terminate()
            server.communicate()
