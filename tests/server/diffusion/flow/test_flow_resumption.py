"""A run that was stopped goes on to the same bytes: the scheduler's memory is all there is beside the latents."""

from __future__ import annotations

import pytest

pytest.importorskip("diffusers", reason="diffusers is not installed: the model tests were not run")

import torch
from safetensors.torch import load, save
from torch import Tensor

from blender_addon.core.errors import EngineError
from server.diffusion.flow.euler import HeldEuler
from server.diffusion.flow.hold import HoldSpan, SceneHold
from server.diffusion.flow.solver_state import solver_state
from server.diffusion.flow.unipc import HeldUniPC

STEPS = 7
SHAPE = (1, 4, 3, 6, 8)
NOISE, PREVIEW, WEIGHT = torch.randn(3, *SHAPE, generator=torch.Generator().manual_seed(3)).unbind()
SEEN = (WEIGHT > 0).float()
SPANS = [None, HoldSpan("clean", 0.8), HoldSpan("noisy", 0.8), HoldSpan("dual", 0.8, 0.95)]


def scheduler(kind: type, span: HoldSpan | None) -> HeldUniPC | HeldEuler:
    settings = {"use_flow_sigmas": True, "prediction_type": "flow_prediction", "flow_shift": 3.0}
    made = HeldUniPC(**settings) if kind is HeldUniPC else HeldEuler(shift=3.0)
    made.hold = None if span is None else SceneHold(PREVIEW, NOISE, SEEN, torch.ones(SHAPE), span)
    return made


def run(made: HeldUniPC | HeldEuler, latent: Tensor, stop_after: int = STEPS) -> Tensor:
    """The latents after so many steps, in the way that a pipeline's loop takes them."""
    made.set_timesteps(STEPS, device="cpu")
    for timestep in made.timesteps[:stop_after]:
        output = torch.tanh(latent * WEIGHT + float(timestep) / 1000)
        (latent,) = made.step(output, timestep, latent, return_dict=False)
    return latent


@pytest.mark.parametrize("kind", [HeldUniPC, HeldEuler])
@pytest.mark.parametrize("span", SPANS, ids=str)
def test_resumed_is_uninterrupted_to_the_bit(kind: type, span: HoldSpan | None) -> None:
    whole = run(scheduler(kind, span), NOISE)
    for stop in range(1, STEPS + 1):
        first = scheduler(kind, span)
        latent = run(first, NOISE, stop)
        file = save({"latent": latent} | first.state.tensors())
        kept = load(file)
        second = scheduler(kind, span)
        second.start = solver_state(kept)
        assert second.start.done == stop
        assert torch.equal(run(second, kept["latent"]), whole)


def test_a_state_of_other_noise_levels_is_refused_in_words() -> None:
    first, second = scheduler(HeldUniPC, None), scheduler(HeldUniPC, None)
    run(first, NOISE, 2)
    second.start = first.state
    with pytest.raises(EngineError, match="cannot be continued"):
        second.set_timesteps(STEPS + 1)
