"""`realcam train`: the camera modules at absolute scale, on a frozen base."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from blender_addon.core.errors import RealCamError
from server.commands.friendly_errors import friendly_errors
from server.packages import MODEL_PACKAGES, absent_packages
from server.terminal.plain_console import say

from .shown_steps import shown_steps

if TYPE_CHECKING:
    from accelerate import Accelerator

    from server.training.config import TrainingConfig
    from server.training.data.clip_set import ClipSet
    from server.training.loop import StepRecord

CHECKPOINTS = "checkpoints"
"""Folder of the checkpoints in a training's own."""


def train(
    config: Annotated[Path, typer.Argument(help="Configuration, TOML.")],
    check: Annotated[bool, typer.Option("--check", help="Read configuration and clips, and stop.")] = False,
) -> None:
    """Train camera modules; a training that was stopped goes on where its newest checkpoint is.

    With several processes: accelerate launch -m server.cli train CONFIG.toml
    """
    with friendly_errors():
        absent = absent_packages((*MODEL_PACKAGES, "accelerate", "filelock"), "models")
        if absent:
            raise RealCamError("Nothing can be trained here", absent)
        _train(config, check)


def _train(file: Path, check: bool) -> None:
    from server.training.config import read_config
    from server.training.data.clip_set import report
    from server.training.data.opening import open_clips

    config = read_config(file)
    clips = open_clips(config.data, config.model.frames, Path(config.out))
    if os.environ.get("RANK", "0") == "0":
        for line in report(clips, all_names=check):
            say(line)
    if check:
        return

    from server.training.reporting.trackers import accelerator_of
    from server.training.run_folder import only_training

    accelerator = accelerator_of(config)
    config.run.accumulation(accelerator.num_processes)
    with only_training(Path(config.out)) if accelerator.is_main_process else nullcontext():
        _run(config, clips, accelerator)


def _run(config: TrainingConfig, clips: ClipSet, accelerator: Accelerator) -> None:
    from server.model.weights.camera_tensors import base_digest
    from server.model.weights.tensor_files import open_tensors
    from server.training.batches import ClipBatches
    from server.training.exports.run_record import record_run
    from server.training.feeding.frozen_outputs import frozen_outputs
    from server.training.feeding.loader import SampleLoader
    from server.training.feeding.sources import SampleSource
    from server.training.loop import Training
    from server.training.memory import suit_allocator
    from server.training.reporting.trackers import start_trackers, step_values
    from server.training.run_folder import MetricsFile
    from server.training.start import starting_model
    from server.training.validation.validation import Validation, held_out_clips

    run, main = config.run, accelerator.is_main_process
    suit_allocator(run.recompute)
    model = starting_model(config, accelerator.device)
    base = base_digest(open_tensors(Path(config.base)))
    training = Training(model, config, accelerator, Path(config.out) / CHECKPOINTS, base)
    curves = MetricsFile(Path(config.out))
    if training.resume() and main:
        say(f"Going on from step {training.step}")
    if main:
        record_run(config, base, len(clips), clips.refused)
        curves.go_back(training.step)
    source = SampleSource(
        clips=clips,
        config=config.model,
        size=config.frame_size,
        stride=config.data.stride,
        seed=run.seed,
        mix=config.mix.shares(),
        published=config.published,
        frames=config.model.frames,
        timestep_shift=config.timestep_shift,
        first=config.condition_frame == "first",
        points=config.correspondence > 0.0,
    )
    loader = SampleLoader(source, config.data.workers, accelerator.num_processes * run.batch_per_process)
    frozen = None
    if config.data.cache:
        frozen = frozen_outputs(model, Path(config.data.cache), config.frame_size, config.data.cache_image_tokens)
        if main:
            say(frozen.size_said(clips))
    batches = ClipBatches(model, loader, config.condition_dropout, frozen)
    held_out = held_out_clips(config)
    validation = None if held_out is None else Validation(model, config, accelerator, held_out)
    if main:
        say("No held-out clips: nothing is validated" if held_out is None else f"{len(held_out)} held-out clips")
    start_trackers(accelerator, config, training.step)

    def draw(step: int, values: Mapping[str, float]) -> None:
        accelerator.log(values, step=step)
        curves.write(step, values)

    def validate(step: int) -> None:
        with training.whole_network() if validation else nullcontext():
            if main and validation is not None:
                draw(step, validation(step))
        accelerator.wait_for_everyone()

    try:
        if training.step == 0:
            validate(0)
        with shown_steps(training.step, run.steps, run.batch) if main else nullcontext(_unseen) as show:
            for record in training.run(batches, run.steps):
                if main:
                    draw(record.step, step_values(record, run.batch))
                    show(record)
                if record.step == run.steps or (validation and record.step % config.validation.every == 0):
                    training.save()  # A validation takes minutes, and may fail.
                    validate(record.step)
    finally:
        loader.close()
        for name, why in loader.broken.items():
            say(f"{name} cannot be decoded, others were trained on in its place: {why}")
        accelerator.end_training()


def _unseen(record: StepRecord) -> None:
    del record
