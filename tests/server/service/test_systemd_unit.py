"""The unit that `realcam serve --print-unit` prints."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from blender_addon.core.programs import find_program
from server.cli import app
from server.service.systemd_unit import systemd_unit

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="systemd is Linux's")


def lines(unit: str, key: str) -> list[str]:
    return [line.removeprefix(f"{key}=") for line in unit.splitlines() if line.startswith(f"{key}=")]


def printed(*words: str, code: int = 0, **environment: str) -> str:
    result = CliRunner().invoke(app, ["serve", *words, "--print-unit"], env=environment)
    assert result.exit_code == code, result.output
    return result.output


def test_the_options_are_those_that_were_typed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    unit = printed("--host", "0.0.0.0", "--metrics-port", "9110", "--data-dir", "jobs", "--stop-grace", "60")
    (command,) = lines(unit, "ExecStart")
    program, _, options = command.partition(" serve ")
    assert program.startswith("/")
    assert sorted(f" {options}".split(" --")[1:]) == [
        f"data-dir {tmp_path / 'jobs'}",
        "host 0.0.0.0",
        "metrics-port 9110",
        "stop-grace 60.0",
    ]
    assert lines(unit, "TimeoutStopSec") == ["75"]


def test_the_service_finds_the_same_keys_and_weights() -> None:
    unit = printed(REALCAM_CONFIG_DIR="/srv/my keys", REALCAM_WEIGHTS="/srv/weights")
    assert {'"REALCAM_CONFIG_DIR=/srv/my keys"', "REALCAM_WEIGHTS=/srv/weights"} <= set(lines(unit, "Environment"))


def test_letters_that_systemd_reads_otherwise_are_escaped() -> None:
    unit = systemd_unit(["/bin/realcam", "serve", "--data-dir", '/srv/50 % "$x"\\'], "anna", {"A": "5%"}, 5.0)
    assert lines(unit, "ExecStart") == ['/bin/realcam serve --data-dir "/srv/50 %% \\"$$x\\"\\\\"']
    assert "A=5%%" in lines(unit, "Environment")


def test_a_server_that_stops_with_its_parent_has_no_unit() -> None:
    assert "Leave out --die-with-parent" in printed("--die-with-parent", code=1)


def test_systemd_takes_it(tmp_path: Path) -> None:
    verify = find_program("systemd-analyze")
    if verify is None:
        pytest.skip("systemd is not installed")
    unit = tmp_path / "realcam.service"
    unit.write_text(printed("--data-dir", str(tmp_path / "my jobs")), encoding="utf-8")
    command = [str(verify), "verify", "--man=no", str(unit)]
    result = subprocess.run(command, check=False, capture_output=True, text=True)
    assert (result.returncode, result.stderr) == (0, "")
