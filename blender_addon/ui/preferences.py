"""The add-on's preferences, which say where the server is, and the server settings that follow from them."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import bpy
from bpy.props import BoolProperty, EnumProperty, StringProperty

from ..core.errors import ServiceError
from ..core.programs import join_command
from ..core.protocol.keys import accept_pairing, config_dir
from ..core.protocol.server_address import DEFAULT_CONTROL_PORT, DEFAULT_HOST, ServerAddress, parse_address
from ..core.version import addon_software
from ..disk_looks import looks
from ..generation.job_events import ServerSettings
from ..generation.jobs import jobs
from ..generation.local_server import COMMAND_VARIABLE, DEFAULT_COMMAND, installed_realcam
from ..generation.user_files import EXTENSION, client_id, server_log
from .server_status import status_lines
from .text_wrap import draw_wrapped

ADDRESS_VARIABLE = "REALCAM_SERVER"
"""The environment variable whose host:port goes before the preference."""
DEFAULT_ADDRESS = f"{DEFAULT_HOST}:{DEFAULT_CONTROL_PORT}"
HERE, ELSEWHERE, COMMAND = "HERE", "ELSEWHERE", "COMMAND"


class RealCamPreferences(bpy.types.AddonPreferences):
    """Edit > Preferences > Add-ons > RealCam."""

    bl_idname = EXTENSION

    server_place: EnumProperty(
        name="Server",
        description="Where clips are made",
        items=(
            (HERE, "On This Computer", "The add-on starts its own server when it is needed: nothing to set up"),
            (ELSEWHERE, "Another Computer", "A server on another machine, for example one with a GPU"),
            (COMMAND, "My Own Command", "A command of yours starts the server on this computer"),
        ),
        default=HERE,
    )
    use_installed: BoolProperty(
        name="Use the Installed Server",
        description="Start the program realcam that is installed on this computer, with the engines of its packages, "
        "instead of the server that comes with the add-on",
        default=False,
    )
    server_address: StringProperty(
        name="Address",
        description="Host and port of the RealCam server, for example 127.0.0.1:47110 or gpu-box:47110",
        default=DEFAULT_ADDRESS,
    )
    server_key: StringProperty(
        name="Server Key",
        description="Public key of a server on another machine, as it prints it. Not needed on this machine",
        default="",
    )
    server_command: StringProperty(
        name="Command",
        description="Started when no server answers on this machine, and ended with Blender. For example: realcam "
        "serve, or: uv run --directory /path/to/realcam realcam serve",
        default=DEFAULT_COMMAND,
    )

    def draw(self, context: bpy.types.Context) -> None:
        """The preferences' panel."""
        layout = self.layout
        layout.row().prop(self, "server_place", expand=True)
        column = layout.column()
        column.use_property_split = True
        if self.server_place == HERE:
            self._draw_here(column)
        elif self.server_place == ELSEWHERE:
            self._draw_elsewhere(column)
        else:
            column.prop(self, "server_command")
            column.label(text=f"Started when no server answers. {COMMAND_VARIABLE} in the environment goes before it.")
        row = layout.row()
        row.operator("realcam.connect", text="Test", icon="PLAY")
        row.operator("realcam.copy_report", icon="COPYDOWN")
        if jobs.starting is not None:
            row.operator("realcam.cancel", text="", icon="CANCEL")
        for icon, sentence in status_lines():
            draw_wrapped(layout, context, sentence, icon)

    def _draw_here(self, column: Any) -> None:
        installed = installed_seen()
        if installed is None:
            column.label(text="Nothing to set up: the add-on starts its own server, which makes drafts without a GPU.")
            return
        column.prop(self, "use_installed")
        column.label(text=f"Found: {installed}. It runs the engines that need PyTorch, if that came with it.")

    def _draw_elsewhere(self, column: Any) -> None:
        column.operator("realcam.pair", icon="PASTEDOWN")
        column.prop(self, "server_address")
        column.prop(self, "server_key")
        try:
            parse_address(self.server_address)
        except ServiceError as error:
            column.label(text=error.sentence, icon="ERROR")
        if not online_access():
            column.label(text=ONLINE_ACCESS_OFF, icon="ERROR")
        column.label(text="Your photo, its depth and the preview are sent to this server.", icon="INFO")


def online_access() -> bool:
    """Whether the artist lets Blender go online (Preferences > System > Network)."""
    return bool(bpy.app.online_access)


ONLINE_ACCESS_OFF = "Preferences > System > Network > Allow Online Access is off: a server elsewhere cannot be used"


class _Defaults:
    """The preferences of an add-on that runs as a library (demo, tests), for which Blender keeps none."""

    server_place: ClassVar[str] = HERE
    use_installed: ClassVar[bool] = False
    server_address: ClassVar[str] = DEFAULT_ADDRESS
    server_key: ClassVar[str] = ""
    server_command: ClassVar[str] = DEFAULT_COMMAND


def server_address() -> ServerAddress:
    """The address that the environment or the preferences name. Asks no disk: panels are drawn by it.

    Raises:
        ServiceError: It cannot be read, or is on another machine while Blender may not go online.
    """
    chosen = _chosen()
    address = parse_address(os.environ.get(ADDRESS_VARIABLE) or chosen.server_address, chosen.server_key)
    if chosen.server_place == HERE and not address.loopback and ADDRESS_VARIABLE not in os.environ:
        address = parse_address(DEFAULT_ADDRESS)
    if not address.loopback and not online_access():
        raise ServiceError(
            "The server cannot be reached",
            f"{address} is on another machine and Blender's online access is off",
            "Turn on Allow Online Access in Preferences > System > Network, or use a server on this machine.",
        )
    return address


def server_settings() -> ServerSettings:
    """The server that the environment or the preferences name.

    Raises:
        ServiceError: Its address cannot be used, or the client id cannot be kept.
    """
    chosen, address = _chosen(), server_address()
    return ServerSettings(
        address=address,
        command=_command(chosen, installed_realcam),
        client_id=client_id(),
        software=addon_software(bpy.app.version_string),
        log=server_log(),
        start_locally=address.loopback and chosen.server_place != ELSEWHERE,
    )


def uses_own_server() -> bool:
    """Whether clips are made by the server that the add-on carries; for a draw."""
    chosen = _chosen()
    return chosen.server_place == HERE and ADDRESS_VARIABLE not in os.environ and not _command(chosen, installed_seen)


def installed_seen() -> Path | None:
    """The program of an installed server, for a draw; None where there is none, or the disk has not answered."""
    return looks.answer("installed realcam", installed_realcam, None)


def use_installed_server() -> None:
    """Set the preference that starts the installed program instead of the server that the add-on carries."""
    chosen = _chosen()
    if isinstance(chosen, RealCamPreferences):
        chosen.use_installed = True


def settle_place() -> None:
    """Carry over preferences of a version without the choice of a place: they say it by an address or a command."""
    chosen = _chosen()
    if not isinstance(chosen, RealCamPreferences) or chosen.is_property_set("server_place"):
        return
    try:
        elsewhere = not parse_address(chosen.server_address, chosen.server_key).loopback
    except ServiceError:
        # Shown beside the field.
        elsewhere = True
    if elsewhere:
        chosen.server_place = ELSEWHERE
    elif chosen.server_command.strip() not in ("", DEFAULT_COMMAND):
        chosen.server_place = COMMAND


def _chosen() -> Any:
    addon = bpy.context.preferences.addons.get(EXTENSION)
    return addon.preferences if addon is not None and addon.preferences is not None else _Defaults


def _command(chosen: Any, find_installed: Callable[[], Path | None]) -> str:
    """The command line that starts a local server; "" for the one that the add-on carries."""
    if chosen.server_place == COMMAND:
        return str(chosen.server_command)
    installed = find_installed() if chosen.use_installed else None
    if installed is None:
        return ""
    return join_command([str(installed), "serve"])


class Pair(bpy.types.Operator):
    """Take the pairing text that `realcam keys invite` printed on the server from the clipboard, and use that server"""

    bl_idname = "realcam.pair"
    bl_label = "Paste Pairing Text"

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Keep the keys, and make the server the preferred one."""
        address = accept_pairing(context.window_manager.clipboard, config_dir())
        addon = context.preferences.addons.get(EXTENSION)
        if addon is not None and addon.preferences is not None:
            addon.preferences.server_place = ELSEWHERE
            addon.preferences.server_address = str(address)
            addon.preferences.server_key = ""
        self.report({"INFO"}, f"Paired with the server at {address}")
        return {"FINISHED"}


CLASSES = (RealCamPreferences, Pair)
