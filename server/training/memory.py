"""What a training does with memory, and what to change in its configuration when it does not fit."""

from __future__ import annotations

import torch

from server.model.cpu.allocator import give_back_large_blocks, keep_freed_memory

from .checkpoints import TrainingError
from .config import RunSettings

_CPU_WORDS = ("can't allocate memory", "not enough memory", "Cannot allocate memory")


def suit_allocator(recompute: bool) -> None:
    """Have freed memory given back where activations are computed again to save it, and else kept, to save time.

    Args:
        recompute: see RunSettings.
    """
    if recompute:
        give_back_large_blocks()
    else:
        keep_freed_memory()


def is_out_of_memory(error: RuntimeError) -> bool:
    """Whether PyTorch found no memory, on a card or on the CPU, where it has no error of its own for that."""
    return isinstance(error, torch.OutOfMemoryError) or any(words in str(error) for words in _CPU_WORDS)


def out_of_memory(error: RuntimeError, run: RunSettings) -> TrainingError:
    """The error that says what would fit.

    Args:
        error: PyTorch's.
        run: settings that did not fit.
    """
    said = str(error).strip().splitlines()[0]
    return TrainingError("The training does not fit into memory", said, f"{smaller(run)} It goes on where it was.")


def smaller(run: RunSettings) -> str:
    """What to set so that a step takes less memory, in a sentence; first what leaves the losses as they are.

    Args:
        run: settings that did not fit.
    """
    if run.batch_per_process > 1:
        fewer = max(n for n in range(1, run.batch_per_process) if run.batch_per_process % n == 0)
        return f"Set run.batch_per_process = {fewer}: a step has the same {run.batch} clips, by more accumulation."
    if not run.recompute:
        return (
            "Set run.recompute = true: activations are computed again instead of kept, for a third more time and a "
            "fraction of the memory."
        )
    if run.precision == "no":
        return 'Set run.precision = "bf16".'
    return "Set a smaller size, or use more memory: a step is one clip already, and its activations are not kept."
