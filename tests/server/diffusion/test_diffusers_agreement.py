"""Where diffusers' DDIMScheduler is the published sampler, and where it is not: why ours exists."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed: the model tests were not run")
diffusers = pytest.importorskip("diffusers", reason="diffusers is not installed: the comparison was not made")

from server.diffusion.ddim import ddim_plan, predict, step  # noqa: E402
from server.diffusion.schedule import ScheduleConfig, noise_schedule  # noqa: E402

STEPS = 25


def scheduler(zero_snr: bool, prediction: str):  # type: ignore[no-untyped-def]
    made = diffusers.DDIMScheduler(
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        clip_sample=False,
        set_alpha_to_one=False,
        timestep_spacing="trailing",
        rescale_betas_zero_snr=zero_snr,
        prediction_type=prediction,
    )
    made.set_timesteps(STEPS)
    return made


@pytest.mark.parametrize(("zero_snr", "prediction"), [(False, "eps"), (True, "v")])
def test_schedules_agree_to_float32(zero_snr: bool, prediction: str) -> None:
    theirs = scheduler(zero_snr, "epsilon" if prediction == "eps" else "v_prediction")
    ours = noise_schedule(ScheduleConfig(zero_terminal_snr=zero_snr))
    plan = ddim_plan(ours, STEPS, 1.0)
    assert theirs.timesteps.tolist() == plan.timesteps[::-1].tolist()
    error = np.abs(theirs.alphas_cumprod.double().numpy() - ours.alphas_cumprod)
    assert error.max() < 5e-6
    assert error.max() > 1e-8, "float32 all the way is not the published float64"


def test_steps_agree_away_from_the_ends() -> None:
    """eps, eta 1: the same step to float32, while a_prev is read from the next timestep's place."""
    theirs = scheduler(False, "epsilon")
    plan = ddim_plan(noise_schedule(ScheduleConfig()), STEPS, 1.0)
    generator = torch.Generator().manual_seed(0)
    latent, output, noise = (torch.randn((1, 4, 2, 8, 8), generator=generator) for _ in range(3))
    for index in (20, 10, 1):
        ours = step(plan, index, predict(plan, index, latent, output, "eps"), noise)
        other = theirs.step(output, int(plan.timesteps[index]), latent, eta=1.0, variance_noise=noise).prev_sample
        assert torch.allclose(ours, other, atol=2e-4), index


def test_no_dynamic_rescale_there() -> None:
    """The 512 weights want clean latents rescaled between steps, which diffusers' scheduler cannot do."""
    config = ScheduleConfig(zero_terminal_snr=True, base_scale=0.7)
    plan = ddim_plan(noise_schedule(config), STEPS, 1.0)
    theirs = scheduler(True, "v_prediction")
    generator = torch.Generator().manual_seed(0)
    latent, output = (torch.randn((1, 4, 2, 8, 8), generator=generator) for _ in range(2))
    index = 5
    assert plan.scale_prev[index] / plan.scale[index] > 1.02
    ours = predict(plan, index, latent, output, "v").clean
    other = theirs.step(output, int(plan.timesteps[index]), latent).pred_original_sample
    assert torch.allclose(ours, other * float(plan.scale_prev[index] / plan.scale[index]), atol=1e-4)
