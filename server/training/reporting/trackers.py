"""The accelerator of a training, and the trackers that draw its curves."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

import msgspec
import torch
from accelerate import Accelerator, InitProcessGroupKwargs

from server.packages import install_command
from server.training.checkpoints import TrainingError
from server.training.config import TrainingConfig
from server.training.loop import StepRecord
from server.training.sharding.plugin import check_sharing

LONGEST_WAIT = timedelta(hours=12)
"""That processes wait for the first one, which validates and writes checkpoints; PyTorch's own is 10 or 30 minutes.
When one ends with an error, its machine's launcher ends the others there at once."""
BY_DEFAULT = "tensorboard"
"""The tracker that is used where it is installed and none is asked for."""


def tracker_of(wanted: str) -> str | None:
    """The tracker to use.

    Args:
        wanted: "auto" for TensorBoard where it is installed, "none", "tensorboard" or "wandb".

    Raises:
        TrainingError: the one asked for is not installed.
    """
    if wanted == "none":
        return None
    name = BY_DEFAULT if wanted == "auto" else wanted
    if importlib.util.find_spec(name) is not None:
        return name
    if wanted == "auto":
        return None
    install = f"`{install_command('training')}`" if name == BY_DEFAULT else f"`uv pip install {name}`"
    raise TrainingError(
        f"The tracker {name} is not installed",
        "the configuration asks for it as run.tracker",
        f'Run {install}, or set run.tracker = "none": the curves lie in the training\'s folder always.',
    )


def accelerator_of(config: TrainingConfig) -> Accelerator:
    """The accelerator that a configuration asks for, with the processes and plugins of `accelerate launch`.

    Raises:
        TrainingError: its tracker is not installed, this machine does not know its precision, or the launch shares the
            training in a way that cannot be used.
    """
    tracker = tracker_of(config.run.tracker)
    card = torch.cuda.is_available()
    if config.run.precision == "fp16" and not card:
        raise TrainingError(
            "float16 needs a card", "a processor computes in bfloat16 or float32", 'Set run.precision = "bf16" or "no".'
        )
    try:
        accelerator = Accelerator(
            cpu=not card,  # cameras are float64, which Apple's GPU does not know
            mixed_precision=config.run.precision,
            log_with=tracker,
            project_dir=config.out,
            kwargs_handlers=[InitProcessGroupKwargs(timeout=LONGEST_WAIT)],
        )
    except ValueError as error:
        raise TrainingError(
            "accelerate takes no such launch", str(error), "Mend what `accelerate launch` or its files ask for."
        ) from error
    check_sharing(accelerator, config.run.precision)
    return accelerator


def start_trackers(accelerator: Accelerator, config: TrainingConfig, step: int) -> None:
    """Open the trackers.

    Args:
        accelerator: of the training.
        config: written down by the trackers.
        step: after which the curves go on.
    """
    flat: dict[str, object] = {}
    for key, value in msgspec.to_builtins(config).items():
        inner = value if isinstance(value, dict) else {"": value}
        flat |= {f"{key}.{name}".rstrip("."): v for name, v in inner.items()}
    plain = {key: v if isinstance(v, (bool, int, float, str)) else str(v) for key, v in flat.items()}
    options = {"tensorboard": {"purge_step": step + 1}, "wandb": {"dir": config.out, "name": Path(config.out).name}}
    accelerator.init_trackers("realcam-training", plain, options)


def step_values(record: StepRecord, batch: int) -> Mapping[str, float]:
    """A step's points on the curves by their names.

    Args:
        record: of the step.
        batch: clips of a step.
    """
    return {
        "train/loss": record.loss,
        "train/gradient_norm": record.gradient_norm,
        "train/learning_rate": record.learning_rate,
        "train/skipped": float(record.skipped),
        "train/clips_per_second": batch / record.seconds,
        "train/seconds_waited_for_data": record.waited,
    }
