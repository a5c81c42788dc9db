"""Checks and builds a release into dist/: `python -m release.make_release --check`, then without --check.

`make release` runs the check, then `make test` unless TESTED names the commit that passed it, then the build.
"""

from __future__ import annotations

import argparse
import hashlib
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from blender_addon.core.printable import escape_unknown_letters
from blender_addon.core.programs import find_program
from blender_addon.core.version import VERSION
from release.numbers import CHANGELOG, ROOT, ReleaseError, changelog_section, numbers

SUMS = "SHA256SUMS"


def ready(root: Path = ROOT) -> str:
    """The version that can be released from the checkout as it is.

    Raises:
        ReleaseError: Something is not committed, the numbers differ, or the changelog does not have the version.
    """
    git = find_program("git")
    if git is None:
        raise ReleaseError("git is not installed")
    ran = subprocess.run([git, "status", "--porcelain"], cwd=root, capture_output=True, encoding="utf-8", check=True)
    if ran.stdout.strip():
        raise ReleaseError(f"Not everything is committed:\n{ran.stdout.rstrip()}")
    found = numbers(root)
    if len(set(found.values())) != 1:
        raise ReleaseError(f"The version is not the same everywhere: {found}")
    version = next(iter(found.values()))
    if not changelog_section((root / CHANGELOG).read_text("utf-8"), version):
        raise ReleaseError(f"{CHANGELOG} has no section {version}: run make version NUMBER={version} or write one")
    return version


def write_sums(folder: Path, files: Sequence[Path]) -> Path:
    """SHA256SUMS of these files, as `sha256sum --check` reads it, written into the folder."""
    sums = folder / SUMS
    lines = [f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in sorted(files)]
    sums.write_text("".join(lines), "utf-8")
    return sums


def build_release(version: str, dist: Path) -> list[Path]:
    """Build zips, wheel, checksums and the changelog's section into an emptied folder, and return them.

    Raises:
        ReleaseError: A zip could not be built; the reason has been printed.
    """
    import build_addon

    for old in [*dist.glob("realcam-*"), *dist.glob(SUMS)]:
        old.unlink()
    if build_addon.main(["--out", str(dist)]):
        raise ReleaseError("An extension could not be built")
    made = [path for path in dist.glob(f"realcam-{version}*") if path.suffix in (".zip", ".whl")]
    notes = dist / f"realcam-{version}-changes.md"
    notes.write_text(f"{changelog_section((ROOT / CHANGELOG).read_text('utf-8'), version)}\n", "utf-8")
    return [*made, notes, write_sums(dist, made)]


def main(arguments: Sequence[str] | None = None) -> int:
    """Check, or check and build; say what stands in the way."""
    parser = argparse.ArgumentParser(description="Check and build a release.")
    parser.add_argument("--check", action="store_true", help="build nothing")
    parser.add_argument("--dist", type=Path, default=ROOT / "dist", help="folder for the files (default: dist)")
    options = parser.parse_args(arguments)
    escape_unknown_letters(sys.stdout)
    try:
        version = ready()
        files = [] if options.check else build_release(VERSION, options.dist)
    except ReleaseError as error:
        print(f"No release: {error}", file=sys.stderr)
        return 1
    print(f"{version} can be released" if options.check else "\n".join(str(path) for path in files))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
