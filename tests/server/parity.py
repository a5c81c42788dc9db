"""The parity kit: numbers of the published method, with the tolerance stated for each."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pytest


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

    def tensors(self, section: str) -> dict[str, Any]:
        """Every tensor of a section as torch tensors, float16 inputs upcast. Do not write to them."""
        return _load(self.folder / f"{section}.safetensors")

    def check(self, section: str, name: str, ours: Any, golden: Any) -> None:
        """Fail unless max|ours - golden| is within the kit's absolute or relative tolerance."""
        tolerance = self.index[section][name]["tolerance"]
        ours, golden = ours.double(), golden.double()
        assert ours.shape == golden.shape, f"{section}/{name}: {tuple(ours.shape)} against {tuple(golden.shape)}"
        error = float((ours - golden).abs().max())
        allowed = max(
            float(tolerance.get("abs", 0.0)), float(tolerance.get("rel_to_max", 0.0)) * float(golden.abs().max())
        )
        assert error <= allowed, f"{section}/{name}: differs by {error:.3g}, allowed {allowed:.3g}"


@cache
def _load(path: Path) -> dict[str, Any]:
    torch = pytest.importorskip("torch")
    loaded = pytest.importorskip("safetensors.torch").load_file(path)
    small = (torch.float16, torch.float8_e4m3fn)
    return {name: t.float() if t.dtype in small else t for name, t in loaded.items()}


def unpack_mask(packed: Any, columns: int) -> Any:
    """A boolean mask [..., columns] from bits packed along the last axis."""
    torch = pytest.importorskip("torch")
    return torch.from_numpy(np.unpackbits(packed.numpy(), axis=-1)[..., :columns].astype(bool))
