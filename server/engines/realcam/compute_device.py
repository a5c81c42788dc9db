"""What shots are computed on, made ready for it."""

from __future__ import annotations

import torch

from blender_addon.core.errors import EngineError
from server.model.cpu.allocator import keep_freed_memory

NO_CODE = "no kernel image is available"


def compute_device() -> torch.device:
    """The card where PyTorch sees one, else the CPU. Raises EngineError on a card that it sees and cannot use."""
    if not torch.cuda.is_available():
        keep_freed_memory()
        return torch.device("cpu")
    check_card()
    # Of float32, cuDNN's convolutions would otherwise read 10 bits of the 23.
    torch.backends.cudnn.allow_tf32 = False
    return torch.device("cuda")


def check_card() -> None:
    """Compute next to nothing on it: builds of PyTorch leave older cards out, and the newest come after them."""
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
