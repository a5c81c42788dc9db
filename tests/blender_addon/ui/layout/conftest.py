"""A photo alone, and one with a ground."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import pytest

from server.demo.motorcycle import Motorcycle
from tests.support.photos import write_small_bike


@pytest.fixture
def lone(bike: Motorcycle, tmp_path: Path) -> Path:
    """The small motorcycle photo without its depth."""
    photo = write_small_bike(bike, tmp_path)
    photo.with_name("bike_depth.npy").unlink()
    return photo


@pytest.fixture
def grounded(addon: ModuleType, lone: Path) -> ModuleType:
    """`bpy` with that photo in the scene by Ground and Walls."""
    addon.context.scene.realcam.photo.photo_path = str(lone)
    assert addon.ops.realcam.ground_and_walls() == {"FINISHED"}
    return addon
