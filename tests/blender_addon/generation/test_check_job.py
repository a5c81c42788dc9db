"""Which photo a take is judged by: the one it was made from, at the scale of that time."""

from __future__ import annotations

from types import ModuleType
from typing import TYPE_CHECKING

import msgspec
import pytest

from blender_addon.core.errors import TimelineError
from blender_addon.core.payloads.import_request import ImportRequest
from blender_addon.timeline.take import PhotoState, Take
from tests.support.import_requests import with_settings
from tests.support.takes import remembered_take

pytestmark = pytest.mark.blender

if TYPE_CHECKING:
    from blender_addon.scene import PhotoScene

OLD = remembered_take()


def of(photo: PhotoScene) -> Take:
    record = photo.record
    return msgspec.structs.replace(
        OLD, photo=PhotoState(imported_at=record.imported_at, scale=record.scale, intrinsics=record.intrinsics)
    )


def test_a_take_is_judged_by_its_own_photo(
    blender: ModuleType, thin_bike_scene: PhotoScene, bike_import: ImportRequest
) -> None:
    from blender_addon.generation.check_job import photo_of_take
    from blender_addon.scene import import_photo

    scene = blender.context.scene
    import_photo(scene, with_settings(bike_import, max_vertices=5_000))
    assert photo_of_take(scene, of(thin_bike_scene)).mesh == thin_bike_scene.mesh


def test_a_take_that_does_not_tell_its_photo_is_judged_only_where_there_is_no_doubt(
    blender: ModuleType, thin_bike_scene: PhotoScene, bike_import: ImportRequest
) -> None:
    from blender_addon.generation.check_job import photo_of_take
    from blender_addon.scene import import_photo
    from blender_addon.scene.editing.calibration import set_scale

    scene = blender.context.scene
    assert photo_of_take(scene, OLD).mesh == thin_bike_scene.mesh
    set_scale(scene, thin_bike_scene, 2.0)
    with pytest.raises(TimelineError, match="do not say which photo"):
        photo_of_take(scene, OLD)
    assert photo_of_take(scene, of(thin_bike_scene)).record.scale == 2.0
    set_scale(scene, photo_of_take(scene, of(thin_bike_scene)), 1.0)
    import_photo(scene, with_settings(bike_import, max_vertices=5_000))
    with pytest.raises(TimelineError, match="do not say which photo"):
        photo_of_take(scene, OLD)
