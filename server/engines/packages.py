"""Whether the packages that an engine needs are installed, found without importing them."""

from __future__ import annotations

import importlib.util

MODEL_PACKAGES = ("torch", "diffusers", "transformers", "safetensors", "ftfy")
"""What the RealCam network needs, of the extra `models`."""


def absent_packages(names: tuple[str, ...], extra: str) -> str:
    """The missing packages and what to install, in words; "" when all are there.

    Args:
        names: packages as they are imported.
        extra: this project's extra that installs them.
    """
    absent = [name for name in names if importlib.util.find_spec(name) is None]
    if not absent:
        return ""
    return f"{', '.join(absent)} not installed with the server: run `uv sync --extra {extra}` there"
