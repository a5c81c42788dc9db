"""The parity kit: numbers of the published method, with the tolerance stated for each."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pytest

HELD = "REALCAM_HELD_GOLDENS"
"""Environment variable: a file to which every golden that a test compares is appended, as section/name."""

MOST_FLIPPED = 1e-3
"""Share of a mask's bits that rounding may flip."""


@dataclass(frozen=True)
class ParityKit:
    """goldens.json with its tensors."""

    folder: Path

    @cached_property
    def index(self) -> dict[str, Any]:
        return dict(json.loads((self.folder / "goldens.json").read_text())["files"])

    @cached_property
    def readme(self) -> dict[str, Any]:
        return dict(json.loads((self.folder / "goldens.json").read_text())["_readme"])

    @cached_property
    def configs(self) -> dict[str, Any]:
        """tiny_config.json: the reduced models by the published field names."""
        return dict(json.loads((self.folder / "tiny_config.json").read_text()))

    def outputs(self) -> list[str]:
        """Every golden, as section/name."""
        return [f"{s}/{n}" for s, entries in self.index.items() for n, e in entries.items() if e["kind"] == "output"]

    def tensors(self, section: str) -> dict[str, Any]:
        """Every tensor of a section as torch tensors, float16 inputs upcast. Do not write to them."""
        return _tensors(self.folder / f"{section}.safetensors")

    def arrays(self, section: str) -> dict[str, Any]:
        """Every tensor of a section as NumPy arrays, for tests that do without torch. Do not write to them."""
        return _arrays(self.folder / f"{section}.safetensors")

    def check(self, section: str, name: str, ours: Any) -> None:
        """Fail unless max|ours - golden| is within the kit's absolute or relative tolerance."""
        tolerance = self.index[section][name]["tolerance"]
        golden, ours = (np.asarray(a, dtype=np.float64) for a in (self.arrays(section)[name], ours))
        assert ours.shape == golden.shape, f"{section}/{name}: {ours.shape} against {golden.shape}"
        allowed = max(float(tolerance["abs"]), float(tolerance.get("rel_to_max", 0.0)) * float(np.abs(golden).max()))
        error = float(np.abs(ours - golden).max())
        assert error <= allowed, f"{section}/{name}: differs by {error:.3g}, allowed {allowed:.3g}"
        self.held(section, name)

    def check_mask(self, section: str, name: str, ours: Any) -> None:
        """Fail unless the bits of a packed golden are those of boolean `ours`, but for a few at the border."""
        golden = unpack_bits(self.arrays(section)[name], ours.shape[-1])
        flipped = float((np.asarray(ours) != golden).mean())
        assert flipped <= MOST_FLIPPED, f"{section}/{name}: {flipped:.2%} of the bits differ"
        self.held(section, name)

    def held(self, section: str, name: str) -> None:
        """Say that a test compared this golden, in whatever way it did."""
        assert name in self.index[section], f"{section} has no {name}"
        if HELD in os.environ:
            with Path(os.environ[HELD]).open("a") as file:
                file.write(f"{section}/{name}\n")


@cache
def _tensors(path: Path) -> dict[str, Any]:
    torch = pytest.importorskip("torch")
    loaded = pytest.importorskip("safetensors.torch").load_file(path)
    small = (torch.float16, torch.float8_e4m3fn)
    return {name: t.float() if t.dtype in small else t for name, t in loaded.items()}


@cache
def _arrays(path: Path) -> dict[str, Any]:
    loaded = pytest.importorskip("safetensors.numpy").load_file(path)
    return {name: a.astype(np.float32) if a.dtype == np.float16 else a for name, a in loaded.items()}


def unpack_bits(packed: Any, columns: int) -> Any:
    """A boolean array [..., columns] from bits packed along the last axis."""
    return np.unpackbits(packed, axis=-1)[..., :columns].astype(bool)


def unpack_mask(packed: Any, columns: int) -> Any:
    """The same of and as a torch tensor."""
    torch = pytest.importorskip("torch")
    return torch.from_numpy(unpack_bits(packed.numpy(), columns))
