"""Measure one training step of the camera modules, in its own process, so that peak memory is that of this step alone.

`python -m server.bench.training '{"width": 256, ...}'` prints one JSON object.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from typing import Any, Literal

import msgspec
import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from server.bench.memory_limit import limit_memory
from server.bench.peak_memory import peak_memory
from server.model.config import (
    IMAGE_TOKENS_PER_FRAME,
    LATENT_DOWNSAMPLE,
    REALCAM_256,
    REALCAM_512,
    TEXT_TOKENS,
    TINY,
    ModelConfig,
)
from server.model.model import RealCamModel
from server.model.unet.attention_plan import AttentionPlan, BlockPlan, DensePlan
from server.model.unet.pose_encoder import PoseEncoder
from server.model.unet.unet import UNet
from server.training.data.camera_paths import CameraPaths
from server.training.draws import StepDraws, draw_step, sample_generator
from server.training.memory import is_out_of_memory, suit_allocator
from server.training.optimizer import OptimizerSettings, build_optimizer, clip, global_norm
from server.training.step import TrainingBatch, batch_camera, training_step
from server.training.trained_set import BASE_DROPOUT, TrainedSet, set_base_dropout, trained_set

from .plain_sampler import dense_plan, make_plain
from .sampler import filled, synthetic_move

DTYPES = {"bfloat16": torch.bfloat16, "float32": torch.float32}


class StepCase(msgspec.Struct, frozen=True, kw_only=True):
    """What to measure.

    Attributes:
        width, height: of the clip, pixels.
        frames: of the clip.
        style: "recompute", "kept" (activations are kept), or "plain": kept, with dense masks and layers as in
            plain_sampler.
        dtype: of the arithmetic, and of the frozen tensors; those that learn are float32 always.
        network: "full", or "tiny" for tests.
        threads: that torch may use on the CPU.
        runs: steps to time, after one that is not timed.
        limit_gib: memory that the process may take; 0 for no limit.
        device: "cpu" or "cuda".
    """

    width: int
    height: int
    frames: int = 16
    style: Literal["recompute", "kept", "plain"] = "recompute"
    dtype: Literal["bfloat16", "float32"] = "bfloat16"
    network: Literal["full", "tiny"] = "full"
    threads: int = 2
    runs: int = 1
    limit_gib: float = 0.0
    device: Literal["cpu", "cuda"] = "cpu"


class StepFigures(msgspec.Struct, frozen=True, kw_only=True):
    """The result of one case.

    Attributes:
        case: what was measured.
        fits: whether memory was enough; where it was not, the other numbers are 0.
        why: what PyTorch said of the memory, where it was not enough.
        seconds: of each step: forward, backward and optimizer.
        forward_seconds: of each forward of the same step without gradients.
        camera_seconds: for rays and masks, which a data worker could make beforehand.
        peak_gib: peak memory of the process, or of the card.
        held_gib: of it, weights, gradients and moments.
        tflop: arithmetic of a step in matrix products and convolutions, what is computed again included.
        largest_mask: entries of the largest mask of the epipolar attention.
        loss: of the first step.
    """

    case: StepCase
    fits: bool = True
    why: str = ""
    seconds: list[float] = []
    forward_seconds: list[float] = []
    camera_seconds: float = 0.0
    peak_gib: float = 0.0
    held_gib: float = 0.0
    tflop: float = 0.0
    largest_mask: int = 0
    loss: float = 0.0


def measure(case: StepCase) -> StepFigures:
    """Build the network with arbitrary weights and take steps; what does not fit into memory is said, not raised."""
    torch.set_num_threads(case.threads)
    suit_allocator(case.style == "recompute")
    limit_memory(case.limit_gib, case.device)
    try:
        return _measured(case)
    except RuntimeError as error:
        if not is_out_of_memory(error):
            raise
        return StepFigures(case=case, fits=False, why=str(error).strip().splitlines()[0])
    except MemoryError as error:
        return StepFigures(case=case, fits=False, why=f"no memory for Python's objects {error}".strip())


@dataclass(frozen=True, eq=False)
class _Step:
    """A step that can be taken again and again.

    Attributes:
        trained: what it moves.
        optimizer: that moves it.
        loss: of its batch, one clip of noise.
    """

    trained: TrainedSet
    optimizer: torch.optim.Optimizer
    loss: Callable[[], Tensor]

    def forward(self) -> float:
        """The loss, without gradients."""
        with torch.no_grad():
            return float(self.loss())

    def take(self) -> float:
        """The loss, after forward, backward, clipping and AdamW."""
        self.optimizer.zero_grad()
        loss = self.loss()
        torch.autograd.backward(loss)
        gradients = self.trained.gradients()
        clip(gradients, OptimizerSettings().max_gradient_norm, global_norm(gradients))
        self.optimizer.step()
        return float(loss.detach())


def _measured(case: StepCase) -> StepFigures:
    config = _config(case)
    model, trained = _model(config, case)
    batch, draws = _batch(config, case)
    began = time.perf_counter()
    with _arithmetic(case):
        camera = batch_camera(model, batch, draws)
    camera_seconds = time.perf_counter() - began
    if case.style == "plain":
        make_plain(model.unet)
        make_plain(model.pose_encoder)
        camera = replace(camera, plans=tuple(p and tuple(dense_plan(plan) for plan in p) for p in camera.plans))

    def loss() -> Tensor:
        with _arithmetic(case):
            return training_step(model, batch, draws, camera=camera).loss

    step = _Step(trained, build_optimizer(trained.parameters.values(), OptimizerSettings()), loss)
    first = step.take()
    step.forward()
    forwards = [_timed(step.forward, case) for _ in range(case.runs)]
    taken = [_timed(step.take, case) for _ in range(case.runs)]
    peak = torch.cuda.max_memory_allocated() if case.device == "cuda" else peak_memory()
    # Last: a step whose operations are counted takes twice the memory.
    with FlopCounterMode(display=False) as counted:
        step.take()
    return StepFigures(
        case=case,
        seconds=taken,
        forward_seconds=forwards,
        camera_seconds=camera_seconds,
        peak_gib=peak / 2**30,
        held_gib=_held(model, step) / 2**30,
        tflop=counted.get_total_flops() / 1e12,
        largest_mask=max(entries for level in camera.plans for plan in level or () for entries in _masks(plan)),
        loss=first,
    )


def _config(case: StepCase) -> ModelConfig:
    full = REALCAM_512 if (case.width, case.height) == REALCAM_512.size else REALCAM_256
    return replace(TINY if case.network == "tiny" else full, size=(case.width, case.height))


def _model(config: ModelConfig, case: StepCase) -> tuple[RealCamModel, TrainedSet]:
    """UNet and pose encoder with arbitrary weights, as `Training` holds them; what the other parts make is given."""
    torch.manual_seed(0)
    dtype = DTYPES[case.dtype]
    unet = filled(UNet, config.unet, dtype).to(case.device)
    pose_encoder = filled(PoseEncoder, config.pose_encoder, torch.float32).to(case.device)
    trained = trained_set(unet, pose_encoder, config)
    learn = {id(parameter) for parameter in trained.parameters.values()}
    for parameter in unet.parameters():
        if id(parameter) in learn or parameter.ndim < 2:
            parameter.data = parameter.data.float()
    for parameter in trained.parameters.values():
        parameter.requires_grad_(True)
    set_base_dropout(unet, BASE_DROPOUT)
    unet.recompute = pose_encoder.recompute = case.style == "recompute"
    absent: Any = None
    model = RealCamModel(
        config=config,
        unet=unet,
        pose_encoder=pose_encoder,
        vae=absent,
        text_encoder=absent,
        image_encoder=absent,
        resampler=absent,
        tokenizer=absent,
        weights_hash="arbitrary",
        device=torch.device(case.device),
    )
    return model, trained


def _batch(config: ModelConfig, case: StepCase) -> tuple[TrainingBatch, StepDraws]:
    """One clip of noise along a synthetic move, and its draws."""
    generator = sample_generator(1)
    latent = (case.height // LATENT_DOWNSAMPLE, case.width // LATENT_DOWNSAMPLE)
    tokens = TEXT_TOKENS + IMAGE_TOKENS_PER_FRAME * case.frames
    poses, intrinsics = synthetic_move(case.frames, config.size)
    latents = torch.randn((1, config.vae.latent_channels, case.frames, *latent), generator=generator)
    context = torch.randn((1, tokens, config.unet.context_channels), generator=generator)
    batch = TrainingBatch(
        latents=latents.to(case.device),
        context=context.to(case.device),
        speed=torch.tensor([3], device=case.device),
        paths=CameraPaths(poses, intrinsics, torch.ones(1, case.frames)).to(case.device),
    )
    return batch, draw_step(generator, config, case.frames, latent).to(case.device)


def _arithmetic(case: StepCase) -> AbstractContextManager[Any]:
    """Autocast, as accelerate sets it for a step."""
    if case.dtype == "float32":
        return nullcontext()
    autocast: AbstractContextManager[Any] = torch.autocast(case.device, dtype=DTYPES[case.dtype])
    return autocast


def _held(model: RealCamModel, step: _Step) -> int:
    """Bytes of weights, gradients and moments."""
    weights = [p for part in (model.unet, model.pose_encoder) for p in part.parameters()]
    moments = [t for state in step.optimizer.state.values() for t in state.values() if isinstance(t, Tensor)]
    return sum(t.numel() * t.element_size() for t in (*weights, *step.trained.gradients(), *moments))


def _masks(plan: AttentionPlan) -> list[int]:
    """Entries of each mask of a plan."""
    if isinstance(plan, BlockPlan):
        return [block.mask.numel() for block in plan.blocks]
    return [plan.mask.numel()] if isinstance(plan, DensePlan) else [0]


def _timed(run: Callable[[], object], case: StepCase) -> float:
    """Seconds by the clock."""
    started = time.perf_counter()
    run()
    if case.device == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - started


if __name__ == "__main__":
    found = measure(msgspec.json.decode(sys.argv[1], type=StepCase))
    sys.stdout.write(msgspec.json.encode(found).decode() + "\n")
