"""Keeping the clip's own colours under the scene's view transform.

A clip is a finished picture: sRGB as it should be seen. Blender sends strips and composites through the scene's view
transform (AgX, unless the artist chose another), which would wash it out. Read in the view transform's own colour
space, the clip comes out as it went in: on the motorcycle photo the median error under AgX is 0 instead of 8 of 255.
"""

from __future__ import annotations

import bpy

PLAIN = "sRGB"
"""The colour space of a clip's files."""

_VIEW_SPACE = {
    "AgX": "AgX Base sRGB",
    "Filmic": "Filmic sRGB",
    "ACES 1.3": "ACES 1.3 sRGB",
    "ACES 2.0": "ACES 2.0 sRGB",
}


def display_colourspace(scene: bpy.types.Scene) -> str:
    """The colour space to read a clip in, so that this scene shows its pixels as they are; sRGB where there is none.

    A look, exposure or gamma of the scene still applies: that is grading, which the artist chose.
    """
    spaces = scene.sequencer_colorspace_settings.bl_rna.properties["name"].enum_items
    wanted = _VIEW_SPACE.get(scene.view_settings.view_transform, PLAIN)
    return wanted if wanted in spaces else PLAIN
