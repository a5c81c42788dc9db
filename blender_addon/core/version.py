"""The version of add-on and server, and the names of the programs in each other's log and in reports.

pyproject.toml, the extension's manifest and uv.lock repeat the number for their tools; a test holds them equal.
"""

from __future__ import annotations

import getpass
import os

VERSION = "0.1.0"

SERVER_SOFTWARE = f"realcam-server {VERSION}"
COMMAND_LINE_SOFTWARE = f"realcam-cli {VERSION}"


def addon_software(blender: str, *, headless: bool = False) -> str:
    """The add-on's name for logs and reports.

    Args:
        blender: Blender's version.
        headless: whether Blender runs without a window.
    """
    return f"RealCam for Blender {VERSION} in {'headless ' if headless else ''}Blender {blender}"


def command_line_client_id() -> str:
    """The client id of all commands of this user: the server knows their jobs by it."""
    try:
        return f"cli {getpass.getuser()}"
    except (KeyError, OSError):
        # A container or a service may run under a number that no list of users names.
        return f"cli {os.getuid()}"
