"""The name under which a server knows this Blender outlives it, also one that was killed while it wrote it."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import pytest

from blender_addon.core.errors import ServiceError
from tests.support.folders import not_writable

pytestmark = pytest.mark.blender


def test_the_client_keeps_its_name(blender: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from blender_addon.generation import user_files

    monkeypatch.setattr(user_files, "user_folder", lambda: tmp_path)
    name = user_files.client_id()
    assert len(name) == 32
    assert user_files.client_id() == name
    (tmp_path / "client_id").write_text("")
    assert len(user_files.client_id()) == 32, "an empty file is no name"


def test_a_folder_that_cannot_be_written_is_said(
    blender: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from blender_addon.generation import user_files

    monkeypatch.setattr(user_files, "user_folder", lambda: tmp_path)
    with not_writable(tmp_path), pytest.raises(ServiceError, match=r"client_id: .*Free some space there"):
        user_files.client_id()
