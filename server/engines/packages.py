"""Whether the packages that an engine needs are installed, asked without importing them."""

from __future__ import annotations

import importlib.util

MODEL_PACKAGES = ("torch", "diffusers", "transformers", "safetensors", "ftfy")
"""What the RealCam network needs, of the extra `models`."""


def absent_packages(names: tuple[str, ...], extra: str) -> str:
    """Which are missing and what to install, in words; "" when all are there. extra: of this project."""
    absent = [name for name in names if importlib.util.find_spec(name) is None]
    if not absent:
        return ""
    return f"{', '.join(absent)} not installed with the server: run `uv sync --extra {extra}` there"
