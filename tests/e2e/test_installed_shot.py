"""The zip alone, in a Blender without checkout, uv, SciPy or a terminal: demo photo, Generate, clip."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
import tomllib
from pathlib import Path

import pytest

from build_addon import ROOT, build
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


def bare_python(folder: Path) -> Path:
    """A Python that has Blender's packages alone, as the one that Blender brings."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    (packages,) = folder.glob("lib/python3*/site-packages")
    for entry in Path(sysconfig.get_path("purelib")).iterdir():
        if entry.name.startswith(BLENDERS):
            (packages / entry.name).symlink_to(entry)
    return folder / "bin" / "python"


@pytest.mark.skipif(sysconfig.get_platform() != "linux-x86_64", reason="the zip is built and run for this platform")
def test_an_installed_zip_makes_the_demos_clip_by_its_own_server(tmp_path: Path) -> None:
    lock = tomllib.loads((ROOT / "uv.lock").read_text("utf-8"))
    extension = build("linux-x64", tmp_path / "dist", ROOT / "build" / "wheels", lock=lock)
    home = tmp_path / "home"
    home.mkdir()
    kept = {name: value for name, value in os.environ.items() if name in ("LANG", "TMPDIR", "OMP_NUM_THREADS")}
    environment = {**kept, "HOME": str(home), "BLENDER_USER_RESOURCES": str(home / "blender"), "PATH": "/nowhere"}
    ran = subprocess.run(
        [str(bare_python(tmp_path / "python")), str(SCRIPT), str(extension), str(free_address())],
        capture_output=True,
        text=True,
        check=False,
        cwd=home,
        env=environment,
    )
    lines = [line for line in ran.stdout.splitlines() if line.startswith("REPORT ")]
    log = next(iter(home.rglob("server.log")), None)
    assert lines, ran.stdout + ran.stderr + (log.read_text() if log is not None else "no server was started")
    report = json.loads(lines[0].removeprefix("REPORT "))
    assert report["ready"] == ["draft"]
    assert report["strip"] == [1, 16]
    assert "worker" in report["killed"][0]
    assert "start.py" in report["killed"][1]
    assert len(list(home.rglob("take_001/frames/*.png"))) == 16 or list(home.rglob("take_001/*.mp4"))
