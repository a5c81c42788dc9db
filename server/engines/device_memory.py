"""How much memory the device has, and what is done when it runs out."""

from __future__ import annotations

import gc
import logging
from collections.abc import Callable, Iterable
from typing import Protocol, TypeVar

import torch

from .machine_memory import free_machine_memory, machine_memory

log = logging.getLogger("realcam.engine")

Made = TypeVar("Made")


class NamedPlan(Protocol):
    """A memory plan of any engine."""

    @property
    def name(self) -> str:
        """Its name."""
        ...


Plan = TypeVar("Plan", bound=NamedPlan)

IN_WORDS = ("not enough memory", "can't allocate memory", "CUDA error: out of memory", "STATUS_ALLOC_FAILED")
"""Messages of errors that mean out of memory. The last is cuBLAS's and cuDNN's, which allocate beside PyTorch."""


def first_within_memory(
    attempt: Callable[[Plan], Made], chosen: Iterable[Plan], forget_model: Callable[[], None]
) -> Made | None:
    """What `attempt` makes with the first plan whose memory does not run out.

    Args:
        attempt: makes something with a plan.
        chosen: the plans, in the order they are tried.
        forget_model: called after a plan ran out, to drop all references to the model.

    Returns:
        None when memory runs out with each plan.
    """
    for plan in chosen:
        try:
            return attempt(plan)
        except (torch.OutOfMemoryError, MemoryError, RuntimeError) as error:
            if not is_out_of_memory(error):
                raise
        # Only here are the tensors free that the error's traceback held.
        log.warning("out of memory with the plan %s", plan.name)
        forget_model()
        release_memory()
    return None


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error means that memory ran out.

    PyTorch's allocator on a GPU says so by type; its driver, its libraries and the CPU's allocator in the message.
    """
    return isinstance(error, (torch.OutOfMemoryError, MemoryError)) or any(words in str(error) for words in IN_WORDS)


def total_memory(device: torch.device) -> int:
    """Bytes that the device has, whatever else runs on it now."""
    return int(torch.cuda.mem_get_info()[1]) if device.type == "cuda" else machine_memory()


def free_memory(device: torch.device) -> int:
    """Bytes that are free on the device now."""
    return int(torch.cuda.mem_get_info()[0]) if device.type == "cuda" else free_machine_memory()


def release_memory() -> None:
    """Give back memory that PyTorch and the collector hold without using it."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
