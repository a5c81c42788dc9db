"""The product's camera check on a server where pycolmap is not installed."""

from __future__ import annotations

import sys
from collections.abc import Callable

from server.engines.camera_check.engine import CameraChecker
from server.engines.engine import AnyEngine


def without_pycolmap() -> dict[str, Callable[[], AnyEngine]]:
    """Asked for in the worker, where the package is then as if it had never been there."""
    sys.modules["pycolmap"] = None  # type: ignore[assignment]
    return {"camera-check": CameraChecker}
