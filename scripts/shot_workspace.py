"""Makes the add-on's workspace "RealCam Shot": `python scripts/shot_workspace.py` (Python with the bpy wheel of 4.5).

Of Blender's Geometry Nodes workspace: the 3D view shows the photo's colours, its sidebar open;
the clip plays beside it; the sequencer lies below. Written by the oldest Blender that the add-on runs on, so that all
can read it.
"""

from __future__ import annotations

from pathlib import Path

import bpy

OUT = Path(__file__).parents[1] / "blender_addon" / "workspace" / "realcam_shot.blend"
NAME = "RealCam Shot"


def main() -> None:
    """Write the workspace."""
    bpy.ops.wm.read_factory_settings()
    workspace = bpy.data.workspaces["Geometry Nodes"]
    workspace.name = NAME
    screen = workspace.screens[0]
    for area in screen.areas:
        if area.type == "SPREADSHEET":
            _become_sequencer(screen, area, "PREVIEW")
        elif area.type == "NODE_EDITOR":
            _become_sequencer(screen, area, "SEQUENCER")
        elif area.type == "VIEW_3D":
            space = area.spaces.active
            space.show_region_ui = True
            space.shading.type, space.shading.light, space.shading.color_type = "SOLID", "FLAT", "TEXTURE"
    bpy.data.batch_remove([*bpy.data.objects, *bpy.data.brushes, *bpy.data.palettes])
    bpy.ops.outliner.orphans_purge(do_recursive=True)
    # A whole file: a workspace cannot be written alone.
    bpy.context.preferences.filepaths.save_version = 0
    bpy.ops.wm.save_as_mainfile(filepath=str(OUT), compress=True, copy=True)


def _become_sequencer(screen: bpy.types.Screen, area: bpy.types.Area, view: str) -> None:
    with bpy.context.temp_override(window=bpy.context.window, screen=screen, area=area):
        area.type = "SEQUENCE_EDITOR"
    area.spaces.active.view_type = view


if __name__ == "__main__":
    main()
