"""Operators, panels, preferences and properties: thin, they call the folders above."""

from __future__ import annotations

import bpy

from . import (
    check_operator,
    check_panel,
    check_paths,
    cleaning_operators,
    cleaning_panel,
    depth_look,
    depth_operator,
    depth_panel,
    errand_operator,
    focal_operator,
    generate_operator,
    import_operator,
    job_operators,
    move_operator,
    option_operator,
    pair_operator,
    panel,
    pick_points,
    preferences,
    preview_operator,
    properties,
    runtime,
    scale_operators,
    scale_panel,
    takes_list,
)
from .preview_state import preview_state
from .thumbnails import thumbnails

_CLASSES = (
    preferences.RealCamPreferences,
    *import_operator.CLASSES,
    *move_operator.CLASSES,
    *option_operator.CLASSES,
    *pair_operator.CLASSES,
    *preview_operator.CLASSES,
    *generate_operator.CLASSES,
    *job_operators.CLASSES,
    *takes_list.CLASSES,
    *depth_operator.CLASSES,
    *check_operator.CLASSES,
    *cleaning_operators.CLASSES,
    *scale_operators.CLASSES,
    *focal_operator.CLASSES,
    *pick_points.CLASSES,
    *panel.CLASSES,
    *depth_panel.CLASSES,
    *check_panel.CLASSES,
    *scale_panel.CLASSES,
    *cleaning_panel.CLASSES,
)


def register() -> None:
    """Everything that Blender shall know of the add-on."""
    properties.register()
    for cls in _CLASSES:
        bpy.utils.register_class(cls)
    import_operator.register_menu()
    thumbnails.open()
    check_paths.register()
    runtime.register()


def unregister() -> None:
    """Leave nothing behind: no class, property, menu entry, handler, timer, picture, thread or process."""
    errand_operator.stop()
    depth_look.stop()
    runtime.unregister()
    check_paths.unregister()
    thumbnails.close()
    preview_state.forget()
    import_operator.unregister_menu()
    for cls in reversed(_CLASSES):
        bpy.utils.unregister_class(cls)
    properties.unregister()
