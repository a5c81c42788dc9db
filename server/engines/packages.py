"""Whether the packages that an engine needs are installed, found without importing them."""

from __future__ import annotations

import importlib.util
from pathlib import Path

MODEL_PACKAGES = ("torch", "diffusers", "transformers", "safetensors", "ftfy")
"""What the RealCam network needs, of the extra `models`."""

CARRIED = (Path(__file__).parents[2] / "start.py").is_file()
"""Whether this is the server in the extension's zip."""


def absent_packages(names: tuple[str, ...], extra: str) -> str:
    """The missing packages and what to install, in words; "" when all are there.

    Args:
        names: packages as they are imported.
        extra: this project's extra that installs them.
    """
    absent = [name for name in names if importlib.util.find_spec(name) is None]
    if not absent:
        return ""
    if CARRIED:
        return (
            f"the server that comes with the add-on has no {absent[0]}: install the server as a tool "
            f"(`{install_command(extra)}`), then choose Use the Installed Server in the add-on's preferences"
        )
    return f"{', '.join(absent)} not installed with the server: run `{install_command(extra)}` there"


def install_command(extra: str) -> str:
    """What to run for an extra of this project: in a checkout, or where it was installed as a tool of its own."""
    if (Path(__file__).parents[2] / "uv.lock").is_file():
        return f"uv sync --extra {extra}"
    return f'uv tool install --reinstall "realcam[{extra}] @ FILE-OR-GIT-URL"'
