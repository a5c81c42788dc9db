"""The engines' bench: a clip by the engine and by the pipeline's call alone, both ways of choosing a plan."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed: the model tests were not run")
pytest.importorskip("diffusers", reason="diffusers is not installed: the model tests were not run")
pytest.importorskip("accelerate", reason="accelerate is not installed: the engines were not run")

from server.bench.engines.clip import EngineCase, measure  # noqa: E402
from server.bench.engines.network_clock import LOADING, NETWORK, NetworkClock  # noqa: E402
from server.bench.engines.published_vace import published_networks  # noqa: E402
from server.commands.bench.engines import compared, held  # noqa: E402
from server.engines.pipelines.memory.sizes import SIZES  # noqa: E402


def figures(plan: str, bytes_on_card: float, step_seconds: list[float]) -> dict[str, Any]:
    """As measured on a card."""
    span = {"seconds": 1.0, "processor": 1.0}
    return {
        "device": "cuda", "plan": plan, "plan_bytes": 9.0, "card_bytes": bytes_on_card, "peak_bytes": 1.0,
        "step_seconds": step_seconds, "outside": {"Decoding": span}, "network": span,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("engine", "width", "height", "plan"),
    [
        ("vace", 128, 96, "whole-tiled"),
        pytest.param("wan-i2v", 320, 192, "", marks=pytest.mark.slow),
        pytest.param("sana-wm", 128, 96, "", marks=pytest.mark.slow),
    ],
)
def test_each_stage_outside_the_network_is_told_beside_the_pipelines_own_call(
    engine: str, width: int, height: int, plan: str
) -> None:
    """A plan that is named is taken as for published weights, by the engine and alone."""
    case = EngineCase(engine=engine, width=width, height=height, frames=9, plan=plan, threads=torch.get_num_threads())
    ours, alone = measure(case), measure(msgspec.structs.replace(case, style="plain"))
    assert ours.plan == alone.plan == (plan or "whole")
    assert {"Fitting the shot", "Encoding the shot", "Decoding", "Laying the photo back"} <= set(ours.outside)
    assert {LOADING, NETWORK}.isdisjoint(ours.outside)
    assert all(made.network.seconds > 0 and len(made.step_seconds) == 1 for made in (ours, alone))
    found = compared(msgspec.to_builtins(ours), msgspec.to_builtins(alone))
    assert 0 < found["outside_share"] < 1
    assert "plan_fits" not in found, "the processor's"
    assert set(held([found])) == {"outside_seconds", "added_gb"}


def test_on_a_card_the_bars_are_ratios_and_the_plan_is_held_to_what_was_calculated() -> None:
    found = compared(figures("model", 8.0, [2.0, 4.0]), figures("model", 4.0, [2.0]))
    assert found["plan_fits"]
    assert not compared(figures("model", 10.0, [2.0]), figures("model", 4.0, [2.0]))["plan_fits"]
    assert held([found]) == {
        "steps_of_plain": {"value": 1.5, "at_most": 1.05},
        "card_memory_of_plain": {"value": 2.0, "at_most": 1.05},
    }


def test_the_network_of_published_size_has_the_parameters_that_plans_count_with() -> None:
    with torch.device("meta"):
        networks = published_networks()
    counted = [sum(parameter.numel() for parameter in network.parameters()) for network in networks]
    assert counted == pytest.approx([SIZES["vace"].transformer, SIZES["vace"].vae], rel=0.01)


def test_time_goes_to_the_innermost_that_is_clocked() -> None:
    clock = NetworkClock(torch.device("cpu"), "first")
    with clock.within(NETWORK), clock.within(NETWORK):
        clock.report("from within")
    clock.report("second")
    with clock.within(LOADING):
        pass
    clock.stage("")
    assert list(clock.outside) == ["first", "second"]
    assert clock.network.seconds > 0
