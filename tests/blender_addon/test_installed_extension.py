"""The built zip, checked and installed by Blender's own extension tool, in a Blender that has nothing else of ours."""

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
from tests.support.folders import link

pytestmark = pytest.mark.blender

SCRIPT = Path(__file__).with_name("installing.py")

PLATFORM = {"linux-x86_64": "linux-x64", "win-amd64": "windows-x64", "win-arm64": "windows-arm64"}.get(
    sysconfig.get_platform(), "macos-arm64" if sys.platform == "darwin" else ""
)


@pytest.fixture(scope="module")
def extension(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if not PLATFORM:
        pytest.skip(f"no extension is built for {sysconfig.get_platform()}")
    lock = tomllib.loads((ROOT / "uv.lock").read_text("utf-8"))
    return build(PLATFORM, tmp_path_factory.mktemp("dist"), ROOT / "build" / "wheels", lock=lock)


def test_blender_finds_nothing_wrong_with_it(extension: Path) -> None:
    import bpy

    tool = Path(bpy.utils.system_resource("SCRIPTS")) / "addons_core" / "bl_pkg" / "cli" / "blender_ext.py"
    checked = subprocess.run(
        [sys.executable, str(tool), "validate", str(extension)], capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert "Success" in checked.stdout


def test_it_installs_with_its_wheels_and_leaves_nothing_when_disabled(extension: Path, tmp_path: Path) -> None:
    """Blender's own packages and numpy are linked into an empty folder: pyzmq and msgspec can only be the zip's."""
    packages = tmp_path / "packages"
    packages.mkdir()
    for entry in Path(sysconfig.get_path("purelib")).iterdir():
        if not entry.name.startswith(("zmq", "pyzmq", "msgspec", "realcam", "_editable")) and entry.suffix != ".pth":
            link(packages / entry.name, entry)
    home = tmp_path / "home"
    home.mkdir()
    environment = {**os.environ, "HOME": str(home), "BLENDER_USER_RESOURCES": str(home / "blender")}
    ran = subprocess.run(
        [sys.executable, "-S", "-E", "-P", str(SCRIPT), str(extension), str(packages)],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        env=environment,
    )
    lines = [line for line in ran.stdout.splitlines() if line.startswith("REPORT ")]
    assert lines, ran.stdout + ran.stderr
    report = json.loads(lines[0].removeprefix("REPORT "))
    assert (report["done"], report["enabled"]) == (["FINISHED"], True), ran.stdout + ran.stderr
    assert all(Path(file).is_relative_to(home / "blender" / "extensions") for file in report["files"]), report["files"]
    assert report["on"]["classes"]
    assert report["off"] == {"classes": [], "handlers": [], "properties": []}
    assert ran.returncode == 0, ran.stderr
