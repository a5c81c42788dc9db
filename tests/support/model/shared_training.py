"""One process of a training that several share, whole and then split: tells what they must agree on."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import msgspec
import torch
from accelerate import Accelerator, DeepSpeedPlugin, DistributedType, FullyShardedDataParallelPlugin, PartialState
from torch.distributed.tensor import DTensor

from server.model.model import random_model
from server.model.tokenizer import ByteTokenizer
from server.training.checkpoints import TrainingError
from server.training.loop import NamedBatch, Training
from server.training.sharding.plugin import check_sharing
from tests.server.training.test_loop import CONFIG, batch_of
from tests.support.model.tiny_training import SMALLER

Precision = Literal["no", "bf16"]


def shared_training(folder: Path, split: bool = False, stage: int = 0, precision: Precision = "no") -> Training:
    """A training with whatever processes the environment names, where its newest checkpoint is.

    Args:
        folder: of its checkpoints.
        split: by FSDP, which accelerate itself begins on cards alone.
        stage: of DeepSpeed's ZeRO, likewise; 0 for none.
        precision: of the network's products.
    """
    accelerator = Accelerator(cpu=True, mixed_precision=precision)
    if split:
        share_by(accelerator, DistributedType.FSDP, FullyShardedDataParallelPlugin(fsdp_version=2))
    elif stage:
        share_by(accelerator, DistributedType.DEEPSPEED, DeepSpeedPlugin(zero_stage=stage))
    check_sharing(accelerator)
    model = random_model(SMALLER, ByteTokenizer(SMALLER.clip.vocabulary), seed=4)
    config = msgspec.structs.replace(CONFIG, run=msgspec.structs.replace(CONFIG.run, precision=precision))
    training = Training(model, config, accelerator, folder)
    training.resume()
    return training


def share_by(accelerator: Accelerator, kind: DistributedType, plugin: object = None) -> None:
    """Have an accelerator's processes share a training in a way that accelerate begins on cards alone."""
    PartialState._shared_state["distributed_type"] = kind
    accelerator.state.distributed_type = kind
    if isinstance(plugin, DeepSpeedPlugin):
        accelerator.deepspeed_engine_wrapped = None
        accelerator.state.deepspeed_plugins = {"default": plugin}
        accelerator.state.select_deepspeed_plugin("default")
    elif plugin is not None:
        accelerator.state.fsdp_plugin = plugin


def numbers(training: Training, steps: int) -> list[tuple[float, float]]:
    """Loss and gradient norm of the steps up to this number."""
    return [(record.loss, record.gradient_norm) for record in training.run(batch_of, steps)]


def _broken_in_one(places: range) -> NamedBatch:
    samples = batch_of(places)
    if PartialState().process_index == 1:
        samples.batch.latents.fill_(float("nan"))
    return samples


def _of_the_trained(training: Training) -> float:
    """Share of the trained numbers, their moments and their mean that this process has; all three must be the same."""
    parameters = list(training.trained.parameters.values())
    moments = [training._updates._optimizer.state[p]["exp_avg"] for p in parameters]
    shares = set()
    for tensors in (parameters, moments, list(training.mean.values())):
        assert all(isinstance(tensor, DTensor) for tensor in tensors)
        shares.add(sum(t.to_local().numel() for t in tensors) / sum(t.numel() for t in tensors))
    (share,) = shares
    return share


def share(folder: Path) -> dict[str, object]:
    """What this process tells of two steps by copies, and of three more with the network split over the processes.

    Args:
        folder: of the checkpoints, which the processes have in common.
    """
    told = numbers(shared_training(folder), 2)
    split = shared_training(folder, split=True)
    told += numbers(split, 5)
    part = _of_the_trained(split)
    with split.whole_network():
        whole = not any(isinstance(p, DTensor) for p in split._model.unet.parameters())
    skipped = next(split.run(_broken_in_one, 99)).skipped
    alone = "" if PartialState().process_index == 0 else "elsewhere"
    try:
        refused = str(shared_training(folder / alone).step)
    except TrainingError as error:
        refused = error.sentence
    return {"numbers": told, "share": part, "whole": whole, "skipped": skipped, "refused": refused}


@contextmanager
def _deepspeed_on_the_processor() -> Iterator[None]:
    """DeepSpeed without the extension for the processor that it would compile, and without its reports."""
    import deepspeed

    deepspeed.ops.__compatible_ops__["deepspeed_shm_comm"] = False
    logging.getLogger("DeepSpeed").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # DeepSpeed calls what PyTorch has since renamed.
        yield


def share_by_zero(folder: Path) -> dict[str, object]:
    """What this process tells of two steps by copies, two by ZeRO's stage 2, one by its stage 1, and one left out.

    All in bfloat16.

    Args:
        folder: of the checkpoints, which the processes have in common.
    """
    told = numbers(shared_training(folder, precision="bf16"), 2)
    with _deepspeed_on_the_processor():
        told += numbers(shared_training(folder, stage=2, precision="bf16"), 4)
        training = shared_training(folder, stage=1, precision="bf16")
        told += numbers(training, 5)
        updates, trained = training._updates, list(training.trained.parameters.values())
        (own,) = updates._own_state.values()
        part = own["exp_avg"].numel() / sum(p.numel() for p in trained)
        before = [p.clone() for p in trained]
        skipped = next(training.run(_broken_in_one, 99)).skipped
        # Gradients are numbers, the loss is said to be none.
        samples = batch_of(range(1))
        updates.backward(updates.loss(samples.batch, samples.draws), last=True)
        skipped = skipped and not updates.apply(1e-4, finite=False).done
    unmoved = all(torch.equal(p, old) for p, old in zip(trained, before, strict=True))
    return {"numbers": told, "share": part, "skipped": skipped, "unmoved": unmoved}
