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


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sources of both packages, to be changed; every test leaves them as they were."""
    folder = tmp_path_factory.mktemp("tree")
    for package in ("server", "blender_addon"):
        shutil.copytree(ROOT / package, folder / package, ignore=shutil.ignore_patterns("__pycache__"))
    assert sources_digest(folder, ENTRIES) == sources_digest(ROOT, ENTRIES), "wherever they are installed"
    return folder


@pytest.fixture(scope="module")
def version(tree: Path) -> str:
    """Of the sources as they are."""
    return sources_digest(tree, ENTRIES)


def digest_with(tree: Path, changed: str, content: bytes) -> str:
    """The version with this content in place of a file's own."""
    path = tree / changed
    before = path.read_bytes()
    path.write_bytes(content)
    try:
        return sources_digest(tree, ENTRIES)
    finally:
        path.write_bytes(before)


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
def test_a_change_in_what_the_engine_imports_counts(tree: Path, version: str, changed: str) -> None:
    content = (tree / changed).read_bytes() + b"#"
    assert digest_with(tree, changed, content) != version


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
def test_a_change_elsewhere_does_not(tree: Path, version: str, changed: str) -> None:
    content = (tree / changed).read_bytes() + b"# This says it better.\n"
    assert digest_with(tree, changed, content) == version


def test_neither_does_how_lines_end(tree: Path, version: str) -> None:
    changed = "server/model/unet/unet.py"
    content = (tree / changed).read_bytes().replace(b"\n", b"\r\n")
    assert digest_with(tree, changed, content) == version


def test_a_file_counts_with_its_place(tree: Path, version: str) -> None:
    name, renamed = ("server/model/unet/unet.py", "server/model/unet/network.py")
    naming = {path: path.read_bytes() for path in (tree / "server").rglob("*.py") if b"unet.unet" in path.read_bytes()}
    try:
        for path, content in naming.items():
            path.write_bytes(content.replace(b"unet.unet", b"unet.network"))
        (tree / name).rename(tree / renamed)
        assert renamed in engine_sources(tree, ENTRIES)
        assert sources_digest(tree, ENTRIES) != version
    finally:
        (tree / renamed).rename(tree / name)
        for path, content in naming.items():
            path.write_bytes(content)


def test_what_the_engine_really_loads_is_among_its_sources() -> None:
    for package in ("torch", "diffusers", "transformers", "ftfy"):
        pytest.importorskip(package, reason=f"{package} is not installed: the engine cannot be imported")
    told = subprocess.run([sys.executable, "-c", LOADED], cwd=ROOT, capture_output=True, text=True, check=True)
    loaded = {path for path in told.stdout.split() if path.startswith(tuple(f"{name}/" for name in PACKAGES))}
    assert "server/model/unet/unet.py" in loaded
    assert loaded <= set(engine_sources(ROOT, ENTRIES))
