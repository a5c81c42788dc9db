"""Fixtures of the server's tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.server.parity import ParityKit


@pytest.fixture(scope="session")
def kit(parity_kit: Path) -> ParityKit:
    """The parity kit with its tensors; skips, and says so, where it is not."""
    return ParityKit(parity_kit)
