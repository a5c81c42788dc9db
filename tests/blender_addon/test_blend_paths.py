"""A file's field in a .blend means the same file on every system."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import pytest

from blender_addon.blend_paths import blend_path

pytestmark = pytest.mark.blender


@pytest.mark.parametrize("text", ["//refs/end.png", r"//refs\end.png"])
def test_a_path_from_the_file_has_the_slashes_of_either_system(blender: ModuleType, tmp_path: Path, text: str) -> None:
    blender.ops.wm.save_as_mainfile(filepath=str(tmp_path / "shot.blend"))
    assert blend_path(text) == tmp_path / "refs" / "end.png"


@pytest.mark.usefixtures("blender")
def test_other_paths_are_taken_as_they_are(tmp_path: Path) -> None:
    odd = tmp_path / r"a\b.png"
    assert blend_path(str(odd)) == odd
