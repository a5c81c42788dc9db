"""Noising, and the optimizer's algebra, against the published numbers."""

from __future__ import annotations

from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="torch is not installed: the model tests were not run")
pytest.importorskip("diffusers", reason="diffusers is not installed: the model tests were not run")

from server.diffusion.noising import noised, noising_tables  # noqa: E402
from server.diffusion.schedule import noise_schedule  # noqa: E402
from server.training.optimizer import OptimizerSettings, build_optimizer, clip, global_norm, loss_divisor  # noqa: E402
from tests.server.published.parity import ParityKit  # noqa: E402
from tests.support.model.training_cases import CONFIGS  # noqa: E402


@pytest.mark.parametrize("variant", ["eps256", "v512"])
@pytest.mark.parametrize(("half", "suffix"), [(False, ""), (True, ".half_buffers")])
def test_noising(training_kit: ParityKit, variant: str, half: bool, suffix: str) -> None:
    g, schedule = training_kit.tensors("noising"), CONFIGS[variant].schedule
    tables = noising_tables(noise_schedule(schedule), half)
    inputs = (g[f"{variant}.{name}"] for name in ("z0", "noise", "t"))
    ours = noised(tables, schedule.prediction, *inputs)
    for name, value in {"x_start": ours.start, "x_noisy": ours.latent, "target": ours.target}.items():
        training_kit.check("noising", f"{variant}.{name}{suffix}", value)


UNCLIPPED = OptimizerSettings(max_gradient_norm=0.0)
CLIPPED = OptimizerSettings(max_gradient_norm=0.5)


@pytest.mark.parametrize(
    ("case", "settings"),
    [("adamw", UNCLIPPED), ("clean", CLIPPED), ("published", OptimizerSettings().as_published())],
)
def test_accumulated_clipped_steps(training_kit: ParityKit, case: str, settings: OptimizerSettings) -> None:
    g = training_kit.tensors("optimizer")
    parameters = [torch.nn.Parameter(g[f"p{i}"].clone()) for i in range(3)]
    optimizer = build_optimizer(parameters, settings)
    for step in (1, 2, 3):
        micro = [g[f"g{i}.step{step}"] for i in range(3)]
        count = len(micro[0])
        divisor = loss_divisor(count, settings)
        for parameter, gradients in zip(parameters, micro, strict=True):
            parameter.grad = sum(part / divisor for part in gradients)
        found: list[Any] = [p.grad for p in parameters]
        norm = global_norm(found)
        training_kit.check("optimizer", f"{case}.step{step}.norm", [norm])
        clip(found, settings.max_gradient_norm, norm)
        optimizer.step()
        for i, parameter in enumerate(parameters):
            training_kit.check("optimizer", f"{case}.step{step}.p{i}", parameter.detach())


def test_the_mended_threshold_does_what_the_published_one_does() -> None:
    """Eight accumulated batches: a threshold of 4 on the mean gradient, of 0.5 on an eighth of it."""
    published = OptimizerSettings().as_published()
    gradient = torch.randn(40, generator=torch.Generator().manual_seed(2)) * 3
    ours, theirs = [gradient.clone()], [gradient / 8]
    clip(ours, OptimizerSettings().max_gradient_norm, global_norm(ours))
    clip(theirs, published.max_gradient_norm, global_norm(theirs))
    assert torch.allclose(ours[0] / 8, theirs[0], rtol=1e-5)
    assert loss_divisor(8, published) == 8 * loss_divisor(8, OptimizerSettings())
