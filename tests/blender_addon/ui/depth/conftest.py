"""A server process whose depth predictors know geometry instead of pictures, and Blender talking to it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from blender_addon.generation.local_server import COMMAND_VARIABLE
from tests.support.addon import forget_everything
from tests.support.servers import running_server


@pytest.fixture(scope="module")
def depth_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of a server that offers depth and nothing else."""
    engines = "tests.support.engines.depth:engines"
    with running_server(tmp_path_factory.mktemp("depth-server"), engines) as server:
        yield str(server.address)


@pytest.fixture
def ready(
    addon: ModuleType, depth_server: str, small_bike: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[ModuleType]:
    """`bpy` with the photo chosen and the add-on talking to that server."""
    from blender_addon.generation import user_files
    from blender_addon.ui import preferences

    monkeypatch.setenv(preferences.ADDRESS_VARIABLE, depth_server)
    monkeypatch.delenv(COMMAND_VARIABLE, raising=False)
    monkeypatch.setattr(user_files, "user_folder", lambda: tmp_path)
    addon.context.scene.realcam.photo.photo_path = str(small_bike)
    yield addon
    forget_everything()
