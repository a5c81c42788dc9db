"""The training kit's cases as our batches and draws, and its tolerances for rows of all trained tensors."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from server.model.config import ModelConfig
from server.model.model import RealCamModel, assemble, build_parts
from server.model.tokenizer import ByteTokenizer
from server.model.unet.attention_plan import DensePlan
from server.model.unet.layers import Dropout
from server.model.unet.unet import UNet
from server.model.weights import checkpoint
from server.training.camera import SeenCamera
from server.training.data.camera_paths import CameraPaths
from server.training.draws import StepDraws
from server.training.step import STEP_RULES, StepResult, StepRules, TrainingBatch, batch_camera, training_step
from server.training.trained_set import TrainedSet, freeze
from tests.server.published.parity import ParityKit, unpack_mask
from tests.support.model.reduced_model import TINY_256, TINY_512, load_part

CONFIGS: dict[str, ModelConfig] = {"eps256": TINY_256, "v512": TINY_512}


def kit_model(kit: ParityKit, variant: str) -> tuple[RealCamModel, TrainedSet]:
    """The reduced model with the kit's weights, its camera modules set to learn."""
    config = CONFIGS[variant]
    parts: dict[str, Any] = build_parts(config)
    for name, part in parts.items():
        load_part(part, name, config, kit)  # type: ignore[arg-type]
    model = assemble(config, parts, ByteTokenizer(config.clip.vocabulary), "kit")
    trained = freeze(model)
    model.unet.eval()
    return model, trained


@dataclass(frozen=True)
class Case:
    """One step of the kit: its inputs as ours."""

    batch: TrainingBatch
    draws: StepDraws
    plans: Any

    def camera(self, model: RealCamModel, rules: StepRules = STEP_RULES) -> SeenCamera:
        """Our poses and rays with the kit's masks, whose bits at the threshold may fall either way."""
        return replace(batch_camera(model, self.batch, self.draws, rules), plans=self.plans)

    def run(self, model: RealCamModel, rules: StepRules = STEP_RULES) -> StepResult:
        return training_step(model, self.batch, self.draws, rules, self.camera(model, rules))


def step_case(g: Mapping[str, Any], prefix: str, config: ModelConfig) -> Case:
    """The case whose inputs begin with `prefix`."""
    z0, reference = g[f"{prefix}.z0"], g[f"{prefix}.cond"]
    paths = camera_paths(g, prefix)
    draws = StepDraws(
        posterior=torch.zeros(0),
        dropout=torch.ones(len(z0)),
        reference=reference,
        perturbation=g[f"{prefix}.perturbation"][..., 0],
        timestep=g[f"{prefix}.t"],
        noise=g[f"{prefix}.noise"],
        style=torch.zeros_like(reference),
    )
    batch = TrainingBatch(z0, g[f"{prefix}.context"], g[f"{prefix}.fs"], paths)
    return Case(batch, draws, kit_plans(g, prefix, config, tuple(z0.shape)))


def camera_paths(g: Mapping[str, Any], prefix: str) -> CameraPaths:
    """The case's cameras."""
    poses = torch.linalg.inv(g[f"{prefix}.w2c"].double())
    return CameraPaths(poses, g[f"{prefix}.K"], g[f"{prefix}.scale"])


def kit_plans(g: Mapping[str, Any], prefix: str, config: ModelConfig, shape: tuple[int, ...]) -> Any:
    """The kit's masks as dense plans for each level."""
    _, _, frames, height, width = shape
    plans: list[Any] = []
    for level in range(len(config.unet.channel_mult)):
        cell = 8 * 2**level
        if cell not in config.unet.mask_cells:
            plans.append(None)
            continue
        tokens = frames * (height >> level) * (width >> level)
        masks = unpack_mask(g[f"{prefix}.mask_d{cell}_packed"], tokens)
        plans.append(tuple(DensePlan(functional.pad(m, (config.unet.register_tokens, 0), value=True)) for m in masks))
    return tuple(plans)


def gradients(trained: TrainedSet) -> dict[str, Any]:
    """The gradients by published key; a missing one is zero."""
    return {key: torch.zeros_like(p) if p.grad is None else p.grad for key, p in trained.parameters.items()}


def gradient_rows(trained: TrainedSet) -> Any:
    """[270, 3] float64: norm, sum and largest magnitude of each gradient."""
    found = [g.double() for g in gradients(trained).values()]
    return np.array([[float(g.norm()), float(g.sum()), float(g.abs().max())] for g in found])


def check_rows(kit: ParityKit, section: str, name: str, ours: Any, trained: TrainedSet) -> None:
    """Fail unless the rows of all trained tensors are within the stated tolerance.

    The stated columns are held relative to themselves, the sum relative to the norm and the root of the size.
    """
    golden = kit.arrays(section)[name]
    tolerance = kit.index[section][name]["tolerance"]
    sizes = np.array([p.numel() for p in trained.parameters.values()])
    zero = golden[:, 0] == 0
    if "grad" in name:
        assert (ours[zero] == 0).all(), f"{section}/{name}: gradients that should be exactly zero are not"
    for column in tolerance["columns"]:
        error = np.abs(ours[:, column] - golden[:, column]) - tolerance["rel"] * np.abs(golden[:, column])
        worst = int(error.argmax())
        assert error[worst] <= 0, f"{section}/{name} {list(trained.parameters)[worst]}: {ours[worst]} {golden[worst]}"
    error = np.abs(ours[:, 1] - golden[:, 1]) - tolerance["rel"] * golden[:, 0] * np.sqrt(sizes)
    assert error.max() <= 0, f"{section}/{name}: sums differ"
    kit.held(section, name)


@contextmanager
def given_dropout(unet: UNet, config: ModelConfig, salt: str) -> Iterator[list[tuple[str, list[int]]]]:
    """The kit's dropout masks in place of random ones; yields the places as they run, with their published shapes."""
    ran: list[tuple[str, list[int]]] = []

    def hook(name: str, frames_first: bool) -> Any:
        def replaced(module: nn.Module, inputs: Any, output: Any) -> Any:
            del module, output
            x = inputs[0]
            published = x.flatten(0, 1).permute(0, 3, 1, 2) if frames_first else x.permute(0, 4, 1, 2, 3)
            ran.append((name, list(published.shape)))
            seed = zlib.crc32(f"{name}|dropout|{salt}".encode())
            keep = torch.from_numpy(np.random.RandomState(seed).random_sample(tuple(published.shape)) >= 0.1)
            ours = keep.permute(0, 2, 3, 1).unflatten(0, x.shape[:2]) if frames_first else keep.permute(0, 2, 3, 4, 1)
            return x * ours / 0.9

        return replaced

    handles = []
    for name, module in unet.named_modules():
        if isinstance(module, Dropout):
            norm = name.replace("dropout", "norm" if ".temporal." in name else "norm2") + ".weight"
            (source,) = checkpoint.sources("unet", [norm], config).values()
            place = source.key.removesuffix(".0.weight") + ".2"
            handles.append(module.register_forward_hook(hook(place, "out_layers" in place)))
    try:
        yield ran
    finally:
        for handle in handles:
            handle.remove()
