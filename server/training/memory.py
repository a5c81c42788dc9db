"""What a training does with memory, and what to change in its configuration when it does not fit."""

from __future__ import annotations

import torch

from server.model.cpu.allocator import give_back_large_blocks, keep_freed_memory

from .checkpoints import TrainingError
from .config import TrainingConfig

GOES_ON = "The training goes on where it was."
BEGINS_ANEW = "That is another training: choose another folder as out."
"""Said of a change that a checkpoint's fingerprint allows, and of one that it does not."""
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


def out_of_memory(error: RuntimeError, config: TrainingConfig) -> TrainingError:
    """The error that says what would fit.

    Args:
        error: PyTorch's.
        config: of the training that did not fit.
    """
    said = str(error).strip().splitlines()[0]
    return TrainingError("The training does not fit into memory", said, smaller(config))


def validation_out_of_memory(error: RuntimeError) -> TrainingError:
    """The error of a validation that does not fit beside the training.

    Args:
        error: PyTorch's.
    """
    return TrainingError(
        "The validation does not fit into memory beside the training",
        str(error).strip().splitlines()[0],
        f"Set validation.sampled_clips = 0, or validation.every = 0. {GOES_ON}",
    )


def smaller(config: TrainingConfig) -> str:
    """What to set so that a step takes less memory, in words; first what leaves the losses as they are.

    Args:
        config: of the training that did not fit.
    """
    run = config.run
    if run.batch_per_process > 1 and not config.published:
        fewer = max(n for n in range(1, run.batch_per_process) if run.batch_per_process % n == 0)
        same = f"a step has the same {run.batch} clips, by more accumulation"
        return f"Set run.batch_per_process = {fewer}: {same}. {GOES_ON}"
    if not run.recompute and not config.correspondence:
        return (
            "Set run.recompute = true: activations are computed again instead of kept, for a third more time and a "
            f"fraction of the memory. {GOES_ON}"
        )
    if run.precision == "no":
        return f'Set run.precision = "bf16". {BEGINS_ANEW}'
    return f"Set a smaller size, or use more memory: nothing else is left to save. {BEGINS_ANEW}"
