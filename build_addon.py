"""Builds the extension that Blender installs: `python build_addon.py [--platform linux-x64] [--out dist]`.

Without --platform the zip of every platform. The server's wheel is made beside them, and is in each.

One zip a platform holds the add-on and, unmodified, the wheels it needs for every Python that Blender 4.5 to 5.2 runs
on, in the versions of uv.lock, and the manual. The same input gives the same bytes.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import sys
import tomllib
import urllib.request
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from blender_addon.core.foreign_files import is_foreign
from blender_addon.core.printable import escape_unknown_letters
from release.carried_server import FOLDER, carried_server_files
from release.manual import manual_files
from release.project import PROJECT_ADDRESS

ROOT = Path(__file__).parent
SOURCE = ROOT / "blender_addon"
MANIFEST = "blender_manifest.toml"

PACKAGES = ("av", "msgspec", "pillow", "platformdirs", "psutil", "pyzmq")
"""What the add-on and the server in its zip import beside numpy, which is Blender's own."""

PYTHONS = ((3, 11), (3, 13), (3, 14))
"""Blender 4.5 and 5.0; 5.1 and 5.2; Debian's builds of 5.2."""

PLATFORMS = {
    "linux-x64": r"manylinux\S*_x86_64",
    "windows-x64": r"win_amd64",
    "windows-arm64": r"win_arm64",
    "macos-arm64": r"macosx_\d+_\d+_(arm64|universal2)",
}
"""Blender's name of a platform -> the platform tag of the wheels that run there."""

SHIPPED = {".py", ".toml", ".png", ".jpg", ".blend", ".svg", ".json", ".typed"}
LONG_AGO = (1980, 1, 1, 0, 0, 0)


class BuildError(Exception):
    """The extension cannot be built as things stand; the message says why."""


@dataclass(frozen=True)
class Wheel:
    """A wheel as the lock file names it. url: where it is; sha256: what it must be."""

    url: str
    sha256: str

    @property
    def name(self) -> str:
        """Its file name."""
        return self.url.rpartition("/")[2]

    @property
    def tags(self) -> tuple[str, str, str]:
        """(Python, ABI, platform) tags."""
        python, abi, platform = self.name.removesuffix(".whl").split("-")[-3:]
        return python, abi, platform

    def runs_on(self, python: tuple[int, int], platform: str) -> bool:
        """Whether this Python on this of Blender's platforms takes it, as Blender's own choice of wheels has it."""
        python_tag, abi, platform_tag = self.tags
        if platform_tag != "any" and not re.fullmatch(PLATFORMS[platform], platform_tag):
            return False
        made_for = re.fullmatch(r"cp3(\d+)", python_tag)
        if made_for is None:
            return python_tag == "py3"
        oldest = (3, int(made_for[1]))
        return oldest <= python if abi == "abi3" else oldest == python and abi == python_tag


def locked_wheels(lock: dict[str, Any], package: str) -> list[list[Wheel]]:
    """The wheels that the parsed uv.lock lists for a package, a list for each of its versions, newest first.

    A lock has several where the newest does not run on every Python.
    """
    found = [entry for entry in lock["package"] if entry["name"] == package]
    found.sort(key=lambda entry: [int(part) for part in re.findall(r"\d+", entry["version"])], reverse=True)
    return [[Wheel(w["url"], w["hash"].removeprefix("sha256:")) for w in entry["wheels"]] for entry in found]


def fitting_wheels(wheels: Sequence[Wheel], platform: str) -> dict[tuple[int, int], Wheel]:
    """The wheel of one version that each Python takes, without those that have none."""
    chosen: dict[tuple[int, int], Wheel] = {}
    for python in PYTHONS:
        fitting = [wheel for wheel in wheels if wheel.runs_on(python, platform)]
        if fitting:
            chosen[python] = min(fitting, key=lambda wheel: (wheel.tags[1] == "abi3", wheel.name))
    return chosen


def chosen_wheels(lock: dict[str, Any], platform: str) -> list[Wheel]:
    """One wheel a package and Python, each once, in the order of their names: of the newest version for all of them.

    Blender unpacks every wheel that fits, so two must not fit the same Python. And it takes an extension's Pythons from
    those wheels alone that are made for one version: an abi3 wheel does not count, so each Python needs one of its own.
    """
    chosen: set[Wheel] = set()
    for package in PACKAGES:
        versions = [fitting_wheels(wheels, platform) for wheels in locked_wheels(lock, package)]
        whole = next((fitting for fitting in versions if len(fitting) == len(PYTHONS)), None)
        if whole is None:
            newest = versions[0] if versions else {}
            major, minor = next(python for python in PYTHONS if python not in newest)
            raise BuildError(f"uv.lock has no wheel of {package} for Python {major}.{minor} on {platform}")
        chosen |= set(whole.values())
    named = {wheel.tags[0] for wheel in chosen if wheel.tags[1] != "abi3"}
    for major, minor in PYTHONS:
        if f"cp{major}{minor}" not in named:
            raise BuildError(
                f"No wheel is made for Python {major}.{minor} alone: Blender would refuse the extension there"
            )
    return sorted(chosen, key=lambda wheel: wheel.name)


def fetch(wheel: Wheel, cache: Path) -> bytes:
    """The wheel's bytes, from the cache or from where the lock file says, checked against its hash."""
    path = cache / wheel.name
    if path.is_file() and hashlib.sha256(kept := path.read_bytes()).hexdigest() == wheel.sha256:
        return kept
    with urllib.request.urlopen(wheel.url, timeout=120) as answer:
        data = bytes(answer.read())
    if (digest := hashlib.sha256(data).hexdigest()) != wheel.sha256:
        raise BuildError(f"{wheel.url} has sha256 {digest}, uv.lock says {wheel.sha256}")
    cache.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".part")
    temporary.write_bytes(data)
    temporary.replace(path)
    return data


def addon_files(source: Path) -> Iterator[Path]:
    """Every file of the add-on, in order. Raises BuildError at one that nobody said is to be shipped.

    What a file manager left in the folder (.DS_Store, Thumbs.db, desktop.ini) is not the add-on's.
    """
    for path in sorted(source.rglob("*")):
        if path.is_dir() or "__pycache__" in path.parts or is_foreign(path.name):
            continue
        if path.suffix not in SHIPPED:
            raise BuildError(
                f"{path} is in the add-on's folder but not of a kind that is shipped ({', '.join(SHIPPED)})"
            )
        yield path


def manifest_for(text: str, platform: str, wheels: Sequence[Wheel]) -> str:
    """The manifest with the project's address, its platform and wheels, written before its first table."""
    listed = "".join(f'  "./wheels/{wheel.name}",\n' for wheel in wheels)
    head, bracket, tables = text.partition("\n[")
    website = f"website = {json.dumps(PROJECT_ADDRESS)}\n" if PROJECT_ADDRESS else ""
    return f"{head}\n{website}platforms = {json.dumps([platform])}\nwheels = [\n{listed}]\n{bracket}{tables}"


def build(
    platform: str,
    out: Path,
    cache: Path,
    *,
    lock: dict[str, Any],
    source: Path = SOURCE,
    server_wheel: Path | None = None,
) -> Path:
    """Build the extension for a platform into the folder `out`, and return its file.

    server_wheel: the wheel that installs the server with PyTorch, for the line that the panel offers to copy.
    """
    text = (source / MANIFEST).read_text("utf-8")
    manifest = tomllib.loads(text)
    wheels = chosen_wheels(lock, platform)
    files = {path.relative_to(source).as_posix(): path.read_bytes() for path in addon_files(source)}
    files[MANIFEST] = manifest_for(text, platform, wheels).encode("utf-8")
    files |= manual_files()
    files |= carried_server_files()
    if server_wheel is not None:
        files[f"{FOLDER}/{server_wheel.name}"] = server_wheel.read_bytes()
    files["LICENSE"] = (ROOT / "LICENSE").read_bytes()
    files |= {f"wheels/{wheel.name}": fetch(wheel, cache) for wheel in wheels}
    out.mkdir(parents=True, exist_ok=True)
    made = out / f"{manifest['id']}-{manifest['version']}-{platform.replace('-', '_')}.zip"
    temporary = made.with_suffix(".part")
    with zipfile.ZipFile(temporary, "w") as archive:
        for name in sorted(files):
            entry = zipfile.ZipInfo(name, LONG_AGO)
            entry.external_attr = 0o644 << 16
            entry.create_system = 3
            entry.compress_type = zipfile.ZIP_STORED if name.endswith(".whl") else zipfile.ZIP_DEFLATED
            archive.writestr(entry, files[name])
    temporary.replace(made)
    return made


def main(arguments: Sequence[str] | None = None) -> int:
    """Build what the command line asks for and say what was made."""
    parser = argparse.ArgumentParser(description="Build the extension that Blender installs.")
    parser.add_argument("--platform", action="append", choices=sorted(PLATFORMS), help="default: every one")
    parser.add_argument("--out", type=Path, default=ROOT / "dist", help="folder for the zips (default: dist)")
    parser.add_argument("--cache", type=Path, default=ROOT / "build" / "wheels", help="folder that keeps the wheels")
    options = parser.parse_args(arguments)
    escape_unknown_letters(sys.stdout)
    lock = tomllib.loads((ROOT / "uv.lock").read_text("utf-8"))
    server_wheel: Path | None = None
    for platform in options.platform or sorted(PLATFORMS):
        try:
            server_wheel = server_wheel or _server_wheel(options.out)
            made = build(platform, options.out, options.cache, lock=lock, server_wheel=server_wheel)
        except (BuildError, OSError) as error:
            print(f"The extension for {platform} was not built: {error}", file=sys.stderr)
            return 1
        with zipfile.ZipFile(made) as archive:
            wheels = [Path(name).name for name in archive.namelist() if name.endswith(".whl")]
        print(f"{made}  {made.stat().st_size / 1e6:.1f} MB, with")
        print("".join(f"    {wheel}\n" for wheel in wheels), end="")
    if server_wheel is not None:
        print(server_wheel)
    return 0


def _server_wheel(out: Path) -> Path | None:
    """The server's wheel, built into the folder `out`; None without hatchling, which makes it."""
    try:
        from release.wheel import build_wheel
    except ModuleNotFoundError as error:
        print(f"The zips hold no wheel of the server: {error.name} is not installed", file=sys.stderr)
        return None
    return build_wheel(out)


if __name__ == "__main__":
    raise SystemExit(main())
