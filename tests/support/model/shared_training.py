"""One process of a training that several share, whole and then split: tells what they must agree on."""

from __future__ import annotations

from pathlib import Path

from accelerate import Accelerator, DistributedType, FullyShardedDataParallelPlugin, PartialState
from torch.distributed.tensor import DTensor

from server.model.model import random_model
from server.model.tokenizer import ByteTokenizer
from server.training.checkpoints import TrainingError
from server.training.loop import NamedBatch, Training
from server.training.sharding.plugin import check_sharing
from tests.server.training.test_loop import CONFIG, batch_of
from tests.support.model.tiny_training import SMALLER


def shared_training(folder: Path, split: bool = False) -> Training:
    """A training with whatever processes the environment names, where its newest checkpoint is.

    Args:
        folder: of its checkpoints.
        split: by FSDP, which accelerate itself begins on cards alone.
    """
    accelerator = Accelerator(cpu=True)
    if split:
        PartialState._shared_state["distributed_type"] = DistributedType.FSDP
        accelerator.state.distributed_type = DistributedType.FSDP
        accelerator.state.fsdp_plugin = FullyShardedDataParallelPlugin(fsdp_version=2)
        check_sharing(accelerator)
    model = random_model(SMALLER, ByteTokenizer(SMALLER.clip.vocabulary), seed=4)
    training = Training(model, CONFIG, accelerator, folder)
    training.resume()
    return training


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
    moments = [training._optimizer.state[p]["exp_avg"] for p in parameters]
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
