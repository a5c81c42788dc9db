"""Loaded by every Python that a run under the sharing rule starts, see `tests/support/systems/sharing_rule.py`."""

from __future__ import annotations

import os
import runpy
from pathlib import Path

if report := os.environ.get("REALCAM_SHARING_RULE"):
    # By its path: where the process is one of pytest's, pytest imports the module itself afterwards.
    runpy.run_path(str(Path(__file__).parents[1] / "sharing_rule.py"))["install"](report)
