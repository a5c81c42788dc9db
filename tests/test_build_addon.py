"""What goes into the extension's zip, from the real lock file."""

from __future__ import annotations

import hashlib
import shutil
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import pytest

import build_addon
from blender_addon.core.version import VERSION
from build_addon import PACKAGES, PLATFORMS, PYTHONS, ROOT, SOURCE, BuildError, Wheel, build, chosen_wheels, fetch
from release.carried_server import carried_server_files
from release.manual import manual_files
from tests.support.systems.foreign_files import strew

CACHE = ROOT / "build" / "wheels"


@pytest.fixture(scope="module")
def lock() -> dict[str, Any]:
    return tomllib.loads((ROOT / "uv.lock").read_text("utf-8"))


@pytest.mark.parametrize("platform", PLATFORMS)
def test_each_python_gets_exactly_one_wheel_of_each_package(lock: dict[str, Any], platform: str) -> None:
    wheels = chosen_wheels(lock, platform)
    versions = {wheel.name.split("-")[0]: wheel.name.split("-")[1] for wheel in wheels}
    for python in PYTHONS:
        fitting = sorted(wheel.name.split("-")[:2] for wheel in wheels if wheel.runs_on(python, platform))
        assert fitting == [[package, versions[package]] for package in PACKAGES]
    newest = {entry["name"]: entry["version"] for entry in lock["package"] if entry["name"] in PACKAGES}
    # The newest av has no wheel for Python 3.11, the one before has one wheel for all.
    assert {name for name in PACKAGES if newest[name] != versions[name]} <= {"av"}
    assert len([wheel for wheel in wheels if wheel.name.startswith("av-")]) == 1


def test_what_a_file_manager_left_in_the_folder_is_not_shipped(tmp_path: Path) -> None:
    source = tmp_path / "blender_addon"
    (source / "ui").mkdir(parents=True)
    for name in ("__init__.py", "blender_manifest.toml", "ui/panel.py"):
        (source / name).write_text("")
    strew(source, copies=False)
    assert [path.relative_to(source).as_posix() for path in build_addon.addon_files(source)] == [
        "__init__.py",
        "blender_manifest.toml",
        "ui/panel.py",
    ]
    (source / "notes.txt").write_text("")
    with pytest.raises(BuildError, match=r"notes\.txt is in the add-on's folder"):
        list(build_addon.addon_files(source))


@pytest.mark.parametrize("platform", PLATFORMS)
def test_a_zip_is_small_enough(lock: dict[str, Any], platform: str) -> None:
    """90 MB is what the zip may have; the sizes are the lock's."""
    sizes = {entry["url"]: entry["size"] for package in lock["package"] for entry in package.get("wheels", [])}
    assert sum(sizes[wheel.url] for wheel in chosen_wheels(lock, platform)) < 85e6


def test_an_abi3_wheel_fits_its_python_and_newer_ones_only() -> None:
    wheel = Wheel("https://x/pyzmq-27.3.0-cp312-abi3-win_amd64.whl", "")
    assert [wheel.runs_on(python, "windows-x64") for python in PYTHONS] == [False, True, True]
    free_threaded = Wheel("https://x/msgspec-0.22.0-cp314-cp314t-win_amd64.whl", "")
    assert not free_threaded.runs_on((3, 14), "windows-x64")
    assert not wheel.runs_on((3, 13), "linux-x64")
    musl = Wheel("https://x/pyzmq-27.3.0-cp312-abi3-musllinux_1_2_x86_64.whl", "")
    assert not musl.runs_on((3, 13), "linux-x64")
    universal = Wheel("https://x/pyzmq-27.3.0-cp312-abi3-macosx_10_15_universal2.whl", "")
    assert universal.runs_on((3, 13), "macos-arm64")


def test_a_lock_that_would_make_blender_refuse_the_zip_is_refused_here(lock: dict[str, Any]) -> None:
    """With cp311 and abi3 wheels alone, Blender says "This Python version (3.13) isn't compatible with (3.11)"."""
    pyzmq = next(entry for entry in lock["package"] if entry["name"] == "pyzmq")
    only_abi3 = {"package": [{**pyzmq, "name": name} for name in PACKAGES]}
    with pytest.raises(BuildError, match=r"No wheel is made for Python 3\.13 alone"):
        chosen_wheels(only_abi3, "linux-x64")
    without_new = [wheel for wheel in pyzmq["wheels"] if "abi3" not in wheel["url"]]
    old = {"package": [{**pyzmq, "wheels": without_new, "name": name} for name in PACKAGES]}
    with pytest.raises(BuildError, match=r"no wheel of av for Python 3\.13 on linux-x64"):
        chosen_wheels(old, "linux-x64")


def test_a_wheel_that_is_not_what_the_lock_says_is_refused(tmp_path: Path) -> None:
    content = b"a wheel"
    path = tmp_path / "x-1-py3-none-any.whl"
    path.write_bytes(content)
    wheel = Wheel(path.as_uri(), hashlib.sha256(content).hexdigest())
    cache = tmp_path / "cache"
    assert fetch(wheel, cache) == content
    path.unlink()
    assert fetch(wheel, cache) == content
    (cache / wheel.name).write_bytes(b"damaged")
    path.write_bytes(b"somebody else's")
    with pytest.raises(BuildError, match=r"has sha256 \w+, uv.lock says"):
        fetch(wheel, cache)


def test_the_zip_holds_the_addon_and_nothing_else_and_is_the_same_each_time(
    lock: dict[str, Any], tmp_path: Path
) -> None:
    source = tmp_path / "blender_addon"
    shutil.copytree(SOURCE, source, ignore=shutil.ignore_patterns("__pycache__"))
    first = build("linux-x64", tmp_path / "one", CACHE, lock=lock, source=source)
    (source / "core" / "__pycache__").mkdir()
    (source / "core" / "__pycache__" / "shot.cpython-311.pyc").touch()
    second = build("linux-x64", tmp_path / "two", CACHE, lock=lock, source=source)
    assert first.name == f"realcam-{VERSION}-linux_x64.zip"
    assert first.read_bytes() == second.read_bytes()
    with zipfile.ZipFile(first) as archive:
        names = archive.namelist()
        manifest = tomllib.loads(archive.read("blender_manifest.toml").decode("utf-8"))
    wheels = [f"wheels/{wheel.name}" for wheel in chosen_wheels(lock, "linux-x64")]
    python = [path.relative_to(SOURCE).as_posix() for path in SOURCE.rglob("*.py")]
    demo = [f"demo_photo/{name}" for name in ("living_room.jpg", "living_room_depth.png")]
    own = ["LICENSE", "blender_manifest.toml", "py.typed"]
    assert names == sorted(
        [*python, *wheels, *demo, "workspace/realcam_shot.blend", *manual_files(), *carried_server_files(), *own]
    )
    assert manifest["platforms"] == ["linux-x64"]
    assert manifest["wheels"] == [f"./{name}" for name in wheels]
    assert set(manifest["permissions"]) == {"clipboard", "files", "network"}
    (source / "notes.txt").touch()
    with pytest.raises(BuildError, match=r"notes\.txt is in the add-on's folder but not of a kind that is shipped"):
        build("linux-x64", tmp_path / "three", CACHE, lock=lock, source=source)


def test_the_version_is_the_same_wherever_a_tool_wants_it(lock: dict[str, Any]) -> None:
    """VERSION is what the code uses; each tool reads a file of its own."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    manifest = tomllib.loads((SOURCE / "blender_manifest.toml").read_text("utf-8"))
    (locked,) = (entry["version"] for entry in lock["package"] if entry["name"] == project["name"])
    assert {manifest["version"], project["version"], locked} == {VERSION}


def test_the_extension_has_the_projects_licence() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    manifest = tomllib.loads((SOURCE / "blender_manifest.toml").read_text("utf-8"))
    assert manifest["license"] == [f"SPDX:{project['license']}"]


def test_the_command_says_what_it_made_or_why_not(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--platform", "linux-x64", "--cache", str(CACHE)]
    assert build_addon.main([*arguments, "--out", str(tmp_path)]) == 0
    said = capsys.readouterr().out
    assert str(tmp_path / f"realcam-{VERSION}-linux_x64.zip") in said
    chosen = chosen_wheels(tomllib.loads((ROOT / "uv.lock").read_text("utf-8")), "linux-x64")
    assert said.count(".whl") == len(chosen) + 2, "the server's own, in the zip and beside it"
    with zipfile.ZipFile(tmp_path / f"realcam-{VERSION}-linux_x64.zip") as archive:
        carried = archive.read(f"carried_server/realcam-{VERSION}-py3-none-any.whl")
    assert carried == (tmp_path / f"realcam-{VERSION}-py3-none-any.whl").read_bytes()
    (tmp_path / "file").touch()
    assert build_addon.main([*arguments, "--out", str(tmp_path / "file")]) == 1
    assert "The extension for linux-x64 was not built" in capsys.readouterr().err
