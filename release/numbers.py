"""Gives the next version its number: `python -m release.numbers 0.2.0`.

The number is `blender_addon/core/version.py`'s; what each tool wants in a file of its own is written with it, and the
changelog's section "Unreleased" becomes the version's.
"""

from __future__ import annotations

import argparse
import datetime
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from blender_addon.core.printable import escape_unknown_letters

ROOT = Path(__file__).parents[1]
CHANGELOG = "CHANGELOG.md"

PLACES = {
    "blender_addon/core/version.py": r'^VERSION = "([^"]+)"$',
    "blender_addon/blender_manifest.toml": r'^version = "([^"]+)"$',
    "pyproject.toml": r'^version = "([^"]+)"$',
    "uv.lock": r'^name = "realcam"\nversion = "([^"]+)"$',
}
"""File -> where in it the number stands."""


class ReleaseError(Exception):
    """There can be no release as things stand; the message says why."""


def numbers(root: Path = ROOT) -> dict[str, str]:
    """The number that stands in each place.

    Raises:
        ReleaseError: A file holds none, or several.
    """
    found = {}
    for name, pattern in PLACES.items():
        matches = re.findall(pattern, (root / name).read_text("utf-8"), re.MULTILINE)
        if len(matches) != 1:
            raise ReleaseError(f"{name} holds {len(matches)} version numbers, one is needed")
        found[name] = matches[0]
    return found


def changelog_section(text: str, version: str) -> str:
    """What the changelog says of a version, without its heading; "" if it has no such section."""
    parts = re.split(r"^## +(.+)$", text, flags=re.MULTILINE)
    named = {heading.split()[0]: body.strip() for heading, body in zip(parts[1::2], parts[2::2], strict=True)}
    return named.get(version, "")


def set_version(version: str, day: datetime.date, root: Path = ROOT) -> None:
    """Write a version everywhere, and move what is unreleased under it.

    Raises:
        ReleaseError: It is no version, not above the last one that was released, or nothing stands under Unreleased.
    """
    if not re.fullmatch(r"\d+\.\d+\.\d+", version):
        raise ReleaseError(f"{version!r} is no version: three numbers are needed, for example 0.2.0")
    present = numbers(root)
    changelog = (root / CHANGELOG).read_text("utf-8")
    newest = max(present.values(), key=_parts)
    released = bool(changelog_section(changelog, newest))
    if _parts(version) < _parts(newest) or (version == newest and released):
        raise ReleaseError(f"{version} is not above {newest}, Blender would not offer it")
    if not changelog_section(changelog, "Unreleased"):
        raise ReleaseError(f"{CHANGELOG} says nothing under Unreleased")
    for name, pattern in PLACES.items():
        path = root / name
        match = re.search(pattern, text := path.read_text("utf-8"), re.MULTILINE)
        assert match is not None
        path.write_text(text[: match.start(1)] + version + text[match.end(1) :], "utf-8")
    heading = f"## Unreleased\n\n## {version} ({day})\n"
    (root / CHANGELOG).write_text(re.sub(r"^## Unreleased\n", heading, changelog, count=1, flags=re.MULTILINE), "utf-8")


def _parts(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the number and say what to do next."""
    parser = argparse.ArgumentParser(description="Give the next version its number.")
    parser.add_argument("version", help="for example 0.2.0")
    version = parser.parse_args(arguments).version
    escape_unknown_letters(sys.stdout)
    try:
        set_version(version, datetime.datetime.now(tz=datetime.UTC).date())
    except ReleaseError as error:
        print(f"Nothing was written: {error}", file=sys.stderr)
        return 1
    print(f"{version} stands in {', '.join(PLACES)} and {CHANGELOG}: look at it, commit it, then make release")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
