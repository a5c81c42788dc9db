"""The zip alone, in a Blender without checkout, uv, SciPy or a terminal: the demo, and a photo alone, become clips."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import sysconfig
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from build_addon import ROOT, build
from tests.support.folders import link
from tests.support.servers import free_address

pytestmark = pytest.mark.blender

SCRIPT = Path(__file__).with_name("installed_shot.py")
BLENDERS = (
    "bpy",
    "numpy",
    "requests",
    "urllib3",
    "idna",
    "certifi",
    "charset_normalizer",
    "cattr",
    "attr",
    "zstandard",
)
"""Packages, by how their names begin, that Blender's own Python has."""


Report = dict[str, Any]


@dataclass(frozen=True)
class Bare:
    """A Blender without anything of ours, and the built zip.

    Attributes:
        python: the program.
        extension: the zip.
    """

    python: Path
    extension: Path

    def run(self, home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run installed_shot.py in a home folder, with nothing on PATH."""
        kept = {name: value for name, value in os.environ.items() if name in ("LANG", "TMPDIR", "OMP_NUM_THREADS")}
        environment = {**kept, "HOME": str(home), "BLENDER_USER_RESOURCES": str(home / "blender"), "PATH": "/nowhere"}
        command = [str(self.python), str(SCRIPT), str(self.extension), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=False, cwd=home, env=environment)

    def report(self, home: Path, *arguments: str) -> Report:
        """What installed_shot.py reports at its end."""
        ran = self.run(home, *arguments)
        lines = [line for line in ran.stdout.splitlines() if line.startswith("REPORT ")]
        log = next(iter(home.rglob("server.log")), None)
        assert lines, ran.stdout + ran.stderr + (log.read_text() if log is not None else "no server was started")
        return dict(json.loads(lines[0].removeprefix("REPORT ")))


def bare_python(folder: Path) -> Path:
    """A Python that has Blender's packages alone, as the one that Blender brings."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    (packages,) = folder.glob("lib/python3*/site-packages")
    for entry in Path(sysconfig.get_path("purelib")).iterdir():
        if entry.name.startswith(BLENDERS):
            link(packages / entry.name, entry)
    return folder / "bin" / "python"


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Bare:
    if sysconfig.get_platform() != "linux-x86_64":
        pytest.skip("the zip is built and run for this platform alone")
    folder = tmp_path_factory.mktemp("bare")
    lock = tomllib.loads((ROOT / "uv.lock").read_text("utf-8"))
    extension = build("linux-x64", folder / "dist", ROOT / "build" / "wheels", lock=lock)
    return Bare(bare_python(folder / "python"), extension)


def check_made(report: Report) -> None:
    assert report["ready"] == ["draft"]
    assert report["take"] == 16
    assert report["strip"] == [1, 16]


def test_an_installed_zip_makes_the_demos_clip_though_its_worker_and_server_are_killed(
    bare: Bare, tmp_path: Path
) -> None:
    report = bare.report(tmp_path, str(free_address()), "servers")
    check_made(report)
    worker, server = report["killed"]
    assert "worker" in worker
    assert "start.py" in server


def test_the_clip_of_a_photo_alone_is_taken_up_when_blender_was_killed(bare: Bare, tmp_path: Path) -> None:
    address = str(free_address())
    assert bare.run(tmp_path, address, "blender").returncode == -signal.SIGKILL
    check_made(bare.report(tmp_path, address, "nothing"))
