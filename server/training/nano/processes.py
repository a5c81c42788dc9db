"""Processes that share the batches of a nano training: torchrun begins them."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
import torch.distributed
from torch import Tensor

from server.training.config import ConfigError


@dataclass(frozen=True)
class Processes:
    """Which of them this one is.

    Attributes:
        number: from 0; the first one logs, measures and writes.
        count: of all.
    """

    number: int = 0
    count: int = 1

    @property
    def first(self) -> bool:
        """Whether this one logs, measures and writes."""
        return self.number == 0

    def share(self, batch: int) -> int:
        """Samples of a step that each takes.

        Raises:
            ConfigError: the batch does not divide.
        """
        if batch % self.count:
            raise ConfigError("The batch cannot be shared", f"{batch} samples by {self.count} processes")
        return batch // self.count

    def turn(self, step: int) -> int:
        """A number that no other process has for any step, for its random draws."""
        return step * self.count + self.number

    def chosen(self, name: str) -> str:
        """What the first process chose, in all of them."""
        if self.count == 1:
            return name
        told = [name]
        torch.distributed.broadcast_object_list(told)
        return told[0]

    def average(self, gradients: Sequence[Tensor]) -> None:
        """Replace gradients by their means over the processes, in place; what is no number in one is none in all."""
        if self.count == 1:
            return
        flat = torch.cat([gradient.flatten() for gradient in gradients])
        torch.distributed.all_reduce(flat)
        parts = (flat / self.count).split([gradient.numel() for gradient in gradients])
        for gradient, part in zip(gradients, parts, strict=True):
            gradient.copy_(part.view_as(gradient))


@contextmanager
def joined_processes() -> Iterator[Processes]:
    """This process among those that were launched with it; alone if none were."""
    count = int(os.environ.get("WORLD_SIZE", "1"))
    if count == 1:
        yield Processes()
        return
    torch.distributed.init_process_group("gloo")
    try:
        yield Processes(torch.distributed.get_rank(), count)
    finally:
        torch.distributed.destroy_process_group()
