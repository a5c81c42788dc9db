"""The published training as numbers."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.server.published.parity import ParityKit

COMPACT = Path(__file__).with_name("training_numbers.npz")


@pytest.fixture(scope="session")
def training_kit(kit: ParityKit) -> ParityKit:
    """The training kit beside the parity kit where it is, else the compact set of this repository."""
    folder = kit.folder / "training" if kit.folder else None
    return ParityKit(folder if folder and (folder / "goldens.json").is_file() else None, COMPACT)
