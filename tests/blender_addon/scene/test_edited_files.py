"""What an artist may do to the photo's file and the project's place: the shot stays, or a sentence says why not."""

from __future__ import annotations

import shutil
from pathlib import Path
from types import ModuleType

import pytest
from PIL import Image

from blender_addon.core.errors import PhotoError
from blender_addon.core.payloads.import_request import DepthFile, ImportRequest
from server.demo.motorcycle import Motorcycle
from tests.support.photos import write_small_bike

pytestmark = pytest.mark.blender
pytest.importorskip("bpy")

from blender_addon.scene import PhotoScene, find_photo_scene, import_photo  # noqa: E402


def imported_beside(bpy: ModuleType, folder: Path, bike: Motorcycle, *, relative: bool) -> PhotoScene:
    """The photo imported into a .blend that is saved beside it, and saved again."""
    bpy.context.preferences.filepaths.use_relative_paths = relative
    photo = write_small_bike(bike, folder)
    bpy.ops.wm.save_as_mainfile(filepath=str(folder / "shot.blend"))
    imported = import_photo(bpy.context.scene, ImportRequest(photo, DepthFile(folder / "bike_depth.npy")))
    bpy.ops.wm.save_mainfile()
    return imported


def opened(bpy: ModuleType, blend: Path) -> PhotoScene:
    bpy.ops.wm.open_mainfile(filepath=str(blend))
    found = find_photo_scene(bpy.context.scene)
    assert found is not None
    return found


def test_a_project_that_is_moved_finds_its_photo(blender: ModuleType, bike: Motorcycle, tmp_path: Path) -> None:
    (tmp_path / "here").mkdir()
    imported = imported_beside(blender, tmp_path / "here", bike, relative=True)
    assert imported.image.filepath == "//bike.png"
    pixels = imported.photo()
    shutil.move(tmp_path / "here", tmp_path / "there")
    assert (opened(blender, tmp_path / "there" / "shot.blend").photo() == pixels).all()


def test_without_relative_paths_the_photo_stays_where_it_is(
    blender: ModuleType, bike: Motorcycle, tmp_path: Path
) -> None:
    (tmp_path / "here").mkdir()
    imported = imported_beside(blender, tmp_path / "here", bike, relative=False)
    assert imported.image.filepath == str(tmp_path / "here" / "bike.png")


def test_a_photo_that_is_renamed_is_missed_and_a_packed_one_is_not(
    blender: ModuleType, bike: Motorcycle, tmp_path: Path
) -> None:
    imported_beside(blender, tmp_path, bike, relative=True)
    (tmp_path / "bike.png").rename(tmp_path / "other.png")
    again = opened(blender, tmp_path / "shot.blend")
    with pytest.raises(PhotoError, match=r"file is gone: .*bike\.png.*Find Missing Files"):
        again.photo()
    (tmp_path / "other.png").rename(tmp_path / "bike.png")
    again = opened(blender, tmp_path / "shot.blend")
    again.image.pack()
    blender.ops.wm.save_mainfile()
    (tmp_path / "bike.png").unlink()
    assert opened(blender, tmp_path / "shot.blend").photo().shape == (167, 247, 3)


def test_another_picture_in_the_photos_place_is_told(blender: ModuleType, bike: Motorcycle, tmp_path: Path) -> None:
    imported_beside(blender, tmp_path, bike, relative=True)
    Image.new("RGB", (500, 100)).save(tmp_path / "bike.png")
    with pytest.raises(PhotoError, match=r"had 247 x 167 pixels .* and has 500 x 100"):
        opened(blender, tmp_path / "shot.blend").photo()
