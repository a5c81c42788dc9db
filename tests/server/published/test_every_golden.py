"""No number of the parity kit is left that no test compares."""

from __future__ import annotations

import os
import subprocess
import sys
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

from tests.server.published.parity import HELD, ParityKit

TESTS = Path(__file__).parents[2]

NOT_HELD = {
    "metrics/depth_scale.depth_map_seed_note": "a few pixels of a depth map that is not in the kit, for information",
    "encoders/tokenizer.ids": "held where CLIP's vocabulary is: REALCAM_CLIP_TOKENIZER, see test_tokenizer_parity.py",
    "full256_recipe/*": "held by test_recipe_parity.py::test_full_size_model, marked slow: 9 GB and minutes",
}
"""Goldens that the run below does not compare, and why."""


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_no_golden_is_left_unread(kit: ParityKit, parity_kit: Path, tmp_path: Path) -> None:
    """Runs every test that takes the kit once more, each writing down which goldens it compared."""
    pytest.importorskip("torch", reason="torch is not installed: the model tests were not run")
    files = [str(path) for path in sorted(TESTS.rglob("test_*.py")) if "ParityKit" in path.read_text()]
    files.remove(__file__)
    written = tmp_path / "held"
    environment = os.environ | {HELD: str(written), "REALCAM_PARITY_KIT": str(parity_kit)}
    subprocess.run([sys.executable, "-m", "pytest", "-n", "0", "-q", *files], env=environment, check=True)
    held = set(written.read_text().split())
    kits = (kit, ParityKit(parity_kit / "training"))
    outputs = {f"{section}/{name}" for k in kits for section in k.index for name in k.names(section)}
    reasons = {name: known_reason(name) for name in sorted(outputs - held)}
    left = [name for name, reason in reasons.items() if reason is None]
    assert not left, f"no test compares {left}"
    print(f"{len(outputs & held)} of {len(outputs)} goldens held; the others:", *reasons.items(), sep="\n  ")


def known_reason(name: str) -> str | None:
    """Why a golden is not compared, None where it should be."""
    return next((reason for pattern, reason in NOT_HELD.items() if fnmatchcase(name, pattern)), None)
