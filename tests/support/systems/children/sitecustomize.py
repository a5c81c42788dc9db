"""Loaded by every Python that a run under the sharing rule starts, see `tests/support/systems/sharing_rule.py`."""

from __future__ import annotations

import os

from tests.support.systems.sharing_rule import VARIABLE, install

if VARIABLE in os.environ:
    install(os.environ[VARIABLE])
