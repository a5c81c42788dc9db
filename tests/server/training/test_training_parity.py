"""Three optimizer steps, and whole batches from pixels to gradients, against the published training."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed: the model tests were not run")
pytest.importorskip("diffusers", reason="diffusers is not installed: the model tests were not run")
pytest.importorskip("transformers", reason="transformers is not installed: the model tests were not run")

from server.training.camera import in_half_precision, metric_poses  # noqa: E402
from server.training.concat import training_concat  # noqa: E402
from server.training.conditions import Pictures, dropped, encoded, speed_value  # noqa: E402
from server.training.draws import STYLES, StepDraws  # noqa: E402
from server.training.optimizer import OptimizerSettings, build_optimizer, global_norm  # noqa: E402
from server.training.step import batch_camera, training_step  # noqa: E402
from tests.server.published.parity import ParityKit  # noqa: E402
from tests.support.model.training_cases import (  # noqa: E402
    CONFIGS,
    camera_paths,
    check_rows,
    gradient_rows,
    kit_model,
    kit_plans,
    step_case,
)


@pytest.mark.parametrize("variant", ["eps256", "v512"])
def test_three_steps(kit: ParityKit, training_kit: ParityKit, variant: str) -> None:
    g = training_kit.tensors("train")
    model, trained = kit_model(kit, variant)
    optimizer = build_optimizer(trained.parameters.values(), OptimizerSettings())
    start = {key: p.detach().clone() for key, p in trained.parameters.items()}
    everything = [p for part in model.parts().values() for p in part.parameters()]
    frozen = [(p, p.clone()) for p in everything if not p.requires_grad]
    for step in (1, 2, 3):
        optimizer.zero_grad()
        result = step_case(g, f"{variant}.step{step}", CONFIGS[variant]).run(model)
        result.loss.backward()
        training_kit.check("train", f"{variant}.step{step}.loss", result.loss.detach().reshape(1))
        training_kit.check("train", f"{variant}.step{step}.grad_norm", [global_norm(trained.gradients())])
        optimizer.step()
        if step != 2:
            check_parameters(training_kit, f"{variant}.after{step}", trained, start)
    with torch.no_grad():
        again = step_case(g, f"{variant}.step1", CONFIGS[variant]).run(model).loss
    training_kit.check("train", f"{variant}.loss_of_step1_batch_after3", again.reshape(1))
    assert all(torch.equal(now, before) for now, before in frozen)


def check_parameters(kit: ParityKit, name: str, trained: Any, start: dict[str, Any]) -> None:
    rows = []
    for key, parameter in trained.parameters.items():
        moved = (parameter.detach() - start[key]).double()
        rows.append([float(moved.norm()), float(moved.sum()), float(parameter.detach().double().norm())])
    check_rows(kit, "train", f"{name}.stats", np.array(rows), trained)
    for golden in kit.names("train", f"{name}."):
        key = golden.removeprefix(f"{name}.")
        if key != "stats":
            shape = kit.index["train"][golden]["shape"]
            kit.check("train", golden, trained.parameters[key].detach().reshape(shape))


def draws_of(g: Any, variant: str) -> StepDraws:
    reference = g[f"{variant}.draw3.cond"]
    return StepDraws(
        posterior=g[f"{variant}.draw1.posterior"],
        dropout=g[f"{variant}.draw2.dropout"],
        reference=reference,
        perturbation=g[f"{variant}.draw4.perturbation"][..., 0],
        timestep=g[f"{variant}.draw5.t"],
        noise=g[f"{variant}.draw6.noise"],
        style=torch.zeros_like(reference),
    )


@pytest.mark.parametrize("variant", ["eps256", "v512"])
def test_a_batch_from_pixels_to_gradients(kit: ParityKit, training_kit: ParityKit, variant: str) -> None:
    g = training_kit.tensors("batch")
    model, trained = kit_model(kit, variant)
    draws = draws_of(g, variant)
    strides, rates = g[f"{variant}.frame_stride"].tolist(), g[f"{variant}.fps"].tolist()
    pictures = Pictures(
        video=(g[f"{variant}.video"].float() / 255 - 0.5) * 2,
        token_ids=g["token_ids"],
        no_words=g["token_ids.null"][0],
        speed=torch.tensor([speed_value(model.config, s, f) for s, f in zip(strides, rates, strict=True)]),
        paths=camera_paths(g, variant),
    )
    batch = encoded(model, pictures, draws)
    camera = batch_camera(model, batch, draws)
    if variant == "eps256":
        # The kit has this variant's masks; the other's are ours, of the same rule.
        camera = replace(camera, plans=kit_plans(g, variant, model.config, batch.latents.shape))
    result = training_step(model, batch, draws, camera=camera)
    result.loss.backward()
    concat = training_concat(batch.latents, draws.reference, draws.style)
    ours = {
        "z": batch.latents,
        "concat": concat[:, :, 0],
        "context": batch.context,
        "fs": batch.speed,
        "x_noisy": result.noised.latent,
        "prediction": result.prediction.detach(),
        "loss": result.loss.detach().reshape(1),
    }
    for name, value in ours.items():
        training_kit.check("batch", f"{variant}.{name}", value)
    check_rows(training_kit, "batch", f"{variant}.grad_stats", gradient_rows(trained), trained)
    if variant == "eps256":
        ends = torch.full_like(draws.style, STYLES.index("ends"))
        training_kit.check("batch", "concat.ends", training_concat(batch.latents, draws.reference, ends))


def test_condition_dropout(training_kit: ParityKit) -> None:
    text, picture = dropped(training_kit.tensors("batch")["dropout.u"])
    training_kit.check("batch", "dropout.text_dropped", text)
    training_kit.check("batch", "dropout.image_dropped", picture)


def test_the_cameras_rounding(training_kit: ParityKit) -> None:
    g = training_kit.tensors("batch")
    paths = camera_paths(g, "eps256")
    for name, seen in {"float32": paths, "float16": in_half_precision(paths)}.items():
        poses = metric_poses(seen, g["eps256.draw3.cond"])
        training_kit.check("batch", f"camera_{name}_batch.relative_c2w", poses)
        training_kit.check("batch", f"camera_{name}_batch.K", seen.intrinsics)


def test_the_papers_other_concat_forms() -> None:
    latents = torch.arange(2 * 1 * 5, dtype=torch.float32).view(2, 1, 5, 1, 1)
    reference = torch.tensor([1, 3])
    shown = {
        style: training_concat(latents, reference, torch.full((2,), i))[:, 0, :, 0, 0].tolist()
        for i, style in enumerate(STYLES)
    }
    assert shown == {
        "repeat": [[1, 1, 1, 1, 1], [8, 8, 8, 8, 8]],
        "ends": [[0, 0, 0, 0, 4], [5, 0, 0, 0, 9]],
        "repeat_to_end": [[1, 1, 1, 1, 4], [8, 8, 8, 8, 9]],
        "continue": [[0, 1, 1, 1, 1], [5, 6, 7, 8, 8]],
    }
    mixed = training_concat(latents, reference, torch.tensor([3, 0]))[:, 0, :, 0, 0].tolist()
    assert mixed == [shown["continue"][0], shown["repeat"][1]]
