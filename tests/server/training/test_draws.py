"""The random draws of a sample: which of them a shift of the timesteps moves."""

from __future__ import annotations

from dataclasses import fields

import pytest

torch = pytest.importorskip("torch", reason="torch is not installed: the model tests were not run")
pytest.importorskip("diffusers", reason="diffusers is not installed: the model tests were not run")

from server.model.config import NANO  # noqa: E402
from server.training.draws import StepDraws, draw_step, sample_generator, shifted  # noqa: E402


def test_a_shift_moves_the_timestep_alone() -> None:
    def draws(shift: float) -> StepDraws:
        return draw_step(sample_generator(3, 1, 4), NANO, 2, (1, 1), {"repeat": 0.5, "continue": 0.5}, shift)

    even, moved = draws(1.0), draws(20.0)
    assert int(moved.timestep) > int(even.timestep)
    for field in fields(StepDraws):
        if field.name != "timestep":
            assert torch.equal(getattr(even, field.name), getattr(moved, field.name)), field.name


def test_a_shift_keeps_to_the_schedule_and_to_the_order() -> None:
    steps = torch.arange(NANO.schedule.steps)
    moved = shifted(steps, NANO, 4.0)
    assert torch.equal(moved, moved.sort().values)
    assert (int(moved[0]), int(moved[-1])) == (1, 999)
    assert int(moved[500]) == 800, "half of the timesteps lie above 4 * 0.5 / (1 + 3 * 0.5) = 0.8"
    assert torch.equal(shifted(steps, NANO, 1.0), steps)
