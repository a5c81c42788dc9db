"""Real inputs and headless Blender, shared by every test."""

from __future__ import annotations

import importlib.util
import logging
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from server.demo.motorcycle import Motorcycle, motorcycle
from tests.server.published.parity import ParityKit
from tests.support.blender_exit import LeaveWithoutBlender
from tests.support.properties import load_profile

load_profile()

SHARED_DATA = Path(os.environ.get("REALCAM_TEST_DATA", Path(__file__).parents[2] / "shared" / "data"))
PARITY_KIT = Path(os.environ.get("REALCAM_PARITY_KIT", Path(__file__).parents[2] / "shared" / "parity"))


@pytest.fixture(scope="session")
def bike() -> Motorcycle:
    """The motorcycle photo with its depth and intrinsics."""
    return motorcycle()


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Real data that is not ours to publish; tests that read it are skipped where it is not."""
    if not SHARED_DATA.is_dir():
        pytest.skip(f"real test data is not at {SHARED_DATA}; set REALCAM_TEST_DATA")
    return SHARED_DATA


@pytest.fixture(scope="session")
def parity_kit() -> Path:
    """Folder of the published computations' inputs and outputs (goldens.json, *.safetensors)."""
    if not (PARITY_KIT / "goldens.json").is_file():
        pytest.skip(f"the parity kit is not at {PARITY_KIT}; set REALCAM_PARITY_KIT")
    return PARITY_KIT


@pytest.fixture(scope="session")
def kit() -> ParityKit:
    """The published numbers: the parity kit's where it is, else the compact set of this repository."""
    return ParityKit(PARITY_KIT if (PARITY_KIT / "goldens.json").is_file() else None)


@pytest.fixture(scope="session", autouse=True)
def _own_configuration(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keys of servers and clients that tests start are made for the tests, not in the user's own configuration."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("REALCAM_CONFIG_DIR", str(tmp_path_factory.mktemp("config")))
        yield


def pytest_configure(config: pytest.Config) -> None:
    """Before a test imports Blender."""
    config.pluginmanager.register(LeaveWithoutBlender())


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Blender tests are those under blender_addon/ (but not core/) and those marked; no bpy, no run, and it is said."""
    if importlib.util.find_spec("bpy") is None:
        for item in items:
            if item.get_closest_marker("blender"):
                item.add_marker(
                    pytest.mark.skip(reason="no bpy wheel for this Python (there is one for 3.11 and 3.13)")
                )


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """A command that a test runs in this process sets up its logs: they end with the test."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    try:
        return (yield)
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)
