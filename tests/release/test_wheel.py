"""The wheel that installs the server: what is in it, and that it works as a tool in a home that has nothing else."""

from __future__ import annotations

import configparser
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from blender_addon.core.version import VERSION
from release.wheel import ROOT, build_wheel

PACKAGES = ("blender_addon", "server", "realcam")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_wheel(tmp_path_factory.mktemp("dist"))


def test_it_holds_the_three_packages_whole_and_the_command(wheel: Path) -> None:
    assert wheel.name == f"realcam-{VERSION}-py3-none-any.whl"
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
        (entry_points,) = (name for name in archive.namelist() if name.endswith("entry_points.txt"))
        told = configparser.ConfigParser()
        told.read_string(archive.read(entry_points).decode())
    tracked = [path for package in PACKAGES for path in (ROOT / package).rglob("*") if path.is_file()]
    assert names == {path.relative_to(ROOT).as_posix() for path in tracked if "__pycache__" not in path.parts}
    assert told["console_scripts"]["realcam"] == "server.cli:app"


def test_the_same_sources_give_the_same_bytes(wheel: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    assert build_wheel(tmp_path).read_bytes() == wheel.read_bytes()
    assert os.environ["SOURCE_DATE_EPOCH"] == "1700000000"


@pytest.mark.slow
def test_it_installs_as_a_tool_and_makes_a_clip_from_an_empty_folder(wheel: Path, tmp_path: Path) -> None:
    """With uv, from the registry that this machine's pip and uv use; nothing of the checkout is reachable."""
    uv = shutil.which("uv") or str(ROOT / ".uv" / "bin" / "uv")
    home, empty = tmp_path / "home", tmp_path / "empty"
    empty.mkdir()
    known = {name: value for name, value in os.environ.items() if name.startswith(("UV_", "SSL_", "HTTP", "http"))}
    environment = {**known, "HOME": str(home), "PATH": os.defpath, "REALCAM_CONFIG_DIR": str(home / "keys")}
    environment |= {"UV_TOOL_DIR": str(home / "tools"), "UV_TOOL_BIN_DIR": str(home / "bin")}
    source = f"realcam @ {wheel.as_uri()}"
    installed = subprocess.run(
        [uv, "tool", "install", "--python", sys.executable, source],
        cwd=empty,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert installed.returncode == 0, installed.stderr
    rows, columns = np.mgrid[:120, :192]
    Image.fromarray(np.stack([columns, rows, rows + columns], -1).astype(np.uint8) % 255).save(empty / "photo.png")
    Image.fromarray((2000 + 3 * columns).astype(np.uint16)).save(empty / "depth.png")
    (empty / "path.txt").write_text("".join(f"{i / 8} {0.02 * i} 0 0 0 0 0 1\n" for i in range(16)))
    command = [str(home / "bin" / "realcam"), "generate", "--photo", "photo.png", "--depth", "depth.png"]
    made = subprocess.run(
        [*command, "--focal-mm", "28", "--trajectory", "path.txt", "--size", "256x256", "-o", "clip.mp4"],
        cwd=empty,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert made.returncode == 0, made.stdout + made.stderr
    assert (empty / "clip.mp4").stat().st_size > 1000
    engines = [command[0], "engines"]
    told = subprocess.run(engines, cwd=empty, env=environment, capture_output=True, text=True, check=True).stdout
    assert "realcam[models]" in told
    assert "uv sync" not in told
