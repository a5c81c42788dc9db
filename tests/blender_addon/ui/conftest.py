"""A shot ready to be generated, a server to generate it with, and the add-on's jobs emptied after each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from blender_addon.generation.local_server import COMMAND_VARIABLE
from server.demo.motorcycle import Motorcycle
from tests.support.addon import forget_everything
from tests.support.photos import write_small_bike
from tests.support.servers import running_server


@pytest.fixture(scope="session")
def test_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of a server with the tests' quick engines."""
    with running_server(tmp_path_factory.mktemp("server")) as server:
        yield str(server.address)


@pytest.fixture
def quick(addon: ModuleType, test_server: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[ModuleType]:
    """`bpy` with the add-on talking to the tests' server, its own files in tmp_path, no job under way."""
    from blender_addon.generation import user_files
    from blender_addon.ui import preferences

    monkeypatch.setenv(preferences.ADDRESS_VARIABLE, test_server)
    monkeypatch.delenv(COMMAND_VARIABLE, raising=False)
    monkeypatch.setattr(user_files, "user_folder", lambda: tmp_path)
    yield addon
    forget_everything()


@pytest.fixture
def small_bike(bike: Motorcycle, tmp_path: Path) -> Path:
    """The motorcycle photo as a file, its depth beside it, both at a third of their size."""
    return write_small_bike(bike, tmp_path)


@pytest.fixture
def shot(quick: ModuleType, small_bike: Path, tmp_path: Path) -> Any:
    """The scene with photo, keyed camera and the smallest clip there is, in a saved .blend."""
    bpy = quick
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "shot.blend"))
    bpy.ops.realcam.import_photo(filepath=str(small_bike), focal_mm=48.2)
    scene = bpy.context.scene
    scene.frame_start, scene.frame_end = 1, 12
    scene.render.resolution_x, scene.render.resolution_y = 320, 200
    camera = scene.camera
    camera.keyframe_insert("location", frame=1)
    camera.location.x += 0.2
    camera.keyframe_insert("location", frame=12)
    settings = scene.realcam
    settings.preview_method = "WORKBENCH"
    settings.engine_name = "copy"
    settings.clip_width, settings.clip_height, settings.clip_frames = 64, 40, 4
    return scene
