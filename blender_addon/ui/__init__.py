"""Operators, panels, preferences and properties: thin, they call the folders above."""

from __future__ import annotations

import bpy

from ..disk_looks import looks
from . import manual_map, preferences, properties
from .calibration import (
    calibration_fields,
    calibration_operators,
    calibration_panel,
    pick_depth_points,
    point_marks,
)
from .check import check_operator, check_panel, check_paths
from .depth import depth_operator, install_operators
from .engines import engine_rows
from .guarded_operators import guarded
from .handmade import block_out_operator, camera_operator, geometry_operators, handmade_panel, shape_operator
from .jobs import analysis_operator, announce, job_operators, main_panel, runtime, status_bar
from .layout import layout_files, layout_operators, layout_panel, layout_tool
from .lengths.length_fields import with_lengths
from .photo import (
    cleaning_operators,
    demo_operator,
    depth_analysis,
    depth_question,
    focal_operator,
    import_operator,
    photo_operators,
    photo_panel,
    pick_points,
    scale_operators,
)
from .predictors import ask_server
from .preview_state import preview_state
from .redraw import redraw_when_answered
from .shot import (
    camera_panel,
    clip_fit,
    cut_range,
    generate_operator,
    generate_panel,
    move_operator,
    option_operator,
    preview_operator,
    preview_panel,
    workspace_operator,
)
from .takes import (
    background_operator,
    clip_operators,
    clip_places,
    copy_operator,
    take_operators,
    takes_list,
    takes_panel,
)
from .takes.thumbnails import thumbnails

_CLASSES = guarded(
    with_lengths(
        (
            *import_operator.CLASSES,
            *depth_question.CLASSES,
            *photo_operators.CLASSES,
            *demo_operator.CLASSES,
            *layout_operators.CLASSES,
            *layout_files.CLASSES,
            *layout_tool.CLASSES,
            *block_out_operator.CLASSES,
            *camera_operator.CLASSES,
            *geometry_operators.CLASSES,
            *shape_operator.CLASSES,
            *move_operator.CLASSES,
            *option_operator.CLASSES,
            *engine_rows.CLASSES,
            *clip_fit.CLASSES,
            *cut_range.CLASSES,
            *workspace_operator.CLASSES,
            *preferences.CLASSES,
            *install_operators.CLASSES,
            *preview_operator.CLASSES,
            *generate_operator.CLASSES,
            *announce.CLASSES,
            *job_operators.CLASSES,
            *takes_list.CLASSES,
            *copy_operator.CLASSES,
            *take_operators.CLASSES,
            *background_operator.CLASSES,
            *clip_places.CLASSES,
            *clip_operators.CLASSES,
            # Panels in the order in which the sidebar shows them, each before those inside it.
            *main_panel.CLASSES,
            *photo_panel.CLASSES,
            *camera_panel.CLASSES,
            *generate_panel.CLASSES,
            *preview_panel.CLASSES,
            *takes_panel.CLASSES,
            *depth_operator.CLASSES,
            *layout_panel.CLASSES,
            *handmade_panel.CLASSES,
            *check_operator.CLASSES,
            *calibration_operators.CLASSES,
            *pick_depth_points.CLASSES,
            *calibration_panel.CLASSES,
            *scale_operators.CLASSES,
            *depth_analysis.CLASSES,
            *cleaning_operators.CLASSES,
            *focal_operator.CLASSES,
            *pick_points.CLASSES,
            *check_panel.CLASSES,
        )
    )
)


def register() -> None:
    """Register all that Blender shall know of the add-on."""
    looks.at_once, looks.overdue = bpy.app.background, redraw_when_answered
    properties.register()
    calibration_fields.register()
    for cls in _CLASSES:
        bpy.utils.register_class(cls)
    import_operator.register_menu()
    workspace_operator.register_menu()
    thumbnails.open()
    check_paths.register()
    point_marks.register()
    manual_map.register()
    preferences.settle_place()
    status_bar.register()
    runtime.register()


def unregister() -> None:
    """Unregister it: no class, property, menu entry, handler, timer, picture, thread or process stays."""
    analysis_operator.stop()
    depth_analysis.stop()
    ask_server.stop()
    pick_points.hide_line()
    layout_tool.hide_layout()
    runtime.unregister()
    manual_map.unregister()
    clip_operators.stop()
    status_bar.unregister()
    check_paths.unregister()
    point_marks.unregister()
    thumbnails.close()
    preview_state.forget()
    looks.forget()
    workspace_operator.unregister_menu()
    import_operator.unregister_menu()
    for cls in reversed(_CLASSES):
        bpy.utils.unregister_class(cls)
    calibration_fields.unregister()
    properties.unregister()
