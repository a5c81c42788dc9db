"""The training step's bench: its styles compute the same, and a run that was stopped measures what is missing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="torch is not installed: the model tests were not run")
pytest.importorskip("diffusers", reason="diffusers is not installed: the model tests were not run")
pytest.importorskip("accelerate", reason="accelerate is not installed: the training was not run")

from server.bench.training import StepCase, measure  # noqa: E402
from server.commands.bench.training import compared, kept_or, measured, name  # noqa: E402
from server.training.trained_set import halve_frozen  # noqa: E402

COMMON: dict[str, Any] = {
    "dtype": "bfloat16", "threads": 1, "runs": 1, "network": "tiny", "device": "cpu", "limit_gib": 0.0,
}  # fmt: skip


def test_the_styles_take_the_same_step() -> None:
    case = StepCase(width=64, height=64, frames=2, dtype="float32", network="tiny", threads=torch.get_num_threads())
    ours, kept, plain = (
        measure(StepCase(**{**{f: getattr(case, f) for f in case.__struct_fields__}, "style": style}))
        for style in ("recompute", "kept", "plain")
    )
    assert ours.loss == kept.loss == pytest.approx(plain.loss, rel=1e-5)
    assert ours.tflop > 1.2 * kept.tflop, "a forward more"
    assert ours.held_gib == kept.held_gib > 0.0


def test_a_frozen_matrix_in_16_bits_gives_what_autocast_gives() -> None:
    torch.manual_seed(0)
    layer, x = torch.nn.Linear(24, 8), torch.randn(5, 24, requires_grad=True)
    layer.requires_grad_(False)
    found = []
    for dtype in (None, torch.bfloat16):
        halve_frozen(layer, dtype)
        x.grad = None
        with torch.autocast("cpu", dtype=torch.bfloat16):
            out = layer(x)
        out.float().square().sum().backward()
        assert x.grad is not None
        found.append((out.detach(), x.grad.clone()))
    assert layer.weight.dtype == torch.bfloat16
    assert layer.bias.dtype == torch.float32
    assert all(torch.equal(*pair) for pair in zip(*found, strict=True))


def figures(case: dict[str, Any]) -> dict[str, Any]:
    """A machine that holds the plain way up to 128 pixels."""
    if case["style"] == "plain" and case["width"] > 128:
        return {"case": case, "fits": False}
    seconds = {"recompute": 3.0, "kept": 2.0, "plain": 4.0}[case["style"]]
    return {
        "case": case, "fits": True, "seconds": [seconds], "forward_seconds": [1.0], "peak_gib": seconds,
        "held_gib": 1.0, "tflop": 5.0,
    }  # fmt: skip


def test_the_plain_way_at_the_largest_size_that_fits_and_ours_beside_it(tmp_path: Path) -> None:
    asked: list[str] = []

    def machine(case: dict[str, Any]) -> dict[str, Any]:
        asked.append(name(case))
        if len(asked) == 3:
            raise KeyboardInterrupt
        return figures(case)

    def run() -> dict[str, Any]:
        found = measured((256, 256, 16), COMMON, lambda case: kept_or(tmp_path, case, machine))
        return {name(figure["case"]): figure for figure in found}

    with pytest.raises(KeyboardInterrupt):
        run()
    steps = run()
    assert asked.count("256x256x16 bfloat16 recompute") == 1, "it was kept"
    assert [label.replace(" bfloat16", "") for label, found in steps.items() if found["fits"]] == [
        "256x256x16 recompute", "256x256x16 kept", "128x128x16 plain", "128x128x16 recompute", "128x128x16 kept",
    ]  # fmt: skip
    held = compared(steps, 100.0)
    assert held["ratios"]["128x128x16 bfloat16 kept"] == {
        "steps_per_forward": 2.0, "of_matrix_rate": 25.0, "times_as_fast": 2.0, "memory": 0.5,
    }  # fmt: skip
    assert held["bars"]["steps_per_forward_kept"]["at"] == "256x256x16 bfloat16 kept"
    assert set(held["bars"]) == {"peak_gib_recompute", "steps_per_forward_kept", "steps_per_forward_recompute"}
