"""The version of the engine's code changes with every file that the engine imports, and with no other."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from server.engines.realcam.code_version import ENTRIES
from server.engines.source_version import PACKAGES, ROOT, engine_sources, sources_digest

LOADED = f"""
import sys
from pathlib import Path
import {", ".join(ENTRIES)}
for module in list(sys.modules.values()):
    file = Path(getattr(module, "__file__", None) or "/")
    if file.is_relative_to({str(ROOT)!r}) and ".venv" not in str(file):
        print(file.relative_to({str(ROOT)!r}).as_posix())
"""


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """The sources of both packages, to be changed."""
    for package in ("server", "blender_addon"):
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    assert sources_digest(tmp_path, ENTRIES) == sources_digest(ROOT, ENTRIES), "wherever they are installed"
    return tmp_path


@pytest.mark.parametrize(
    "changed",
    [
        "server/model/unet/unet.py",
        "server/model/sampling/shot_sampler.py",
        "server/model/weights/load.py",
        "server/diffusion/ddim.py",
        "server/geometry/epipolar.py",
        "server/engines/realcam/shot_inputs.py",
        "server/engines/realcam/memory/memory_plan.py",
        "blender_addon/core/payloads/shot.py",
        "blender_addon/core/camera/trajectory.py",
        "blender_addon/core/camera/__init__.py",
    ],
)
def test_a_change_in_what_the_engine_imports_counts(tree: Path, changed: str) -> None:
    before = sources_digest(tree, ENTRIES)
    path = tree / changed
    path.write_text(path.read_text() + "#")
    assert sources_digest(tree, ENTRIES) != before


@pytest.mark.parametrize(
    "changed",
    [
        "blender_addon/core/protocol/client.py",
        "blender_addon/core/protocol/keys.py",
        "blender_addon/core/camera/moves.py",
        "blender_addon/core/camera/formats/tum.py",
        "blender_addon/ui/properties.py",
        "blender_addon/__init__.py",
        "server/service/service.py",
        "server/engines/draft/engine.py",
        "server/model/weights/weights_fetch.py",
    ],
)
def test_a_change_elsewhere_does_not(tree: Path, changed: str) -> None:
    before = sources_digest(tree, ENTRIES)
    path = tree / changed
    path.write_text(path.read_text() + "# This says it better.\n")
    assert sources_digest(tree, ENTRIES) == before


def test_neither_does_how_lines_end(tree: Path) -> None:
    before = sources_digest(tree, ENTRIES)
    path = tree / "server" / "model" / "unet" / "unet.py"
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert sources_digest(tree, ENTRIES) == before


def test_a_file_counts_with_its_place(tree: Path) -> None:
    before = sources_digest(tree, ENTRIES)
    folder = tree / "server" / "model" / "unet"
    (folder / "unet.py").rename(folder / "network.py")
    for path in (tree / "server").rglob("*.py"):
        path.write_text(path.read_text().replace("unet.unet", "unet.network"))
    assert "server/model/unet/network.py" in engine_sources(tree, ENTRIES)
    assert sources_digest(tree, ENTRIES) != before


def test_what_the_engine_really_loads_is_among_its_sources() -> None:
    for package in ("torch", "diffusers", "transformers", "ftfy"):
        pytest.importorskip(package, reason=f"{package} is not installed: the engine cannot be imported")
    told = subprocess.run([sys.executable, "-c", LOADED], cwd=ROOT, capture_output=True, text=True, check=True)
    loaded = {path for path in told.stdout.split() if path.startswith(tuple(f"{name}/" for name in PACKAGES))}
    assert "server/model/unet/unet.py" in loaded
    assert loaded <= set(engine_sources(ROOT, ENTRIES))
