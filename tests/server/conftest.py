"""Fixtures of the server's tests."""

from __future__ import annotations

import pytest

from tests.conftest import PARITY_KIT
from tests.server.parity import ParityKit


@pytest.fixture(scope="session")
def kit() -> ParityKit:
    """The published numbers: the parity kit's where it is, else the compact set of this repository."""
    return ParityKit(PARITY_KIT if (PARITY_KIT / "goldens.json").is_file() else None)
