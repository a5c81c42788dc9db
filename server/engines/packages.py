"""Whether the packages that an engine needs are installed, found without importing them, and how to install them."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

MODEL_PACKAGES = ("torch", "diffusers", "transformers", "safetensors", "ftfy")
"""What the RealCam network needs, of the extra `models`."""

CARRIED = (Path(__file__).parents[2] / "start.py").is_file()
"""Whether this is the server in the extension's zip."""

MODELS_DOWNLOAD = {"linux": 2_900_000_000, "win32": 250_000_000, "darwin": 220_000_000}
"""Bytes of the wheels that `realcam[models]` takes by uv.lock, by sys.platform: on Linux PyTorch comes with CUDA."""


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


def models_download() -> int:
    """Bytes that installing the extra `models` downloads on this system, about; 0 where that is not known."""
    return MODELS_DOWNLOAD.get(sys.platform, 0)
