"""The add-on's preferences, which say where the server is, and the server settings that follow from them."""

from __future__ import annotations

import os
from typing import ClassVar

import bpy
from bpy.props import StringProperty

from ..core.errors import RealCamError, ServiceError
from ..core.protocol.keys import accept_pairing, config_dir
from ..core.protocol.server_address import DEFAULT_CONTROL_PORT, DEFAULT_HOST, parse_address
from ..core.version import addon_software
from ..generation.job_events import ServerSettings
from ..generation.local_server import COMMAND_VARIABLE, DEFAULT_COMMAND
from ..generation.user_files import EXTENSION, client_id, server_log

ADDRESS_VARIABLE = "REALCAM_SERVER"
"""The environment variable whose host:port goes before the preference."""
DEFAULT_ADDRESS = f"{DEFAULT_HOST}:{DEFAULT_CONTROL_PORT}"


class RealCamPreferences(bpy.types.AddonPreferences):
    """Edit > Preferences > Add-ons > RealCam."""

    bl_idname = EXTENSION

    server_address: StringProperty(
        name="Server",
        description="Host and port of the RealCam server, for example 127.0.0.1:47110 or gpu-box:47110",
        default=DEFAULT_ADDRESS,
    )
    server_key: StringProperty(
        name="Server Key",
        description="Public key of a server on another machine, as it prints it. Not needed on this machine",
        default="",
    )
    server_command: StringProperty(
        name="Server Command",
        description="Started when no server answers on this machine, and ended with Blender. For example: realcam "
        "serve, or: uv run --directory /path/to/realcam realcam serve",
        default=DEFAULT_COMMAND,
    )

    def draw(self, _context: bpy.types.Context) -> None:
        """The preferences' panel."""
        layout = self.layout
        layout.use_property_split = True
        layout.prop(self, "server_address")
        try:
            address = parse_address(self.server_address)
        except ServiceError as error:
            layout.label(text=error.sentence, icon="ERROR")
            return
        if address.loopback:
            layout.prop(self, "server_command")
            layout.label(text=f"Started when no server answers. {COMMAND_VARIABLE} in the environment goes before it.")
            layout.label(text="From a checkout: uv run --directory /path/to/realcam realcam serve")
            return
        layout.prop(self, "server_key")
        layout.operator("realcam.pair", icon="PASTEDOWN")
        if not online_access():
            layout.label(text=ONLINE_ACCESS_OFF, icon="ERROR")
        layout.label(text="Your photo, its depth and the preview are sent to this server.", icon="INFO")


def online_access() -> bool:
    """Whether the artist lets Blender go online (Preferences > System > Network)."""
    return bool(bpy.app.online_access)


ONLINE_ACCESS_OFF = "Preferences > System > Network > Allow Online Access is off: a server elsewhere cannot be used"


class _Defaults:
    """The preferences of an add-on that runs as a library (demo, tests), for which Blender keeps none."""

    server_address: ClassVar[str] = DEFAULT_ADDRESS
    server_key: ClassVar[str] = ""
    server_command: ClassVar[str] = DEFAULT_COMMAND


def server_settings() -> ServerSettings:
    """The server that the environment or the preferences name.

    Raises:
        ServiceError: The address cannot be read, the server is on another machine while Blender may not go online, or
            the client id cannot be kept.
    """
    addon = bpy.context.preferences.addons.get(EXTENSION)
    chosen = addon.preferences if addon is not None and addon.preferences is not None else _Defaults
    address = parse_address(os.environ.get(ADDRESS_VARIABLE) or chosen.server_address, chosen.server_key)
    if not address.loopback and not online_access():
        raise ServiceError(
            "The server cannot be reached",
            f"{address} is on another machine and Blender's online access is off",
            "Turn on Allow Online Access in Preferences > System > Network, or use a server on this machine.",
        )
    return ServerSettings(
        address=address,
        command=chosen.server_command,
        client_id=client_id(),
        software=addon_software(bpy.app.version_string),
        log=server_log(),
        start_locally=address.loopback,
    )


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


CLASSES = (RealCamPreferences, Pair)
