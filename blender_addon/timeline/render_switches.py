"""Blender's switches that decide what a render shows: the scene, its strips, or the scene over the clip."""

from __future__ import annotations

import bpy

from ..datablocks import named

SCENE_PROPERTY = "realcam_render_before"
"""Custom property of the scene: the switches as they were before `render_over_clip`."""

_MESH = "mesh"
_WANTED = {"film_transparent": True, "use_sequencer": False, "use_compositing": True}


def renders_over_clip(scene: bpy.types.Scene, mesh: bpy.types.Object | None) -> bool:
    """Whether a clip in the compositor is seen under what the scene renders.

    Args:
        scene: The scene.
        mesh: The photo's mesh, None when there is none.
    """
    render = scene.render
    return all(getattr(render, name) == value for name, value in _WANTED.items()) and (mesh is None or mesh.is_holdout)


def render_over_clip(scene: bpy.types.Scene, mesh: bpy.types.Object | None) -> None:
    """Set every switch that a clip in the compositor needs to be seen; `render_as_before` puts them back.

    The film becomes transparent, the photo's mesh a holdout, compositing is turned on and F12 renders the scene.
    """
    if SCENE_PROPERTY not in scene:
        before: dict[str, object] = {name: bool(getattr(scene.render, name)) for name in _WANTED}
        if mesh is not None and not mesh.is_holdout:
            before[_MESH] = mesh
        scene[SCENE_PROPERTY] = before
    for name, value in _WANTED.items():
        setattr(scene.render, name, value)
    if mesh is not None:
        mesh.is_holdout = True


def render_as_before(scene: bpy.types.Scene) -> None:
    """Put back the switches that `render_over_clip` set; without it nothing changes."""
    if SCENE_PROPERTY not in scene:
        return
    before = scene[SCENE_PROPERTY]
    for name in _WANTED:
        setattr(scene.render, name, bool(before[name]))
    mesh = before.get(_MESH)
    if isinstance(mesh, str):
        # Version 0.1 wrote its name.
        mesh = named(scene.objects, mesh, "")
    if mesh is not None:
        mesh.is_holdout = False
    del scene[SCENE_PROPERTY]
