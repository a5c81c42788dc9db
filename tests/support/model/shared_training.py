"""One process of a training that several share, whole and then split: tells what they must agree on."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

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


def shared_training(folder: Path, plugin: object = None, **run: Any) -> Training:
    """A training with whatever processes the environment names, where its newest checkpoint is.

    Args:
        folder: of its checkpoints.
        plugin: of FSDP or DeepSpeed, which accelerate itself begins on cards alone.
        run: what is other in the table `run` of the configuration.
    """
    config = msgspec.structs.replace(CONFIG, run=msgspec.structs.replace(CONFIG.run, **run))
    accelerator = Accelerator(cpu=True, mixed_precision=config.run.precision)
    if plugin is not None:
        share_by(accelerator, plugin)
    check_sharing(accelerator, config.run.precision)
    model = random_model(SMALLER, ByteTokenizer(SMALLER.clip.vocabulary), seed=4)
    training = Training(model, config, accelerator, folder)
    training.resume()
    return training


def share_by(accelerator: Accelerator, plugin: object) -> None:
    """Have an accelerator's processes share a training as with this plugin on cards."""
    deepspeed = isinstance(plugin, DeepSpeedPlugin)
    kind = DistributedType.DEEPSPEED if deepspeed else DistributedType.FSDP
    PartialState._shared_state["distributed_type"] = kind
    accelerator.state.distributed_type = kind
    if deepspeed:
        accelerator.deepspeed_engine_wrapped = None
        accelerator.state.deepspeed_plugins = {"default": plugin}
        accelerator.state.select_deepspeed_plugin("default")
    else:
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
    split = shared_training(folder, FullyShardedDataParallelPlugin(fsdp_version=2))
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


ACCUMULATED: dict[str, Any] = {"batch": 4, "precision": "bf16"}
"""Two batches of one clip a step for each of two processes, in 16 bits, which DeepSpeed leaves to the training."""


def share_by_zero(folder: Path) -> dict[str, object]:
    """What this process tells of two steps by copies, two by ZeRO's stage 2, one by its stage 1, and some left out.

    Args:
        folder: of the checkpoints, which the processes have in common.
    """
    told = numbers(shared_training(folder, **ACCUMULATED), 2)
    with _deepspeed_on_the_processor():
        second = shared_training(folder, DeepSpeedPlugin(zero_stage=2), **ACCUMULATED)
        told += numbers(second, 4)
        first = shared_training(folder, DeepSpeedPlugin(zero_stage=1), **ACCUMULATED)
        told += numbers(first, 5)
        begun = shared_training(folder / "begun", DeepSpeedPlugin(zero_stage=2), **ACCUMULATED)
        skipped = [_is_left_out(training) for training in (second, first, begun)]
        begun.save()
        (own,) = first._updates._own_state.values()
        part = own["exp_avg"].numel() / sum(p.numel() for p in first.trained.parameters.values())
    again = shared_training(folder / "begun", **ACCUMULATED)
    return {"numbers": told, "share": part, "skipped": skipped, "begun": (again.step, again.skipped)}


def _is_left_out(training: Training) -> bool:
    """Whether a step without numbers, and then one whose loss alone is said to be none, leave all as it was."""
    before = [p.clone() for p in training.trained.parameters.values()]
    state = training._updates.state(keep=True)["state"]
    skipped = next(training.run(_broken_in_one, 99)).skipped
    samples = batch_of(range(1))
    with training._updates.accumulating(last=True):
        training._updates.backward(training._updates.loss(samples.batch, samples.draws))
    skipped &= not training._updates.apply(1e-4, finite=False).done
    now = training._updates.state(keep=True)["state"]
    pairs = list(zip(training.trained.parameters.values(), before, strict=True))
    pairs += [(now[index][name], moment) for index, moments in state.items() for name, moment in moments.items()]
    return skipped and now.keys() == state.keys() and all(torch.equal(*pair) for pair in pairs)
