"""One training step against the published one: what goes into the network, what comes out, and every gradient."""

from __future__ import annotations

from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="torch is not installed: the model tests were not run")
pytest.importorskip("diffusers", reason="diffusers is not installed: the model tests were not run")
pytest.importorskip("transformers", reason="transformers is not installed: the model tests were not run")

from server.training.step import StepRules  # noqa: E402
from server.training.trained_set import BASE_DROPOUT, STARTS_AT_ZERO, initialise, set_base_dropout  # noqa: E402
from tests.server.published.parity import ParityKit  # noqa: E402
from tests.support.model.training_cases import (  # noqa: E402
    CONFIGS,
    check_rows,
    given_dropout,
    gradient_rows,
    gradients,
    kit_model,
    step_case,
)

NO_CAMERA = StepRules(with_camera=False)


def check_case(kit: ParityKit, name: str, case: Any, model: Any, trained: Any) -> Any:
    """Run the case forwards and backwards, and hold all that the kit knows of it; returns the prediction."""
    result = case.run(model)
    result.loss.backward()
    ours = {
        "concat": case.batch.latents[torch.arange(2), :, case.draws.reference],
        "relative_c2w": case.camera(model).poses,
        "x_noisy": result.noised.latent,
        "target": result.noised.target,
        "prediction": result.prediction.detach(),
        "loss_per_sample": result.loss_per_sample,
        "loss": result.loss.detach().reshape(1),
    }
    for key, value in ours.items():
        kit.check("step", f"{name}.{key}", value)
    check_rows(kit, "step", f"{name}.grad_stats", gradient_rows(trained), trained)
    found = gradients(trained)
    for golden in kit.names("step", f"{name}.grad."):
        key = golden.removeprefix(f"{name}.grad.")
        kit.check("step", golden, found[key].reshape(kit.index["step"][golden]["shape"]))
    return result.prediction.detach()


@pytest.mark.parametrize("variant", ["eps256", "v512"])
def test_forward_and_backward(kit: ParityKit, training_kit: ParityKit, variant: str) -> None:
    model, trained = kit_model(kit, variant)
    case = step_case(training_kit.tensors("step"), variant, CONFIGS[variant])
    frozen = {n: p.clone() for n, p in model.unet.named_parameters() if not p.requires_grad}
    check_case(training_kit, variant, case, model, trained)
    assert all(p.grad is None for p in model.unet.parameters() if not p.requires_grad)
    if variant == "eps256":
        with torch.no_grad():
            alone = case.run(model, NO_CAMERA).prediction
        training_kit.check("step", "eps256.prediction_no_camera", alone)
    assert all(torch.equal(p, frozen[n]) for n, p in model.unet.named_parameters() if n in frozen)


def test_the_bases_dropout(kit: ParityKit, training_kit: ParityKit) -> None:
    model, trained = kit_model(kit, "eps256")
    case = step_case(training_kit.tensors("step"), "eps256", CONFIGS["eps256"])
    assert set_base_dropout(model.unet, BASE_DROPOUT) == 88
    with given_dropout(model.unet, model.config, "eps256.dropout") as ran:
        check_case(training_kit, "eps256.dropout", case, model, trained)
    listed = training_kit.index["step"]["eps256.dropout.prediction"]["dropout_places_in_order"]
    assert [[name, shape] for name, shape in ran] == listed


def test_the_first_step_is_the_bases(kit: ParityKit, training_kit: ParityKit) -> None:
    model, trained = kit_model(kit, "eps256")
    with torch.no_grad():
        for name, parameter in model.unet.named_parameters():
            if STARTS_AT_ZERO.search(name):
                parameter.zero_()
    case = step_case(training_kit.tensors("step"), "eps256", CONFIGS["eps256"])
    ours = check_case(training_kit, "eps256.zero_init", case, model, trained)
    training_kit.check("step", "eps256.prediction_no_camera", ours)
    moved = sum(bool(g.any()) for g in gradients(trained).values())
    assert moved == training_kit.index["step"]["eps256.zero_init.grad_stats"]["tensors_with_nonzero_gradient"] == 64


def test_initial_values_leave_the_base_as_it_is(kit: ParityKit, training_kit: ParityKit) -> None:
    model, trained = kit_model(kit, "eps256")
    case = step_case(training_kit.tensors("step"), "eps256", CONFIGS["eps256"])
    initialise(model, torch.Generator().manual_seed(5))
    with torch.no_grad():
        assert torch.equal(case.run(model).prediction, case.run(model, NO_CAMERA).prediction)
    for key, parameter in trained.parameters.items():
        if "pluker_projection" in key or "epipolar_attn.to_out" in key:
            assert not parameter.any()
        elif ".norms." in key or "ff_norm" in key:
            assert bool((parameter == (1.0 if key.endswith("weight") else 0.0)).all())
        elif key.endswith("register_tokens"):
            assert 0.7 < float(parameter.detach().std()) < 1.3
        elif key.endswith("weight"):
            bound = parameter[0].numel() ** -0.5
            assert 0.8 * bound < float(parameter.detach().abs().max()) <= bound
