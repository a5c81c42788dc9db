"""Keeping the clip's own colours under the scene's view transform.

A clip is a finished picture: sRGB as it should be seen. Blender sends strips and composites through the scene's view
transform (AgX, unless the artist chose another), which would wash it out. Read in the view transform's own colour
space, the clip comes out as it went in: on the motorcycle photo the median error under AgX is 0 instead of 8 of 255.
"""

from __future__ import annotations

import bpy

from ..colour_spaces import exact_views, shown_space

_VIEW_SPACE = {
    "AgX": "AgX Base sRGB",
    "Filmic": "Filmic sRGB",
    "ACES 1.3": "ACES 1.3 sRGB",
    "ACES 2.0": "ACES 2.0 sRGB",
}
"""What Blender's own configuration calls the space of a view's output. Any other's is found by what it does."""


def display_colourspace(scene: bpy.types.Scene) -> str:
    """The colour space to read a clip in, so that this scene shows its pixels as they are.

    It is the file's own where no space of the configuration does that. A look, exposure or gamma of the scene still
    applies: that is grading, which the artist chose.
    """
    return shown_space(scene, _preferred(scene)).name


def colours_changed(scene: bpy.types.Scene) -> str | None:
    """What an artist is told before a clip is made whose colours this scene would not show as they are, else None."""
    if shown_space(scene, _preferred(scene)).is_kept:
        return None
    view, exact = scene.view_settings.view_transform, exact_views(scene)
    remedy = f"choose {' or '.join(exact)}" if exact else "add a view without tone mapping to the configuration"
    return (
        f"The view transform {view} changes the colours of clips, and no colour space of this configuration undoes it. "
        f"For the photo's own colours, {remedy} (Render > Color Management)."
    )


def _preferred(scene: bpy.types.Scene) -> tuple[str, ...]:
    # The sequencer's own passes unchanged where the view changes nothing.
    known = _VIEW_SPACE.get(scene.view_settings.view_transform)
    return (*(() if known is None else (known,)), scene.sequencer_colorspace_settings.name)
