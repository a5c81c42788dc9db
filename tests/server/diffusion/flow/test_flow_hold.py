"""How tightly each scheduler and style holds a scene, with a denoiser that is exact.

As in test_shaping_styles.py: the data are rows of 64 correlated normal values, so the best velocity is known in closed
form and what is wrong with a result is the scheduler's doing alone. The left half of a true row is held.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

pytest.importorskip("diffusers", reason="diffusers is not installed: the model tests were not run")

import torch
from diffusers import FlowMatchEulerDiscreteScheduler, UniPCMultistepScheduler
from torch import Tensor

from server.diffusion.flow.euler import HeldEuler
from server.diffusion.flow.hold import HoldSpan, HoldStyle, SceneHold, laid_over
from server.diffusion.flow.noise_level import level_of_step, level_of_timestep
from server.diffusion.flow.unipc import HeldUniPC
from server.diffusion.schedule import noise_schedule
from server.model.config import REALCAM_256, V_SCHEDULE

WIDTH, ROWS, CORRELATION, STEPS = 64, 300, 0.95, 50
SHAPE = (ROWS, 1, 1, 1, WIDTH)
COVARIANCE = CORRELATION ** (torch.arange(WIDTH)[:, None] - torch.arange(WIDTH)).abs().double()
WAN = {"use_flow_sigmas": True, "prediction_type": "flow_prediction", "flow_shift": 5.0}
"""Settings of the scheduler that Wan's pipelines are published with."""
PUBLISHED = level_of_timestep(noise_schedule(V_SCHEDULE), 900)

Scheduler = HeldUniPC | HeldEuler
Make = Callable[[], Scheduler]


def unipc() -> HeldUniPC:
    return HeldUniPC(**WAN)


def euler() -> HeldEuler:
    return HeldEuler.in_place_of(unipc())


def velocity(latent: Tensor, level: float) -> Tensor:
    """The exact velocity: noise minus the mean of the data given the noisy row."""
    noisy = (1 - level) ** 2 * COVARIANCE + level**2 * torch.eye(WIDTH).double()
    clean = latent.double() @ torch.linalg.solve(noisy, (1 - level) * COVARIANCE)
    return ((latent - clean) / level).float()


TRUTH = (
    torch.randn(ROWS, WIDTH, generator=torch.Generator().manual_seed(1)) @ torch.linalg.cholesky(COVARIANCE).float().T
).view(SHAPE)
NOISE = torch.randn(SHAPE, generator=torch.Generator().manual_seed(0))
SEEN = (torch.arange(WIDTH) < WIDTH // 2).float().expand(SHAPE)
FILLED = torch.where(SEEN == 1, TRUTH, TRUTH[..., WIDTH // 2 - 1 : WIDTH // 2])


def hold(style: HoldStyle, until: float, whole_until: float = 1.0) -> SceneHold:
    return SceneHold(FILLED, NOISE, SEEN, torch.ones(SHAPE), HoldSpan(style, until, whole_until))


def sampled(scheduler: Scheduler, edit: Callable[[Tensor, float], Tensor] = lambda latent, level: latent) -> Tensor:
    """What the denoiser makes of the noise; `edit` changes the latents between steps, as a callback does."""
    scheduler.set_timesteps(STEPS)
    latent = NOISE
    for index, timestep in enumerate(scheduler.timesteps):
        (latent,) = scheduler.step(
            velocity(latent, float(scheduler.sigmas[index])), timestep, latent, return_dict=False
        )
        latent = edit(latent, float(scheduler.sigmas[index + 1]))
    return latent


def distance(result: Tensor) -> float:
    """Root mean square distance of the left half to what it was held to."""
    return float((result - TRUTH)[..., : WIDTH // 2].square().mean().sqrt())


def held(make: Make, style: HoldStyle, until: float, whole_until: float = 1.0) -> Tensor:
    scheduler = make()
    scheduler.hold = hold(style, until, whole_until)
    return sampled(scheduler)


def test_the_published_setting_as_a_level_of_flow_matching() -> None:
    """Timestep 900 has the same signal-to-noise ratio at these levels, of the weights for 256 pixels and for 512 up."""
    assert level_of_timestep(noise_schedule(REALCAM_256.schedule), 900) == pytest.approx(0.893, abs=5e-4)
    assert pytest.approx(0.948, abs=5e-4) == PUBLISHED
    scheduler = unipc()
    scheduler.set_timesteps(STEPS)
    assert [level_of_step(n, STEPS, shift=5.0) for n in range(1, STEPS)] == pytest.approx(
        scheduler.sigmas[1:-1].tolist(), abs=1e-6
    )


@pytest.mark.parametrize("make", [unipc, euler])
@pytest.mark.parametrize("style", ["clean", "noisy", "dual"])
def test_what_is_held_for_longer_ends_nearer(make: Make, style: HoldStyle) -> None:
    """1.4 from the preview without a hold; at the published level, at 0.3, and to the end."""
    free, published, long, whole = (
        distance(sampled(make())),
        *(distance(held(make, style, until, 0.98)) for until in (PUBLISHED, 0.3, 0.0)),
    )
    assert published < 0.93 * free
    assert long < 0.3
    assert whole < 1e-5


@pytest.mark.parametrize("make", [unipc, euler])
def test_the_dual_clock_begins_everywhere_from_the_preview(make: Make) -> None:
    """Where nothing is seen, the result of the dual clock is nearer to the filled preview."""
    away = [float((held(make, style, 0.9, 0.95) - FILLED)[SEEN == 0].square().mean()) for style in ("noisy", "dual")]
    assert away[1] < 0.9 * away[0]


@pytest.mark.parametrize("make", [unipc, euler])
@pytest.mark.parametrize("style", ["clean", "noisy", "dual"])
def test_what_cannot_be_reached_is_left_to_the_pipeline(make: Make, style: HoldStyle) -> None:
    """A hold to the end leaves those latents as they were without it, given the same outputs of the network."""
    ends = []
    for reach in (torch.zeros(SHAPE), (torch.arange(WIDTH) >= 8).float().expand(SHAPE)):
        scheduler = make()
        scheduler.hold = SceneHold(FILLED, NOISE, SEEN * reach, reach, HoldSpan(style, 0.0, 0.9))
        scheduler.set_timesteps(STEPS)
        latent = NOISE
        for timestep in scheduler.timesteps:
            (latent,) = scheduler.step(torch.full(SHAPE, 0.25), timestep, latent, return_dict=False)
        ends.append(latent)
    assert torch.allclose(ends[0][..., :8], ends[1][..., :8], atol=1e-5)
    assert not torch.allclose(ends[0][..., 8:], ends[1][..., 8:], atol=0.1)


def test_a_callback_cannot_hold_under_unipc_and_the_scheduler_can() -> None:
    """The corrector drops what is laid over the latents between the steps: hardly any of the hold is left."""
    preview = hold("noisy", PUBLISHED)
    by_callback = sampled(unipc(), lambda latent, level: preview.over_noisy(level, latent))
    free, ours = distance(sampled(unipc())), distance(held(unipc, "noisy", PUBLISHED))
    assert free - distance(by_callback) < 0.05 * (free - ours)
    # Euler has no memory: there both are one.
    by_callback = sampled(euler(), lambda latent, level: preview.over_noisy(level, latent))
    assert distance(by_callback) == pytest.approx(distance(held(euler, "noisy", PUBLISHED)), abs=1e-5)


def test_without_a_hold_the_schedulers_are_those_of_diffusers() -> None:
    assert torch.equal(sampled(unipc()), sampled(UniPCMultistepScheduler(**WAN)))
    settings = {"shift": 3.0}
    assert torch.equal(sampled(HeldEuler(**settings)), sampled(FlowMatchEulerDiscreteScheduler(**settings)))


def test_euler_in_place_of_unipc_visits_its_levels() -> None:
    ours, plain = euler(), FlowMatchEulerDiscreteScheduler(shift=5.0)
    for scheduler in (ours, plain):
        scheduler.set_timesteps(4)
    theirs = unipc()
    theirs.set_timesteps(4)
    assert torch.allclose(ours.sigmas, theirs.sigmas, atol=2e-6)
    assert not torch.allclose(plain.sigmas, theirs.sigmas, atol=0.05)


@pytest.mark.parametrize("style", ["clean", "noisy"])
def test_tokens_with_timesteps_of_their_own_are_held_too(style: HoldStyle) -> None:
    """SANA-WM hands in tokens [B, N, C], the negative velocity, and timestep 0 for the tokens that are given."""
    shape = (2, 12, 3)
    noise, preview = torch.randn(2, *shape, generator=torch.Generator().manual_seed(2)).unbind()
    given = (torch.arange(12) < 4).float()
    reach = (1 - given)[None, :, None].expand(shape)
    seen = reach * (torch.arange(12) < 8)[None, :, None]
    tokens, whole = HeldEuler(shift=3.0), HeldEuler(shift=3.0)
    tokens.hold = whole.hold = SceneHold(preview, noise, seen, reach, HoldSpan(style, 0.5))
    tokens.set_timesteps(6)
    whole.set_timesteps(6)
    one = other = noise
    for timestep in whole.timesteps:
        output = one * 0.5
        (one,) = whole.step(output, timestep, one, return_dict=False)
        own = torch.min(timestep.expand(2, 12), (1 - given) * 1000.0)
        (other,) = tokens.step(-other * 0.5, timestep, other, per_token_timesteps=own, return_dict=False)
    assert torch.allclose(one[:, 4:], other[:, 4:], atol=1e-5)
    assert torch.equal(other[:, :4], noise[:, :4])


def test_laying_over_is_exact_on_both_sides() -> None:
    assert torch.equal(laid_over(FILLED, NOISE, SEEN), torch.where(SEEN == 1, FILLED, NOISE))
