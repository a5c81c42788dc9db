"""What shaping, guidance and the loop promise, with a network made up for the purpose."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

torch = pytest.importorskip("torch", reason="torch is not installed: the model tests were not run")

from server.diffusion.ddim import ddim_plan  # noqa: E402
from server.diffusion.guidance import (  # noqa: E402
    CameraSchedule,
    GuidanceConfig,
    camera_weight,
    classifier_free,
    guide,
    rescaled,
    text_and_image,
)
from server.diffusion.sampler import Branch, SamplerConfig, SeededNoise, branches_of, sample  # noqa: E402
from server.diffusion.schedule import ScheduleConfig, noise_schedule  # noqa: E402
from server.diffusion.shaping import FixedLatents, SceneShaping, ShapingStyle, Threshold  # noqa: E402

SHAPE = (1, 4, 6, 8, 8)
CONFIGS = {
    "eps": ScheduleConfig(),
    "v": ScheduleConfig(prediction="v", zero_terminal_snr=True, base_scale=0.7),
}


def network(latent: torch.Tensor, timestep: int, branches: Sequence[Branch]) -> list[torch.Tensor]:
    """Something bounded that depends on everything."""
    return [torch.tanh(latent * (0.5 + 0.1 * i) + timestep / 1000) for i, _ in enumerate(branches)]


def run(model: str, constraints: Sequence[object] = (), eta: float = 1.0, seed: int = 0, shape=SHAPE):  # type: ignore[no-untyped-def]
    config = CONFIGS[model]
    plan = ddim_plan(noise_schedule(config), 10, eta)
    sampler = SamplerConfig(config.prediction, GuidanceConfig(scale=3.0))
    return sample(network, plan, sampler, shape, SeededNoise(seed), constraints)  # type: ignore[arg-type]


@pytest.fixture
def scene() -> torch.Tensor:
    return torch.randn(SHAPE, generator=torch.Generator().manual_seed(9))


@pytest.mark.parametrize("model", CONFIGS)
def test_full_mask_to_the_end_is_the_preview(model: str, scene: torch.Tensor) -> None:
    shaping = SceneShaping(scene, torch.ones(SHAPE), Threshold(0), "clean")
    assert torch.allclose(run(model, [shaping]), scene)


@pytest.mark.parametrize("style", ["noisy", "clean"])
@pytest.mark.parametrize("model", CONFIGS)
def test_empty_mask_and_high_threshold_change_nothing(model: str, style: ShapingStyle, scene: torch.Tensor) -> None:
    free = run(model)
    none = SceneShaping(scene, torch.ones(SHAPE), Threshold(1001), style)
    assert torch.equal(run(model, [none]), free)
    if style == "clean":
        # The noisy style draws noise of its own even where the mask is empty, as the published code does.
        empty = SceneShaping(scene, torch.zeros(SHAPE), Threshold(0), style)
        assert torch.allclose(run(model, [empty]), free)


def test_shaping_leaves_the_rest_to_the_network(scene: torch.Tensor) -> None:
    """Our network looks at each latent alone: where the mask is 0 the same seed gives the same result."""
    mask = torch.zeros(SHAPE)
    mask[..., :4] = 1.0
    shaping = SceneShaping(scene, mask, Threshold(0), "clean")
    config = SamplerConfig("eps", GuidanceConfig(scale=1.0))
    plan = ddim_plan(noise_schedule(CONFIGS["eps"]), 10, 1.0)
    held = sample(network, plan, config, SHAPE, SeededNoise(0), [shaping])
    free = sample(network, plan, config, SHAPE, SeededNoise(0))
    assert torch.equal(held[..., 4:], free[..., 4:])
    assert torch.allclose(held[..., :4], scene[..., :4])


def test_threshold_units() -> None:
    plan = ddim_plan(noise_schedule(CONFIGS["eps"]), 10, 1.0)
    by_step, by_noise = Threshold(900), Threshold(0.99, "noise")
    assert [t for t in range(1000) if by_step.active(plan, t)] == list(range(900, 1000))
    steps = [t for t in range(1000) if by_noise.active(plan, t)]
    assert steps == list(range(steps[0], 1000))
    assert (1 - plan.alphas_cumprod[steps[0]]) ** 0.5 >= 0.99 > (1 - plan.alphas_cumprod[steps[0] - 1]) ** 0.5


@pytest.mark.parametrize("model", CONFIGS)
def test_known_frames_are_kept(model: str, scene: torch.Tensor) -> None:
    result = run(model, [FixedLatents(scene, (0, 1, 4))])
    assert torch.equal(result[:, :, [0, 1, 4]], scene[:, :, [0, 1, 4]])
    assert not torch.isclose(result[:, :, 2], scene[:, :, 2]).all()


@pytest.mark.parametrize("schedule", ["constant", "cosine"])
def test_camera_guidance_is_right_for_every_batch(schedule: CameraSchedule) -> None:
    """The published cosine lines up with the channels when the batch is larger than one."""
    config = GuidanceConfig(scale=4.0, image_scale=2.0, camera_scale=2.0, camera_schedule=schedule)
    outputs = [torch.randn((3, 4, 2, 8, 8), generator=torch.Generator().manual_seed(i)) for i in range(4)]
    together = guide(config, 700, *outputs)
    for i in range(3):
        alone = guide(config, 700, *(o[i : i + 1] for o in outputs))
        assert torch.allclose(together[i : i + 1], alone, atol=1e-5)


def test_each_guidance_works_without_the_others() -> None:
    """Guidance towards the camera alone needs two outputs; none needs one, which it returns as it is."""
    with_all, without_prompt, without_camera, words_alone = (
        torch.randn(SHAPE, generator=torch.Generator().manual_seed(i)) for i in range(4)
    )
    none = GuidanceConfig(scale=1.0, rescale=0.0)
    assert branches_of(none) == ("conditional",)
    assert guide(none, 500, with_all) is with_all
    camera = replace(none, camera_scale=3.0)
    assert branches_of(camera) == ("conditional", "no_camera")
    assert torch.allclose(
        guide(camera, 500, with_all, no_camera=without_camera), with_all + 2 * (with_all - without_camera), atol=1e-5
    )
    picture = replace(none, image_scale=3.0)
    assert branches_of(picture) == ("conditional", "unconditional", "image_only")
    assert torch.allclose(
        guide(picture, 500, with_all, without_prompt, image_only=words_alone),
        with_all + 2 * (words_alone - without_prompt),
        atol=1e-5,
    )


def test_camera_weight_falls_with_the_noise() -> None:
    assert camera_weight("cosine", 999) == 1.0
    assert abs(camera_weight("cosine", 0)) < 1e-12
    assert camera_weight("constant", 0) == 1.0


def test_separate_scales_for_words_and_picture() -> None:
    """Alike, they are the one scale; a picture's scale of 0 leaves the picture out of it."""
    everything, picture, nothing = (torch.randn(SHAPE, generator=torch.Generator().manual_seed(i)) for i in range(3))
    together = text_and_image(everything, picture, nothing, text_scale=5.0, image_scale=5.0)
    assert torch.allclose(together, classifier_free(everything, nothing, 5.0), atol=1e-5)
    words = text_and_image(everything, picture, nothing, text_scale=5.0, image_scale=0.0)
    assert torch.allclose(words - nothing, 5.0 * (everything - picture), atol=1e-5)


def test_rescale_restores_the_spread() -> None:
    conditional = torch.randn(SHAPE, generator=torch.Generator().manual_seed(1))
    guided = 5 * torch.randn(SHAPE, generator=torch.Generator().manual_seed(2)) + 1
    assert torch.isclose(rescaled(guided, conditional, 1.0).std(), conditional.std())
    assert torch.equal(rescaled(guided, conditional, 0.0), guided)


def test_lossy_guidance_asks_less_and_says_so() -> None:
    """Every step: exact. Every second: half as many extra branches, and a result near the exact one."""
    asked: list[int] = []

    def counted(latent: torch.Tensor, timestep: int, branches: Sequence[Branch]) -> list[torch.Tensor]:
        asked.append(len(branches))
        return network(latent, timestep, branches)

    plan = ddim_plan(noise_schedule(CONFIGS["v"]), 10, 0.0)
    results = {}
    for every in (1, 2, 5):
        asked.clear()
        config = SamplerConfig("v", GuidanceConfig(scale=3.0), lossy_guidance_every=every)
        results[every] = sample(counted, plan, config, SHAPE, SeededNoise(0))
        assert asked == [2 if i % every == 0 else 1 for i in range(10)]
    error = {every: float((results[every] - results[1]).norm() / results[1].norm()) for every in (2, 5)}
    assert 0 < error[2] < error[5] < 0.5


def test_missing_branches_are_an_error() -> None:
    output = torch.zeros(SHAPE)
    with pytest.raises(ValueError, match="unconditional"):
        guide(GuidanceConfig(scale=2.0), 999, output)
    with pytest.raises(ValueError, match="without the camera"):
        guide(GuidanceConfig(scale=2.0, camera_scale=2.0), 999, output, output)
    with pytest.raises(ValueError, match="unconditional"):
        guide(GuidanceConfig(scale=1.0, image_scale=2.0), 999, output)
    with pytest.raises(ValueError, match="without the words"):
        guide(GuidanceConfig(scale=2.0, image_scale=2.0), 999, output, output)


def test_seeds() -> None:
    assert torch.equal(run("v"), run("v"))
    assert not torch.equal(run("v"), run("v", seed=1))
