"""What tests of shots have in common."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest


@pytest.fixture
def frame_script() -> Iterator[list[Any]]:
    """The scripts that Blender calls after each change of frame; those that a test adds are taken away."""
    import bpy

    scripts = bpy.app.handlers.frame_change_post
    before = list(scripts)
    yield scripts
    scripts[:] = before
