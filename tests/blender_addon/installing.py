"""Run in a process of its own: installs an extension, and prints what it brought and what it left.

Arguments: the zip, and a folder of packages to import from. Prints `REPORT` and JSON.
"""

from __future__ import annotations

import json
import sys
from typing import Any

sys.path.insert(0, sys.argv[2])

import bpy  # isort: skip
import addon_utils  # isort: skip

NAME = "bl_ext.user_default.realcam"


def registered() -> dict[str, list[str]]:
    """What of ours Blender knows now."""
    types = bpy.types
    bases: tuple[Any, ...] = (types.Operator, types.Panel, types.PropertyGroup, types.AddonPreferences, types.UIList)
    owners = (types.Scene, types.Object, types.Camera, types.WindowManager)
    handlers = [(kind, getattr(bpy.app.handlers, kind)) for kind in dir(bpy.app.handlers)]
    return {
        "classes": [
            cls.__name__
            for base in bases
            for cls in base.__subclasses__()
            if cls.is_registered and cls.__module__.startswith(NAME)
        ],
        "handlers": [
            f"{kind}: {handler.__name__}"
            for kind, functions in handlers
            if isinstance(functions, list)
            for handler in functions
            if handler.__module__.startswith(NAME)
        ],
        "properties": [
            f"{owner.__name__}.{prop.identifier}"
            for owner in owners
            for prop in owner.bl_rna.properties
            if prop.is_runtime and "realcam" in prop.identifier
        ],
    }


bpy.ops.wm.read_factory_settings(use_empty=True)
addon_utils.enable("bl_pkg")
done = bpy.ops.extensions.package_install_files(filepath=sys.argv[1], repo="user_default", enable_on_install=True)
enabled = NAME in bpy.context.preferences.addons
import msgspec  # noqa: E402
import zmq  # noqa: E402
from bl_ext.user_default.realcam.core.protocol import messages  # noqa: E402

on = registered()
addon_utils.disable(NAME, default_set=True)
report = {
    "done": sorted(done),
    "enabled": enabled,
    "on": on,
    "off": registered(),
    "files": [zmq.__file__, msgspec.__file__, messages.__file__],
}
print("REPORT", json.dumps(report))
