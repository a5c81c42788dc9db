"""The way to a server that can do more: the line that installs one, and the switch to it."""

from __future__ import annotations

from typing import ClassVar

import bpy
from bpy.props import StringProperty

from ...generation.jobs import jobs
from ..operator_result import OperatorResult
from ..preferences import server_settings, use_installed_server


class CopyCommand(bpy.types.Operator):
    """Copy this line, for a terminal on the server's computer. What begins with uv needs uv (docs.astral.sh/uv)"""

    bl_idname = "realcam.copy_command"
    bl_label = "Copy the Line That Installs It"
    bl_options: ClassVar[set[str]] = {"INTERNAL"}

    line: StringProperty(options={"HIDDEN"})

    def execute(self, context: bpy.types.Context) -> OperatorResult:
        """To the clipboard."""
        context.window_manager.clipboard = self.line
        self.report({"INFO"}, f"Copied, paste it into a terminal: {self.line}")
        return {"FINISHED"}


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


CLASSES = (CopyCommand, UseInstalledServer)
"""The operators."""
