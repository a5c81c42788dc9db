"""Schedules, DDIM coefficients and single guided steps against the published numbers."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed: the model tests were not run")

from server.diffusion import ddim, guidance  # noqa: E402
from server.diffusion.schedule import (  # noqa: E402
    ScheduleConfig,
    in_half_precision,
    noise_schedule,
)
from server.model.unet.layers import sinusoidal_embedding  # noqa: E402
from tests.server.published.checkpoint_buffers import checkpoint_buffers  # noqa: E402
from tests.server.published.parity import ParityKit  # noqa: E402

CONFIGS = {
    "eps256": ScheduleConfig(),
    "v512": ScheduleConfig(prediction="v", zero_terminal_snr=True, base_scale=0.7),
}
SCHEDULES = {name: noise_schedule(config) for name, config in CONFIGS.items()}


@pytest.mark.parametrize("variant", CONFIGS)
def test_schedule_and_buffers(kit: ParityKit, variant: str) -> None:
    schedule = SCHEDULES[variant]
    kit.check("schedule", f"{variant}.betas_f64", schedule.betas)
    name = f"{variant}.alphas_cumprod_f64"
    kit.check("schedule", name, schedule.alphas_cumprod)
    buffers = checkpoint_buffers(schedule, CONFIGS[variant])
    expected = {n.rsplit(".", 1)[1] for n in kit.names("schedule", f"{variant}.buffer.")}
    assert set(buffers) == expected
    for short, values in buffers.items():
        name = f"{variant}.buffer.{short}"
        kit.check("schedule", name, values)


@pytest.mark.parametrize("variant", CONFIGS)
@pytest.mark.parametrize("steps", [5, 25, 50])
@pytest.mark.parametrize("eta", [0, 1])
def test_ddim_coefficients(kit: ParityKit, variant: str, steps: int, eta: int) -> None:
    plan = ddim.ddim_plan(SCHEDULES[variant], steps, float(eta))
    name = f"{variant}.ddim{steps}"
    kit.check("schedule", f"{name}.timesteps", plan.timesteps)
    ours = {
        "ddim_sigmas": plan.sigmas,
        "ddim_alphas": plan.alphas,
        "ddim_alphas_prev": plan.alphas_prev,
        "ddim_sqrt_one_minus_alphas": np.sqrt(np.float32(1) - plan.alphas.astype(np.float32)),
        "dir_coef_f32": [ddim.direction_coefficient(plan, i) for i in range(steps)],
    }
    for short, values in ours.items():
        kit.check("schedule", f"{name}.eta{eta}.{short}", values)
    if variant == "v512":
        kit.check("schedule", f"{name}.scale_arr", plan.scale)
        kit.check("schedule", f"{name}.scale_arr_prev", plan.scale_prev)


@pytest.mark.parametrize("spacing", ["uniform", "uniform_trailing", "quad"])
@pytest.mark.parametrize("steps", [25, 30, 50])
def test_timesteps(kit: ParityKit, spacing: ddim.Spacing, steps: int) -> None:
    name = f"timesteps.{spacing}.{steps}"
    ours = ddim.ddim_timesteps(steps, spacing=spacing)
    kit.check("schedule", name, ours)


def test_demo_in_half_precision(kit: ParityKit) -> None:
    plan = ddim.ddim_plan(in_half_precision(SCHEDULES["eps256"], CONFIGS["eps256"]), 25, 1.0)
    ours = {"ddim_alphas": plan.alphas, "ddim_alphas_prev": plan.alphas_prev, "ddim_sigmas": plan.sigmas}
    for short, values in ours.items():
        kit.check("schedule", f"eps256.demo_fp16_buffers.ddim25.eta1.{short}", values)


def test_demo_in_half_precision_with_zero_snr() -> None:
    """Only the scale of the latents is rounded: 0.7 becomes 0.7002."""
    half = in_half_precision(SCHEDULES["v512"], CONFIGS["v512"])
    assert np.array_equal(half.alphas_cumprod, SCHEDULES["v512"].alphas_cumprod)
    assert half.latent_scale[-1] == pytest.approx(0.7002, abs=2e-5)


def test_timestep_embedding(kit: ParityKit) -> None:
    times = kit.tensors("schedule")["timestep_embedding.t"]
    kit.check("schedule", "timestep_embedding.dim320", sinusoidal_embedding(times, 320))


def test_guidance(kit: ParityKit) -> None:
    g = kit.tensors("guidance")
    plain = guidance.classifier_free(g["e_cond"], g["e_uncond"], 7.5)
    kit.check("guidance", "cfg7.5", plain)
    kit.check("guidance", "cfg7.5_rescale0.7", guidance.rescaled(plain, g["e_cond"], 0.7))


STEP_GUIDANCE = {
    "cfg": guidance.GuidanceConfig(scale=7.5, rescale=0.7),
    "nocfg": guidance.GuidanceConfig(scale=1.0, rescale=0.7),
    "cameracfg2_constant": guidance.GuidanceConfig(scale=7.5, rescale=0.7, camera_scale=2.0),
    "cameracfg2_cosine": guidance.GuidanceConfig(scale=7.5, rescale=0.7, camera_scale=2.0, camera_schedule="cosine"),
}


@pytest.mark.parametrize("model", ["eps", "v"])
@pytest.mark.parametrize(("where", "index"), [("first", 4), ("mid", 2), ("last", 0)])
@pytest.mark.parametrize("kind", STEP_GUIDANCE)
def test_one_guided_step(kit: ParityKit, model: ddim.Prediction, where: str, index: int, kind: str) -> None:
    g = kit.tensors("guidance")
    plan = ddim.ddim_plan(SCHEDULES["eps256" if model == "eps" else "v512"], 5, 1.0)
    output = guidance.guide(
        STEP_GUIDANCE[kind], int(plan.timesteps[index]), g["e_cond"], g["e_uncond"], g["e_cond_nocam"]
    )
    check_step(kit, plan, index, output, model, f"step.{model}.{where}.{kind}")


def test_text_and_image_guidance(kit: ParityKit) -> None:
    g = kit.tensors("guidance")
    plan = ddim.ddim_plan(SCHEDULES["eps256"], 5, 1.0)
    config = guidance.GuidanceConfig(scale=7.5, image_scale=3.0, rescale=0.7)
    timestep = int(plan.timesteps[2])
    output = guidance.guide(config, timestep, g["e_cond"], g["e_uncond"], image_only=g["e_uncond_img"])
    check_step(kit, plan, 2, output, "eps", "step.eps.mid.multicond_text7.5_img3")


def check_step(
    kit: ParityKit, plan: ddim.DdimPlan, index: int, output: torch.Tensor, model: ddim.Prediction, name: str
) -> None:
    g = kit.tensors("guidance")
    predicted = ddim.predict(plan, index, g["x"], output, model)
    kit.check("guidance", f"{name}.pred_x0", predicted.clean)
    kit.check("guidance", f"{name}.x_prev", ddim.step(plan, index, predicted, g["noise"]))
