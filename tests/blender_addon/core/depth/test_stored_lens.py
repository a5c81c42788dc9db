"""The lens in a depth NPZ: in pixels of the photo, of the depth, or as shares; what fits none is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from blender_addon.core.camera.projection import intrinsics_matrix, scaled_intrinsics
from blender_addon.core.depth.stored_lens import stored_lens
from blender_addon.core.errors import PhotoError
from blender_addon.core.payloads.import_request import ImportSettings

PHOTO, DEPTH = (4000, 3000), (256, 192)
LENS = intrinsics_matrix(3000.0, 3010.0, 1990.0, 1510.0)


def stored(tmp_path: Path, **arrays: Any) -> Path:
    np.savez(tmp_path / "depth.npz", depth=np.ones(DEPTH[::-1], np.float32), **arrays)
    return tmp_path / "depth.npz"


@pytest.mark.parametrize("size", [PHOTO, DEPTH, (1, 1)])
def test_its_units_are_told_by_the_principal_point(tmp_path: Path, size: tuple[int, int]) -> None:
    path = stored(tmp_path, intrinsics=scaled_intrinsics(LENS, PHOTO, size).astype(np.float32))
    found = stored_lens(path, PHOTO, DEPTH)
    assert found is not None
    np.testing.assert_allclose(found, LENS, rtol=1e-6, atol=1e-3)


def test_a_file_without_one_has_none(tmp_path: Path) -> None:
    assert stored_lens(stored(tmp_path), PHOTO, DEPTH) is None
    assert stored_lens(tmp_path / "depth.exr", PHOTO, DEPTH) is None


@pytest.mark.parametrize(
    "intrinsics", [np.eye(4), np.ones(4), np.full((3, 3), np.nan), intrinsics_matrix(9.0, 9.0, 9000.0, 40.0)]
)
def test_what_is_no_lens_of_the_photo_is_refused_unless_one_is_typed(tmp_path: Path, intrinsics: Any) -> None:
    path = stored(tmp_path, intrinsics=intrinsics)
    with pytest.raises(PhotoError, match=r"The intrinsics stored in depth\.npz are not this photo's.*--focal-mm"):
        ImportSettings().lens(PHOTO, None, (path, DEPTH))
    assert ImportSettings(focal_mm=26.0).lens(PHOTO, None, (path, DEPTH)).words.startswith("typed")
