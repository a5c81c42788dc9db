"""Requests to import a photo, and variations of one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec

from blender_addon.core.payloads.import_request import DepthFile, ImportRequest


def with_settings(request: ImportRequest, **settings: Any) -> ImportRequest:
    """The same photo and depth, with these of its settings changed."""
    return replace(request, settings=msgspec.structs.replace(request.settings, **settings))


def with_metres(request: ImportRequest, depth: Path) -> ImportRequest:
    """The same photo with another depth file, one that holds metres."""
    return replace(request, depth=DepthFile(depth))
