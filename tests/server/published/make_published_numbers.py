"""Makes the compact set of published numbers of the parity kit, for clones that do not have it.

    python -m tests.server.published.make_published_numbers PARITY_KIT

Kept are the inputs, and of each output up to SAMPLES values, evenly taken; the weights of the reduced and the recipe
models follow from their names (recipe.py). What would make the file too large is left out, by name, below.
"""

from __future__ import annotations

import fnmatch
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load_file

from tests.server.published.parity import COMPACT

SAMPLES = 128

SECTIONS = (
    "geometry", "pose_encoder", "unet", "encoders", "vae", "schedule", "guidance", "sampler", "scene_mask",
    "conditioning", "preprocess", "metrics", "trajectory", "scene_render", "eps_probe", "unet_recipe", "full256_recipe",
)  # fmt: skip

LEFT_OUT = (
    # One picture of three; the other two are large in a smaller file.
    "encoders/image.img96x160.*",
    "scene_render/render.[cfpw]*",
    # Runs whose settings the kept ones have among them, or single guided steps.
    "sampler/eps_camera_shaping600.*",
    "sampler/eps_cameracfg2_*",
    "sampler/eps_nocamera_eta0.*",
    "sampler/eps_cfg1_camera.*",
    "sampler/v_nocamera_eta0.*",
    "sampler/v_camera_eta1.*",
    # No test reads them: see tests/server/published/test_every_golden.py.
    "metrics/depth_scale.depth_map_seed_note",
)

READ_AS_INPUTS = (
    "geometry/unet128_B2.epipolar_mask_*_packed",
    "geometry/*.depth_scale",
    "sampler/v_camera_shaping600.model_outputs",
    "metrics/*",
    "trajectory/*",
    "scene_render/render.splat_levels",
)
"""Outputs that tests read as a whole."""

COPIED = (
    *("kind", "shape", "tolerance", "settings"),
    *("dropout_places_in_order", "tensors_with_nonzero_gradient"),
)
"""What the index keeps of a tensor."""


def compact(kit: Path) -> dict[str, Any]:
    """The arrays of the compact set by name, `index` among them."""
    goldens = json.loads((kit / "goldens.json").read_text())
    arrays: dict[str, Any] = {
        f"keys_{v}": as_bytes(json.loads((kit / f"keys_{v}.json").read_text())) for v in (256, 512)
    }
    arrays |= reduced(kit, SECTIONS, LEFT_OUT, READ_AS_INPUTS)
    return arrays | {"prompts": as_bytes(goldens["_readme"]["tokenizer_prompts"])}


def reduced(
    kit: Path, sections: tuple[str, ...], left_out: tuple[str, ...], read_as_inputs: tuple[str, ...]
) -> dict[str, Any]:
    """Inputs whole, outputs by a few of their values, and `index`, what is known of them.

    Args:
        kit: folder of goldens.json.
        sections: to keep.
        left_out: patterns of section/name.
        read_as_inputs: patterns of outputs that are kept whole.
    """
    index = json.loads((kit / "goldens.json").read_text())["files"]
    arrays: dict[str, Any] = {}
    kept: dict[str, dict[str, Any]] = {}
    for section in sections:
        kept[section] = {}
        for name, array in load_file(kit / f"{section}.safetensors").items():
            full = f"{section}/{name}"
            if _any(full, left_out):
                continue
            entry = {key: index[section][name][key] for key in COPIED if key in index[section][name]}
            every = _stride(full, entry, array, read_as_inputs)
            if every > 1:
                entry |= {"every": every, "max": float(np.abs(array.astype(np.float64)).max())}
            kept[section][name] = entry
            arrays[full] = array.ravel()[::every] if every > 1 else array
    return arrays | {"index": as_bytes(kept)}


def _stride(name: str, entry: dict[str, Any], array: Any, read_as_inputs: tuple[str, ...]) -> int:
    """Which values are kept: every so many-th. Odd, so that no axis of even length is always met at one place."""
    if entry["kind"] == "input" or array.size <= SAMPLES or _any(name, read_as_inputs):
        return 1
    return int(array.size // SAMPLES | 1)


def _any(name: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)


def as_bytes(value: Any) -> Any:
    """A value as JSON in an array of bytes."""
    return np.frombuffer(json.dumps(value, separators=(",", ":")).encode(), np.uint8)


if __name__ == "__main__":
    np.savez_compressed(COMPACT, **compact(Path(sys.argv[1])))
    print(f"{COMPACT}: {COMPACT.stat().st_size / 1e6:.2f} MB")
