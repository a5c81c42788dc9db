"""Numbers of the published method, with the tolerance stated for each.

Two sources: the parity kit, where it is, and otherwise the compact set in this repository, which
make_published_numbers.py makes of the kit: its inputs, and of each output a few hundred values.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pytest

COMPACT = Path(__file__).with_name("published_numbers.npz")

HELD = "REALCAM_HELD_GOLDENS"
"""Environment variable: a file to which every golden that a test compares is appended, as section/name."""

MOST_FLIPPED = 1e-3
"""Share of a mask's bits that rounding may flip."""


@dataclass(frozen=True)
class ParityKit:
    """Goldens by section and name. folder: the kit's, None for the compact set."""

    folder: Path | None

    @cached_property
    def index(self) -> dict[str, dict[str, Any]]:
        """What is known of each tensor: shape, kind, tolerance, settings; in the compact set also every and max."""
        if self.folder is None:
            return dict(json.loads(_compact()["index"].tobytes()))
        return dict(json.loads((self.folder / "goldens.json").read_text())["files"])

    def names(self, section: str, prefix: str = "") -> list[str]:
        """The outputs of a section whose names begin so."""
        return [n for n, e in self.index[section].items() if e["kind"] == "output" and n.startswith(prefix)]

    def arrays(self, section: str) -> Mapping[str, Any]:
        """The tensors of a section that are there as a whole, as NumPy arrays. Do not write to them."""
        return _section(self.folder, section)

    def tensors(self, section: str) -> Mapping[str, Any]:
        """The same as torch tensors."""
        return _torch_section(self.folder, section)

    def published_keys(self, variant: int) -> dict[str, Any]:
        """Every key of a full-size checkpoint: its groups with shapes, types and origins."""
        if self.folder is None:
            return dict(json.loads(_compact()[f"keys_{variant}"].tobytes()))
        return dict(json.loads((self.folder / f"keys_{variant}.json").read_text()))

    @cached_property
    def prompts(self) -> list[str]:
        """The texts whose token ids are a golden."""
        if self.folder is None:
            return list(json.loads(_compact()["prompts"].tobytes()))
        return list(json.loads((self.folder / "goldens.json").read_text())["_readme"]["tokenizer_prompts"])

    def check(self, section: str, name: str, ours: Any) -> None:
        """Fail unless max|ours - golden| is within the stated absolute or relative tolerance."""
        entry, golden = self._golden(section, name)
        ours = np.asarray(ours, dtype=np.float64)
        assert list(ours.shape) == entry["shape"], f"{section}/{name}: {list(ours.shape)} against {entry['shape']}"
        error = float(np.abs(ours.ravel()[:: entry.get("every", 1)] - golden).max())
        tolerance, largest = entry["tolerance"], entry.get("max", float(np.abs(golden).max()))
        allowed = max(float(tolerance["abs"]), float(tolerance.get("rel_to_max", 0.0)) * largest)
        assert error <= allowed, f"{section}/{name}: differs by {error:.3g}, allowed {allowed:.3g}"
        self.held(section, name)

    def check_mask(self, section: str, name: str, ours: Any) -> None:
        """Fail unless the bits of a packed golden are those of boolean `ours`, but for a few at the border."""
        entry, golden = self._golden(section, name)
        packed = np.packbits(np.asarray(ours), axis=-1)
        assert list(packed.shape) == entry["shape"], f"{section}/{name}: {list(packed.shape)} against {entry['shape']}"
        different = packed.ravel()[:: entry.get("every", 1)] ^ golden.astype(np.uint8)
        flipped = int(np.unpackbits(different).sum()) / (ours.shape[-1] / packed.shape[-1] * len(golden))
        assert flipped <= MOST_FLIPPED, f"{section}/{name}: {flipped:.2%} of the bits differ"
        self.held(section, name)

    def held(self, section: str, name: str) -> None:
        """Say that a test compared this golden, in whatever way it did."""
        assert name in self.index[section], f"{section} has no {name}"
        if HELD in os.environ:
            with Path(os.environ[HELD]).open("a") as file:
                file.write(f"{section}/{name}\n")

    def _golden(self, section: str, name: str) -> tuple[dict[str, Any], Any]:
        """What is known of it, and its values, flat: every `every`-th."""
        if name not in self.index.get(section, {}):
            pytest.skip(f"{section}/{name} is in the parity kit alone; set REALCAM_PARITY_KIT")
        stored = _compact()[f"{section}/{name}"] if self.folder is None else self.arrays(section)[name]
        return self.index[section][name], np.asarray(stored, dtype=np.float64).ravel()


class _Whole(dict[str, Any]):
    """Tensors by name; a test that needs one that is not there is skipped, and says so."""

    def __missing__(self, name: str) -> Any:
        pytest.skip(f"{name} is in the parity kit alone; set REALCAM_PARITY_KIT")


@cache
def _compact() -> Any:
    return np.load(COMPACT)


@cache
def _section(folder: Path | None, section: str) -> Mapping[str, Any]:
    if folder is not None:
        loaded = pytest.importorskip("safetensors.numpy").load_file(folder / f"{section}.safetensors")
        return {name: _upcast(array) for name, array in loaded.items()}
    entries = ParityKit(None).index.get(section, {})
    whole = (name for name, entry in entries.items() if entry.get("every", 1) == 1)
    return _Whole({name: _upcast(_compact()[f"{section}/{name}"]) for name in whole})


@cache
def _torch_section(folder: Path | None, section: str) -> Mapping[str, Any]:
    torch = pytest.importorskip("torch", reason="torch is not installed: the model tests were not run")
    arrays = _section(folder, section)
    return type(arrays)({name: torch.from_numpy(array.copy()) for name, array in arrays.items()})


def _upcast(array: Any) -> Any:
    return array.astype(np.float32) if array.dtype == np.float16 else array


def unpack_mask(packed: Any, columns: int) -> Any:
    """A boolean torch mask [..., columns] from bits packed along the last axis."""
    torch = pytest.importorskip("torch")
    return torch.from_numpy(np.unpackbits(packed.numpy(), axis=-1)[..., :columns].astype(bool))
