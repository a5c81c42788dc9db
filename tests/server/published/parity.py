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
    """Goldens by section and name. folder: the kit's, None for the compact set, which is in the file `compact`."""

    folder: Path | None
    compact: Path = COMPACT

    @cached_property
    def index(self) -> dict[str, dict[str, Any]]:
        """What is known of each tensor: shape, kind, tolerance, settings; in the compact set also every and max."""
        if self.folder is None:
            return dict(json.loads(_compact(self.compact)["index"].tobytes()))
        return dict(json.loads((self.folder / "goldens.json").read_text())["files"])

    def names(self, section: str, prefix: str = "") -> list[str]:
        """The outputs of a section whose names begin so."""
        return [n for n, e in self.index[section].items() if e["kind"] == "output" and n.startswith(prefix)]

    def arrays(self, section: str) -> Mapping[str, Any]:
        """The tensors of a section that are there as a whole, as NumPy arrays. Do not write to them."""
        return _section(self, section)

    def tensors(self, section: str) -> Mapping[str, Any]:
        """The same as torch tensors."""
        return _torch_section(self, section)

    def published_keys(self, variant: int) -> dict[str, Any]:
        """Every key of a full-size checkpoint: its groups with shapes, types and origins."""
        if self.folder is None:
            return dict(json.loads(_compact(self.compact)[f"keys_{variant}"].tobytes()))
        return dict(json.loads((self.folder / f"keys_{variant}.json").read_text()))

    def trained(self, model: str) -> list[tuple[str, list[int]]]:
        """Names and shapes of the tensors that the published training moves, of the "256" or the "tiny" model."""
        name = f"trainable_{model}"
        if self.folder is None:
            return list(json.loads(_compact(self.compact)[name].tobytes())["tensors"])
        return list(json.loads((self.folder / f"{name}.json").read_text())["tensors"])

    @cached_property
    def prompts(self) -> list[str]:
        """The texts whose token ids are a golden."""
        if self.folder is None:
            return list(json.loads(_compact(self.compact)["prompts"].tobytes()))
        return list(json.loads((self.folder / "goldens.json").read_text())["_readme"]["tokenizer_prompts"])

    def check(self, section: str, name: str, ours: Any) -> None:
        """Fail unless ours is within the stated tolerance of the golden, see `misfit`."""
        entry, golden = self._golden(section, name)
        ours = np.asarray(ours, dtype=np.float64)
        assert list(ours.shape) == entry["shape"], f"{section}/{name}: {list(ours.shape)} against {entry['shape']}"
        largest = entry.get("max", float(np.abs(golden).max()))
        reason = misfit(ours.ravel()[:: entry.get("every", 1)], golden, entry["tolerance"], largest)
        assert not reason, f"{section}/{name}: {reason}"
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
        stored = _compact(self.compact)[f"{section}/{name}"] if self.folder is None else self.arrays(section)[name]
        return self.index[section][name], np.asarray(stored, dtype=np.float64).ravel()


class _Whole(dict[str, Any]):
    """Tensors by name; a test that needs one that is not there is skipped, and says so."""

    def __missing__(self, name: str) -> Any:
        pytest.skip(f"{name} is in the parity kit alone; set REALCAM_PARITY_KIT")


def misfit(ours: Any, golden: Any, tolerance: Mapping[str, float], largest: float) -> str:
    """What is wrong with ours, "" when it is within tolerance.

    Args:
        ours: flat.
        golden: flat.
        tolerance: abs and rel_to_max are alternatives; rel is of each element; rel_norm is of the whole, and a
            rel_to_max beside it must hold as well; so must mean_abs and max.
        largest: max|golden| of the whole tensor.
    """
    difference = np.abs(ours - golden)
    error = float(difference.max())
    if "rel_norm" in tolerance:
        norm, allowed = float(np.linalg.norm(difference)), tolerance["rel_norm"] * float(np.linalg.norm(golden)) + 1e-9
        if norm > allowed:
            return f"the difference's norm is {norm:.3g}, allowed {allowed:.3g}"
    if "mean_abs" in tolerance and float(difference.mean()) > tolerance["mean_abs"]:
        return f"differs by {difference.mean():.3g} in the mean, allowed {tolerance['mean_abs']:.3g}"
    if "rel" in tolerance:
        over = float((difference - tolerance["rel"] * np.abs(golden)).max())
        return "" if over <= tolerance.get("abs", 0.0) else f"differs by {error:.3g}"
    floor = tolerance.get("abs", tolerance.get("max", 1e-9))
    allowed = max(floor, tolerance.get("rel_to_max", 0.0) * largest)
    return "" if error <= allowed else f"differs by {error:.3g}, allowed {allowed:.3g}"


@cache
def _compact(file: Path) -> Any:
    return np.load(file)


@cache
def _section(kit: ParityKit, section: str) -> Mapping[str, Any]:
    if kit.folder is not None:
        loaded = pytest.importorskip("safetensors.numpy").load_file(kit.folder / f"{section}.safetensors")
        return {name: _upcast(array) for name, array in loaded.items()}
    whole = (name for name, entry in kit.index.get(section, {}).items() if entry.get("every", 1) == 1)
    return _Whole({name: _upcast(_compact(kit.compact)[f"{section}/{name}"]) for name in whole})


@cache
def _torch_section(kit: ParityKit, section: str) -> Mapping[str, Any]:
    torch = pytest.importorskip("torch", reason="torch is not installed: the model tests were not run")
    arrays = _section(kit, section)
    return type(arrays)({name: torch.from_numpy(array.copy()) for name, array in arrays.items()})


def _upcast(array: Any) -> Any:
    return array.astype(np.float32) if array.dtype == np.float16 else array


def unpack_mask(packed: Any, columns: int) -> Any:
    """A boolean torch mask [..., columns] from bits packed along the last axis."""
    torch = pytest.importorskip("torch")
    return torch.from_numpy(np.unpackbits(packed.numpy(), axis=-1)[..., :columns].astype(bool))
