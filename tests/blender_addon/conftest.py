"""A clean headless Blender for each test, and the add-on registered in it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pytest
from PIL import Image

from blender_addon.core.depth.depth_format import DepthFormat
from blender_addon.core.payloads.import_request import DepthFile, ImportRequest, ImportSettings
from server.demo.motorcycle import BASELINE, DISPARITY_OFFSET, FOCAL, Motorcycle
from tests.support.import_requests import with_settings

if TYPE_CHECKING:
    from blender_addon.scene import PhotoScene


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


class PhotoFiles(NamedTuple):
    """photo: PNG. disparity: NPY, infinite where unknown."""

    photo: Path
    disparity: Path


@pytest.fixture(scope="session")
def bike_files(bike: Motorcycle, tmp_path_factory: pytest.TempPathFactory) -> PhotoFiles:
    """The motorcycle as files an artist would have."""
    folder = tmp_path_factory.mktemp("motorcycle")
    Image.fromarray(bike.photo).save(folder / "motorcycle.png")
    np.save(folder / "disparity.npy", bike.disparity)
    return PhotoFiles(folder / "motorcycle.png", folder / "disparity.npy")


@pytest.fixture
def bike_import(blender: ModuleType, bike: Motorcycle, bike_files: PhotoFiles) -> ImportRequest:
    """The request that imports the motorcycle with its calibration."""
    stereo = DepthFormat("disparity", focal=FOCAL, baseline=BASELINE, doffs=DISPARITY_OFFSET)
    settings = ImportSettings(intrinsics=bike.intrinsics.tolist())
    return ImportRequest(bike_files.photo, DepthFile(bike_files.disparity, stereo), settings)


@pytest.fixture
def bike_scene(blender: ModuleType, bike_import: ImportRequest) -> PhotoScene:
    """The motorcycle imported into the empty scene, which renders at the photo's size."""
    from blender_addon.scene import import_photo

    render = blender.context.scene.render
    render.resolution_x, render.resolution_y = 741, 500
    return import_photo(blender.context.scene, bike_import)


@pytest.fixture
def thin_bike_scene(blender: ModuleType, bike_import: ImportRequest) -> PhotoScene:
    """The same with few vertices, for tests that look at the camera and not at the mesh."""
    from blender_addon.scene import import_photo

    render = blender.context.scene.render
    render.resolution_x, render.resolution_y = 741, 500
    return import_photo(blender.context.scene, with_settings(bike_import, max_vertices=5_000))
