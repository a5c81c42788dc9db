"""Run in a process of its own: installs the add-on from a repository, then updates it when a new version is there.

Arguments: the repository's address, the folder that is served there, a folder with the files of the next version.
Prints `REPORT` and JSON.
"""

from __future__ import annotations

import json
import shutil
import sys
import tomllib
from pathlib import Path

import bpy  # isort: skip
import addon_utils  # isort: skip

ADDRESS, SERVED, NEXT = sys.argv[1:]
NAME = "bl_ext.studio.realcam"


def installed() -> str:
    """The version that is on the disk."""
    (manifest,) = Path(bpy.utils.user_resource("EXTENSIONS")).glob("studio/realcam/blender_manifest.toml")
    return str(tomllib.loads(manifest.read_text("utf-8"))["version"])


def offered() -> str:
    """The version that the repository offers, as Blender knows it since the last sync."""
    (index,) = Path(bpy.utils.user_resource("EXTENSIONS")).glob("studio/.blender_ext/index.json")
    return str(json.loads(index.read_text("utf-8"))["data"][0]["version"])


bpy.ops.wm.read_factory_settings(use_empty=True)
addon_utils.enable("bl_pkg")
preferences = bpy.context.preferences
preferences.system.use_online_access = True
repositories = preferences.extensions.repos
studio = repositories.new(name="Studio", module="studio", remote_url=ADDRESS)
studio.use_remote_url = True
number = list(repositories).index(studio)
bpy.ops.extensions.repo_sync(repo_index=number)
bpy.ops.extensions.package_install(repo_index=number, pkg_id="realcam", enable_on_install=True)
first = {"installed": installed(), "offered": offered(), "enabled": NAME in preferences.addons}
shutil.copytree(SERVED, f"{SERVED}-old")
for old in Path(SERVED).iterdir():
    old.unlink()
shutil.copytree(NEXT, SERVED, dirs_exist_ok=True)
bpy.ops.extensions.repo_sync(repo_index=number)
second = {"installed": installed(), "offered": offered()}
bpy.ops.extensions.package_upgrade_all(use_active_only=False)
third = {"installed": installed(), "enabled": NAME in preferences.addons}
addon_utils.disable(NAME, default_set=True)
print("REPORT", json.dumps([first, second, third]))
