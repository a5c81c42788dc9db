"""From losses to moved tensors: what a step does after its forward passes, however the processes share it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

from torch import Tensor


@dataclass(frozen=True)
class Update:
    """What came of a step's gradients.

    Attributes:
        norm: of all gradients together, before clipping; not finite where one is not, and infinite where ZeRO left
            the step out.
        done: whether the tensors were moved; otherwise they and their moments are as before.
        overflowed: whether they were not because the loss was scaled too far for float16, which is no failure.
    """

    norm: float
    done: bool
    overflowed: bool = False


class Updates(ABC):
    """The trained tensors' gradients and optimizer."""

    @abstractmethod
    def accumulating(self, last: bool) -> AbstractContextManager[None]:
        """What forward and backward pass of one of a step's batches run in.

        Args:
            last: whether it is the last of them, after which gradients are means over the processes.
        """

    @abstractmethod
    def loss(self, *samples: object) -> Tensor:
        """The loss of samples, as the step gives it, in the training's precision."""

    @abstractmethod
    def backward(self, loss: Tensor) -> None:
        """Add a batch's gradients to the step's."""

    @abstractmethod
    def apply(self, rate: float, finite: bool) -> Update:
        """Clip the gradients and take the optimizer's step, unless one of them is no number.

        Args:
            rate: learning rate of the step.
            finite: whether the step's loss is a number; the step is left out where it is not.
        """

    @abstractmethod
    def state(self, keep: bool) -> dict[str, Any]:
        """The optimizer's state as PyTorch's AdamW has it with whole tensors. Every process must ask for it.

        Args:
            keep: whether this process needs it; otherwise tensors that were split may be left out.
        """

    @abstractmethod
    def load(self, state: Mapping[str, Any]) -> None:
        """Go on from a state that `state` gave, after the trained tensors have their values; every process has it."""
