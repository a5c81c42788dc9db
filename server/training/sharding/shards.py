"""Tensors of which each process has a part, as whole ones and back. Tensors that are not split pass as they are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from torch import Tensor, nn
from torch.distributed.tensor import DTensor, distribute_tensor

STEPS = "step"
"""Name in an optimizer's state of the number of steps, which is never split; all else has its parameter's shape."""


def whole(tensor: Tensor) -> Tensor:
    """All of a tensor. Every process must ask for it, in the same order."""
    return tensor.detach().full_tensor() if isinstance(tensor, DTensor) else tensor.detach()


def own_part(tensor: Tensor) -> Tensor:
    """This process's part, in the same memory; it may be empty."""
    return tensor.detach().to_local() if isinstance(tensor, DTensor) else tensor.detach()


def fill(tensor: Tensor, values: Tensor) -> None:
    """Give a tensor values, in place.

    Args:
        tensor: whole or split.
        values: whole ones, which every process has.
    """
    own_part(tensor).copy_(own_part(_split_as(values, tensor)))


def whole_state(state: dict[str, Any], keep: bool) -> dict[str, Any]:
    """An optimizer's state as it is where nothing is split. Every process must ask for it.

    Args:
        state: of this process.
        keep: whether this process needs it; otherwise tensors that were split are left out.
    """
    tensors: dict[int, dict[str, Any]] = {}
    for index, values in state["state"].items():
        tensors[index] = {}
        for name, value in values.items():
            all_of_it = whole(value).cpu() if isinstance(value, DTensor) else value
            if keep or all_of_it is value:
                tensors[index][name] = all_of_it
    return state | {"state": tensors}


def split_state(state: dict[str, Any], parameters: Sequence[nn.Parameter]) -> dict[str, Any]:
    """An optimizer's whole state, split as its parameters are.

    Args:
        state: as `whole_state` gives it; every process has it.
        parameters: of the optimizer, in its order.
    """
    return state | {
        "state": {
            index: {
                name: value if name == STEPS else _split_as(value, parameters[index]) for name, value in values.items()
            }
            for index, values in state["state"].items()
        }
    }


@contextmanager
def whole_parameters(*networks: nn.Module) -> Iterator[None]:
    """Let networks have whole parameters for a while, to be run by one process or written down.

    Every process must enter. What is done to the parameters meanwhile is lost.
    """
    split = [
        (module, name, parameter)
        for network in networks
        for module in network.modules()
        for name, parameter in module.named_parameters(recurse=False)
        if isinstance(parameter, DTensor)
    ]
    for module, name, parameter in split:
        module._parameters[name] = nn.Parameter(whole(parameter), parameter.requires_grad)
    try:
        yield
    finally:
        for module, name, parameter in split:
            module._parameters[name] = parameter


def _split_as(values: Tensor, like: Tensor) -> Tensor:
    if not isinstance(like, DTensor):
        return values
    on_device = values.to(like.device)
    return distribute_tensor(on_device, like.device_mesh, like.placements, src_data_rank=None)
