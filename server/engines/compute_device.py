"""The device that shots are computed on, checked and set up."""

from __future__ import annotations

import torch

from blender_addon.core.errors import EngineError
from server.model.cpu.allocator import keep_freed_memory

NO_CODE = "no kernel image is available"
"""Part of PyTorch's message on a GPU that it was not built for."""


def compute_device() -> torch.device:
    """The GPU where PyTorch sees one, else the CPU, set up for sampling.

    Raises:
        EngineError: PyTorch sees a GPU that it was not built for.
    """
    if not torch.cuda.is_available():
        keep_freed_memory()
        return torch.device("cpu")
    check_card()
    # Of float32, cuDNN's convolutions would otherwise read 10 bits of the 23.
    torch.backends.cudnn.allow_tf32 = False
    return torch.device("cuda")


def compute_devices() -> tuple[torch.device, ...]:
    """That of `compute_device`, and the other GPUs of its kind that this process sees: they make the same numbers.

    Raises:
        EngineError: PyTorch sees a GPU that it was not built for.
    """
    first = compute_device()
    if first.type != "cuda":
        return (first,)
    kinds = [
        (card.name, card.total_memory)
        for card in (torch.cuda.get_device_properties(number) for number in range(torch.cuda.device_count()))
    ]
    others = (torch.device("cuda", number) for number, kind in enumerate(kinds) if number and kind == kinds[0])
    return (first, *others)


def check_card() -> None:
    """Run a trivial computation on the GPU: builds of PyTorch leave older ones out, and the newest come after them.

    Raises:
        EngineError: PyTorch was not built for this GPU.
    """
    try:
        torch.ones(1, device="cuda").add_(1).item()
    except RuntimeError as error:
        if NO_CODE not in str(error):
            raise
        raise EngineError(
            "The server's PyTorch cannot use its card",
            "it holds no code for one so old or so new",
            "Install a build of PyTorch for this card, or set CUDA_VISIBLE_DEVICES=-1 to compute on the processor.",
        ) from error
