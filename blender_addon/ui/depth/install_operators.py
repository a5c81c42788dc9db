"""The way to a server with depth networks: the line that installs one, and the switch to it."""

from __future__ import annotations

from typing import ClassVar

import bpy

from ...generation.jobs import jobs
from ..operator_result import OperatorResult
from ..predictors.predictor_choice import chosen_predictor
from ..preferences import server_settings, use_installed_server


class CopyInstallCommand(bpy.types.Operator):
    """Copy the line that installs a server with depth networks, for a terminal. It needs uv (docs.astral.sh/uv)"""

    bl_idname = "realcam.copy_install_command"
    bl_label = "Copy the Line That Installs It"
    bl_options: ClassVar[set[str]] = {"INTERNAL"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Only where the server has said what it lacks."""
        return bool(_command(context))

    def execute(self, context: bpy.types.Context) -> OperatorResult:
        """To the clipboard."""
        context.window_manager.clipboard = _command(context)
        self.report({"INFO"}, f"Copied, paste it into a terminal (uv is needed): {_command(context)}")
        return {"FINISHED"}


def _command(context: bpy.types.Context) -> str:
    """The line that installs what the chosen predictor lacks; "" where it lacks nothing."""
    chosen = chosen_predictor(context.scene.realcam)
    return chosen.facts.install if chosen is not None and chosen.facts is not None else ""


class UseInstalledServer(bpy.types.Operator):
    """Start the installed program realcam from now on, instead of the server that comes with the add-on"""

    bl_idname = "realcam.use_installed_server"
    bl_label = "Use the Installed Server"
    bl_options: ClassVar[set[str]] = {"INTERNAL"}

    def execute(self, _context: bpy.types.Context) -> OperatorResult:
        """Set the preference and ask that server what it can do."""
        use_installed_server()
        jobs.check_idle("The server cannot be changed now")
        server_settings()
        bpy.ops.realcam.connect()
        return {"FINISHED"}


CLASSES = (CopyInstallCommand, UseInstalledServer)
"""The operators."""
