"""Writes an extension repository for hosting as plain files: `python -m release.repository [--url URL]`.

Blender that knows its address offers each new version by itself. The index and the page are made by Blender's own tool,
which the bpy wheel carries. What is to be uploaded lies in dist/repository afterwards.
"""

from __future__ import annotations

import argparse
import html
import importlib.util
import json
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from blender_addon.core.child_text import child_environment
from blender_addon.core.printable import escape_unknown_letters
from release.project import PROJECT_ADDRESS

ROOT = Path(__file__).parents[1]

_PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>RealCam for Blender</title></head>
<body>
<h1>RealCam for Blender</h1>
<p>@HOW@</p>
${body}
<p>Made ${date} UTC</p>
</body></html>
"""
_ADDRESS = (
    "Drag a link below into Blender, or add <code>@URL@index.json</code> once under <em>Edit &gt; Preferences &gt; Get "
    "Extensions &gt; Repositories &gt; + &gt; Add Remote Repository</em>. Blender then offers every new version."
)
_NO_ADDRESS = (
    "Download the zip for your system and drop it on Blender's window. Blender offers new versions by itself once "
    "this folder's <code>index.json</code> is added under <em>Edit &gt; Preferences &gt; Get Extensions &gt; "
    "Repositories</em>."
)


class RepositoryError(Exception):
    """The repository cannot be written as things stand; the message says why."""


def extension_tool() -> Path:
    """Blender's own extension tool, in the bpy wheel of this environment."""
    found = importlib.util.find_spec("bpy")
    for place in (found.submodule_search_locations or ()) if found else ():
        for tool in sorted(Path(place).glob("*/scripts/addons_core/bl_pkg/cli/blender_ext.py")):
            return tool
    raise RepositoryError("There is no Blender in this environment: run `uv sync --group blender`")


def write_repository(zips: Sequence[Path], folder: Path, url: str = "") -> list[str]:
    """Write the repository of these zips into a folder, and return the names of the zips in its index.

    Zips of ours that are there already are removed: a repository offers one version.

    Args:
        zips: one for each platform, of one version.
        folder: what is to be hosted; made if it is not there.
        url: where it will be hosted. Empty: the page has no links to drag, which need it.

    Raises:
        RepositoryError: There is no zip, or Blender's tool refuses one.
    """
    if not zips:
        raise RepositoryError("There is no zip to offer: run `make addon` first")
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("realcam-*.zip"):
        old.unlink()
    for made in zips:
        shutil.copyfile(made, folder / made.name)
    address = html.escape(f"{url.rstrip('/')}/")
    how = _ADDRESS.replace("@URL@", address.replace("$", "$$")) if url else _NO_ADDRESS
    with tempfile.TemporaryDirectory() as place:
        template = Path(place) / "page.html"
        template.write_text(_PAGE.replace("@HOW@", how), "utf-8")
        command = [sys.executable, str(extension_tool()), "server-generate", "--repo-dir", str(folder), "--html"]
        ran = subprocess.run(
            [*command, "--html-template", str(template)],
            capture_output=True,
            encoding="utf-8",
            env=child_environment(),
            check=False,
        )
    said = ran.stdout + ran.stderr
    if ran.returncode or re.search(r"^(error|fatal)", said, re.MULTILINE | re.IGNORECASE):
        raise RepositoryError(f"Blender's tool did not write the repository: {said.strip()}")
    if not url:
        page = folder / "index.html"
        page.write_text(re.sub(r'(href="[^"?]*\.zip)\?[^"]*"', r'\1"', page.read_text("utf-8")), "utf-8")
    index = json.loads((folder / "index.json").read_text("utf-8"))
    return sorted(entry["archive_url"].removeprefix("./") for entry in index["data"])


def main(arguments: Sequence[str] | None = None) -> int:
    """Write it from the zips in dist/ and say what to do with it."""
    from blender_addon.core.version import VERSION

    parser = argparse.ArgumentParser(description="Write an extension repository that can be hosted as plain files.")
    parser.add_argument("--url", default=PROJECT_ADDRESS, help="where it will be hosted, without index.json")
    parser.add_argument("--dist", type=Path, default=ROOT / "dist", help="folder of the zips (default: dist)")
    options = parser.parse_args(arguments)
    escape_unknown_letters(sys.stdout)
    folder = options.dist / "repository"
    try:
        names = write_repository(sorted(options.dist.glob(f"realcam-{VERSION}-*.zip")), folder, options.url)
    except (RepositoryError, OSError) as error:
        print(f"The repository was not written: {error}", file=sys.stderr)
        return 1
    print(f"{folder}: index.json, index.html, {', '.join(names)}")
    place = f"{options.url.rstrip('/')}/" if options.url else "ADDRESS/"
    print(f"Upload its files; in Blender add {place}index.json as a remote repository")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
