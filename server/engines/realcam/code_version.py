"""The version of the code that makes RealCam's clips."""

from __future__ import annotations

from server.engines.source_version import source_version

ENTRIES = ("server.engines.realcam.engine", "server.engines.realcam.runner")
"""The modules of the engine, and of what it loads when it generates."""


def code_version() -> str:
    """12 hex digits, the same wherever the sources are installed."""
    return source_version(ENTRIES)
