"""`realcam train`: the camera modules at absolute scale, on a frozen base."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from blender_addon.core.errors import RealCamError
from server.commands.friendly_errors import friendly_errors
from server.packages import MODEL_PACKAGES, absent_packages
from server.terminal.plain_console import say

FRAMES = 16
"""Of a sample: what the published networks know."""


def train(
    config: Annotated[Path, typer.Argument(help="Configuration, TOML.")],
    check: Annotated[bool, typer.Option("--check", help="Read configuration and clips, and stop.")] = False,
) -> None:
    """Train camera modules; a training that was stopped goes on where its newest checkpoint is.

    With several processes: accelerate launch -m server.cli train CONFIG.toml
    """
    with friendly_errors():
        absent = absent_packages((*MODEL_PACKAGES, "accelerate"), "models")
        if absent:
            raise RealCamError("Nothing can be trained here", absent)
        _train(config, check)


def _train(file: Path, check: bool) -> None:
    from server.training.config import read_config
    from server.training.data.aligned_clips import open_aligned

    config = read_config(file)
    clips = open_aligned(*config.data.folders, FRAMES, config.data.fps)
    say(f"{len(clips)} clips; left out: {sum(clips.refused.values())}")
    for reason, count in clips.refused.items():
        say(f"  {count}: {reason}")
    if check:
        return

    from accelerate import Accelerator

    from server.training.batches import ClipBatches
    from server.training.loop import Training
    from server.training.start import starting_model

    accelerator = Accelerator(mixed_precision=config.run.precision)
    config.run.accumulation(accelerator.num_processes)
    model = starting_model(config, accelerator.device)
    training = Training(model, config, accelerator, Path(config.out) / "checkpoints")
    if training.resume() and accelerator.is_main_process:
        say(f"Going on from step {training.step}")
    batches = ClipBatches(
        model=model,
        clips=clips,
        size=config.size or config.model.size,
        stride=config.data.stride,
        seed=config.run.seed,
        mix=config.mix.shares(),
        condition_dropout=config.condition_dropout,
        published=config.published,
        frames=FRAMES,
    )
    for record in training.run(batches, config.run.steps):
        if accelerator.is_main_process:
            skipped = ", left out" if record.skipped else ""
            say(f"{record.step}: loss {record.loss:.5f}, gradient {record.gradient_norm:.3g}{skipped}")
