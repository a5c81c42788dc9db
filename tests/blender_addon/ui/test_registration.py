"""Registering leaves nothing behind, twice over."""

from __future__ import annotations

import gc
import threading
from types import ModuleType
from typing import Any

import msgspec
import pytest

from blender_addon.core.protocol.capability import EngineOption
from blender_addon.generation.jobs import ASSUMED_ENGINES

pytestmark = pytest.mark.blender


def traces(bpy: ModuleType) -> dict[str, Any]:
    """Everything of ours that Blender knows."""
    from blender_addon.ui.jobs import runtime
    from blender_addon.ui.photo import import_operator

    kinds = (bpy.types.Operator, bpy.types.Panel, bpy.types.UIList, bpy.types.PropertyGroup, bpy.types.FileHandler)
    kinds += (bpy.types.AddonPreferences,)
    gc.collect()
    return {
        "classes": sorted(
            {c.__name__ for kind in kinds for c in kind.__subclasses__() if c.__module__.startswith("blender_addon")}
            & set(dir(bpy.types))
        ),
        "operators": [name for name in dir(bpy.ops.realcam) if not name.startswith("_")],
        "scene": hasattr(bpy.types.Scene, "realcam"),
        "load": [h for h in bpy.app.handlers.load_post if h.__module__.startswith("blender_addon")],
        "save": [h for h in bpy.app.handlers.save_post if h.__module__.startswith("blender_addon")],
        "timer": bpy.app.timers.is_registered(runtime.tick),
        "menu": import_operator._menu_entry in bpy.types.TOPBAR_MT_file_import._dyn_ui_initialize(),
        "threads": [thread.name for thread in threading.enumerate() if thread.name.startswith("realcam")],
    }


def test_unregister_leaves_nothing_and_registers_again(blender: ModuleType, registered_addon: ModuleType) -> None:
    from blender_addon.ui.engine_options import option_properties

    registered = traces(blender)
    option = EngineOption(name="seam", label="Seam", description="Soft edges", kind="bool", default=True)
    draft = msgspec.structs.replace(ASSUMED_ENGINES[0], options=(option,))
    assert registered["scene"]
    assert registered["operators"]
    assert len(registered["load"]) == 1
    for _ in range(2):
        option_properties.offer((draft,))
        assert option_properties.names & set(dir(blender.context.scene.realcam))
        registered_addon.unregister()
        assert option_properties.names == set()
        nothing = {
            "classes": [],
            "operators": [],
            "scene": False,
            "load": [],
            "save": [],
            "timer": False,
            "menu": False,
        }
        assert traces(blender) == {**nothing, "threads": []}
        registered_addon.register()
        assert traces(blender) == {**registered, "timer": False}


def operator_description(bpy: ModuleType, name: str) -> str:
    return str(getattr(bpy.ops.realcam, name.removeprefix("realcam.")).get_rna_type().description)


def test_every_operator_and_property_says_what_it_is(addon: ModuleType) -> None:
    from blender_addon.ui import _CLASSES

    bpy = addon
    for cls in _CLASSES:
        if issubclass(cls, bpy.types.Operator):
            assert len(operator_description(bpy, cls.bl_idname)) > 10, cls
    shot = bpy.types.Scene.bl_rna.properties["realcam"].fixed_type.properties
    groups = [shot, shot["photo"].fixed_type.properties, shot["options"].fixed_type.properties]
    for name, value in (pair for group in groups for pair in group.items()):
        if not value.is_hidden and name not in ("rna_type", "name", "takes", "options", "photo"):
            assert value.description, name
