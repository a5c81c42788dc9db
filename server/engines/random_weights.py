"""The environment variable that makes engines run with random weights, for tests."""

from __future__ import annotations

import os

RANDOM_WEIGHTS = "REALCAM_RANDOM_WEIGHTS"
"""Environment variable: "tiny" or "full" makes the engines run with random weights; those on diffusers' pipelines know
"tiny" alone.
"""


def random_scale() -> str:
    """Return "tiny", "full", or "" where the installed weights are used."""
    scale = os.environ.get(RANDOM_WEIGHTS, "")
    return scale if scale in ("tiny", "full") else ""
