"""A repository of plain files, from which Blender installs the add-on and updates it."""

from __future__ import annotations

import functools
import http.server
import json
import os
import subprocess
import sys
import sysconfig
import threading
import tomllib
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from blender_addon.core.version import VERSION
from build_addon import ROOT, build
from release.repository import RepositoryError, write_repository

pytestmark = pytest.mark.blender

SCRIPT = Path(__file__).with_name("updating.py")
NEXT = "99.0.0"


@pytest.fixture(scope="module")
def extension(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("bpy")
    if sysconfig.get_platform() != "linux-x86_64":
        pytest.skip("the zip for Linux is what is hosted here")
    lock = tomllib.loads((ROOT / "uv.lock").read_text("utf-8"))
    return build("linux-x64", tmp_path_factory.mktemp("dist"), ROOT / "build" / "wheels", lock=lock)


def newer(extension: Path, folder: Path) -> Path:
    """The same extension under the next version."""
    made = folder / extension.name.replace(VERSION, NEXT)
    with zipfile.ZipFile(extension) as old, zipfile.ZipFile(made, "w") as new:
        for name in old.namelist():
            data = old.read(name)
            if name == "blender_manifest.toml":
                data = data.replace(f'version = "{VERSION}"'.encode(), f'version = "{NEXT}"'.encode(), 1)
            new.writestr(name, data)
    return made


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """A folder and the address at which this machine serves it."""
    folder = tmp_path / "served"
    folder.mkdir()

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=folder)) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield folder, f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_blender_installs_from_it_and_updates_by_itself(
    extension: Path, served: tuple[Path, str], tmp_path: Path
) -> None:
    folder, url = served
    assert write_repository([extension], folder, url) == [extension.name]
    write_repository([newer(extension, tmp_path)], tmp_path / "next", url)
    home = tmp_path / "home"
    home.mkdir()
    kept = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    ran = subprocess.run(
        [sys.executable, str(SCRIPT), f"{url}/index.json", str(folder), str(tmp_path / "next")],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        env={**kept, "HOME": str(home), "BLENDER_USER_RESOURCES": str(home / "blender")},
    )
    lines = [line for line in ran.stdout.splitlines() if line.startswith("REPORT ")]
    assert lines, ran.stdout + ran.stderr
    first, second, third = json.loads(lines[0].removeprefix("REPORT "))
    assert first == {"installed": VERSION, "offered": VERSION, "enabled": True}
    assert second == {"installed": VERSION, "offered": NEXT}
    assert third == {"installed": NEXT, "enabled": True}


def test_the_page_has_links_to_drag_only_where_it_knows_its_address(extension: Path, tmp_path: Path) -> None:
    write_repository([extension], tmp_path, "https://studio.example/blender/")
    page = (tmp_path / "index.html").read_text("utf-8")
    assert "https://studio.example/blender/index.json" in page
    assert f"{extension.name}?repository=" in page
    (tmp_path / "realcam-0.0.1-linux_x64.zip").write_bytes(extension.read_bytes())
    write_repository([extension], tmp_path)
    page = (tmp_path / "index.html").read_text("utf-8")
    assert f'href="./{extension.name}"' in page
    assert "?repository=" not in page
    assert [path.name for path in tmp_path.glob("*.zip")] == [extension.name]


def test_what_is_no_extension_is_not_offered(tmp_path: Path) -> None:
    with pytest.raises(RepositoryError, match="no zip to offer"):
        write_repository([], tmp_path)
    (tmp_path / "realcam-1-x.zip").write_bytes(b"not a zip")
    with pytest.raises(RepositoryError, match=r"Blender's tool did not write the repository: .*realcam-1-x\.zip"):
        write_repository([tmp_path / "realcam-1-x.zip"], tmp_path / "out")
