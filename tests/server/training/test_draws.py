"""The random draws of a sample: which of them a shift of the timesteps moves."""

from __future__ import annotations

from dataclasses import fields

import pytest

torch = pytest.importorskip("torch", reason="torch is not installed: the model tests were not run")
pytest.importorskip("diffusers", reason="diffusers is not installed: the model tests were not run")

from server.model.config import NANO  # noqa: E402
from server.training.draws import STYLES, StepDraws, draw_step, sample_generator, shifted  # noqa: E402


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


def test_the_first_frame_is_the_condition_but_where_frames_are_continued() -> None:
    def drawn(first: bool) -> list[StepDraws]:
        mix = {"repeat": 0.5, "continue": 0.5}
        return [draw_step(sample_generator(3, 1, i), NANO, 16, (1, 1), mix, 1.0, first) for i in range(40)]

    for fixed, free in zip(drawn(first=True), drawn(first=False), strict=True):
        continued = STYLES[int(free.style)] == "continue"
        assert int(fixed.reference) == (int(free.reference) if continued else 0)
        assert torch.equal(fixed.noise, free.noise)
        assert torch.equal(fixed.style, free.style)
    assert {STYLES[int(draws.style)] for draws in drawn(first=True)} == {"repeat", "continue"}
