"""Where diffusers' DDIMScheduler is the published sampler, and where it is not: why ours exists."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed: the model tests were not run")
diffusers = pytest.importorskip("diffusers", reason="diffusers is not installed: the comparison was not made")

from server.diffusion.ddim import Prediction, ddim_plan, ddim_timesteps, predict, step  # noqa: E402
from server.diffusion.schedule import ScheduleConfig, noise_schedule  # noqa: E402

EPS, V = ScheduleConfig(), ScheduleConfig(prediction="v", zero_terminal_snr=True)


def scheduler(config: ScheduleConfig, steps: int) -> Any:
    made = diffusers.DDIMScheduler(
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        clip_sample=False,
        set_alpha_to_one=False,
        timestep_spacing="trailing",
        rescale_betas_zero_snr=config.zero_terminal_snr,
        prediction_type={"eps": "epsilon", "v": "v_prediction"}[config.prediction],
    )
    made.set_timesteps(steps)
    return made


def differences(config: ScheduleConfig, steps: int, eta: float) -> list[float]:
    """How far each of their steps lands from ours, relative to the largest value; in the order of sampling."""
    theirs, plan = scheduler(config, steps), ddim_plan(noise_schedule(config), steps, eta)
    generator = torch.Generator().manual_seed(0)
    latent, output, noise = (torch.randn((1, 4, 2, 8, 8), generator=generator) for _ in range(3))
    prediction: Prediction = config.prediction
    found = []
    for index in reversed(range(len(plan))):
        ours = step(plan, index, predict(plan, index, latent, output, prediction), noise)
        other = theirs.step(output, int(plan.timesteps[index]), latent, eta=eta, variance_noise=noise).prev_sample
        found.append(float((ours - other).abs().max() / ours.abs().max()))
    return found


@pytest.mark.parametrize("config", [EPS, V], ids=["eps", "v"])
def test_schedules_agree_to_float32(config: ScheduleConfig) -> None:
    error = np.abs(scheduler(config, 25).alphas_cumprod.double().numpy() - noise_schedule(config).alphas_cumprod)
    assert 1e-8 < error.max() < 1e-6, "float32 all the way is not the published float64"


@pytest.mark.parametrize("steps", [1, 5, 25, 50])
@pytest.mark.parametrize("eta", [0.0, 1.0])
def test_the_same_sampler_for_eps_when_steps_divide_the_schedule(steps: int, eta: float) -> None:
    """The last step too, to alphas_cumprod[0]."""
    assert max(differences(EPS, steps, eta)) < 2e-6


def test_not_when_they_do_not() -> None:
    """They take the timestep before by integer division: a step of 33, where ours are 33 and 34."""
    assert max(differences(EPS, 30, 1.0)) > 5e-3


def test_zero_snr_with_noise_begins_with_nan_there() -> None:
    """What is left for the direction cancels to just below 0 at the first step, and they take its root."""
    first, *rest = differences(V, 25, 1.0)
    assert np.isnan(first)
    assert max(rest) < 2e-6


def test_some_counts_step_beyond_the_schedule_there() -> None:
    for steps, beyond in ((25, False), (61, True)):
        theirs = scheduler(EPS, steps).timesteps.tolist()
        assert (theirs[-1] == -1) == beyond
        assert theirs[:steps] == ddim_timesteps(steps)[::-1].tolist()


def test_no_dynamic_rescale_there() -> None:
    """The 512 weights want clean latents rescaled between steps, which diffusers' scheduler cannot do."""
    config = ScheduleConfig(prediction="v", zero_terminal_snr=True, base_scale=0.7)
    plan = ddim_plan(noise_schedule(config), 25, 1.0)
    theirs = scheduler(V, 25)
    generator = torch.Generator().manual_seed(0)
    latent, output = (torch.randn((1, 4, 2, 8, 8), generator=generator) for _ in range(2))
    index = 5
    assert plan.scale_prev[index] / plan.scale[index] > 1.02
    ours = predict(plan, index, latent, output, "v").clean
    other = theirs.step(output, int(plan.timesteps[index]), latent).pred_original_sample
    assert torch.allclose(ours, other * float(plan.scale_prev[index] / plan.scale[index]), atol=1e-4)
