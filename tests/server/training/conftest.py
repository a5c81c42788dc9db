"""The published training as numbers."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.server.published.parity import ParityKit

COMPACT = Path(__file__).with_name("training_numbers.npz")


@pytest.fixture(scope="session")
def training_kit(kit: ParityKit) -> ParityKit:
    """The training kit beside the parity kit where it is, else the compact set of this repository."""
    folder = kit.folder / "training" if kit.folder else None
    return ParityKit(folder if folder and (folder / "goldens.json").is_file() else None, COMPACT)


@pytest.fixture(scope="package", autouse=True)
def _one_thread() -> Iterator[None]:
    """One thread of arithmetic in this process and in those it starts, as `make test` has it.

    The small model's deepest level has one cell and one channel a group: its norm amplifies rounding, and gradients
    that are nothing but rounding (a quarter of their norm) would differ with the number of threads.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OMP_NUM_THREADS", "1")
        if not importlib.util.find_spec("torch"):
            yield
            return
        import torch

        before = torch.get_num_threads()
        torch.set_num_threads(1)
        yield
        torch.set_num_threads(before)
