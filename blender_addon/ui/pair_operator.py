"""Pairing with a server on another machine: one text, copied there and pasted here."""

from __future__ import annotations

import bpy

from ..core.errors import RealCamError
from ..core.keys import accept_pairing, config_dir
from ..generation.user_files import EXTENSION


class Pair(bpy.types.Operator):
    """Take the pairing text that `realcam keys invite` printed on the server from the clipboard, and use that server"""

    bl_idname = "realcam.pair"
    bl_label = "Paste Pairing Text"

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Keep the keys, and make the server the preferred one."""
        try:
            address = accept_pairing(context.window_manager.clipboard, config_dir())
        except RealCamError as error:
            self.report({"ERROR"}, error.sentence)
            return {"CANCELLED"}
        addon = context.preferences.addons.get(EXTENSION)
        if addon is not None and addon.preferences is not None:
            addon.preferences.server_address = str(address)
            addon.preferences.server_key = ""
        self.report({"INFO"}, f"Paired with the server at {address}")
        return {"FINISHED"}


CLASSES = (Pair,)
