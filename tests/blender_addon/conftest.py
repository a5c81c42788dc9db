"""A clean headless Blender for each test, and the add-on registered in it."""

from __future__ import annotations

from collections.abc import Iterator
from types import ModuleType

import pytest


@pytest.fixture
def blender() -> Iterator[ModuleType]:
    """`bpy` with one empty scene and factory settings; emptied again afterwards."""
    bpy = pytest.importorskip("bpy")
    bpy.ops.wm.read_factory_settings(use_empty=True)
    yield bpy
    bpy.ops.wm.read_factory_settings(use_empty=True)


@pytest.fixture(scope="session")
def registered_addon() -> Iterator[ModuleType]:
    """The add-on registered once for the whole run: a process that ends with a class registered hangs Blender 4.5."""
    pytest.importorskip("bpy")
    import blender_addon

    blender_addon.register()
    yield blender_addon
    blender_addon.unregister()


@pytest.fixture
def addon(blender: ModuleType, registered_addon: ModuleType) -> ModuleType:
    """`bpy` with one empty scene and the add-on's operators, panels and properties registered."""
    return blender
