"""`realcam train`: the camera modules at absolute scale, on a frozen base."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from blender_addon.core.errors import RealCamError
from blender_addon.core.programs import join_command
from server.commands.friendly_errors import friendly_errors
from server.packages import MODEL_PACKAGES, absent_packages
from server.terminal.plain_console import say

from .shown_steps import shown_steps

if TYPE_CHECKING:
    from accelerate import Accelerator

    from server.model.model import RealCamModel
    from server.training.config import TrainingConfig
    from server.training.data.clip_set import ClipSet
    from server.training.data.posed_clips import PosedClips
    from server.training.feeding.sources import SampleSource
    from server.training.loop import StepRecord, Training

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
        try:
            _train(config, check)
        except KeyboardInterrupt:
            if not check and _is_first():
                say("Stopped. The same command goes on from the newest checkpoint, if there is one.", err=True)
            raise


def _train(file: Path, check: bool) -> None:
    from server.training.config import read_config
    from server.training.data.clip_set import report
    from server.training.data.opening import open_clips
    from server.training.reporting.trackers import accelerator_of, tracker_of
    from server.training.run_folder import only_training
    from server.training.start import checked_base
    from server.training.validation.validation import held_out_clips

    config = read_config(file)
    tracker_of(config.run.tracker)
    checked_base(config)
    clips = open_clips(config.data, config.model.frames, Path(config.out))
    if _is_first():
        for line in report(clips, all_names=check):
            say(line)
    if check:
        say(held_out_said(config, held_out_clips(config)))
        return

    accelerator = accelerator_of(config)
    config.run.accumulation(accelerator.num_processes)
    with only_training(Path(config.out)) if accelerator.is_main_process else nullcontext():
        _run(config, clips, accelerator)


def _run(config: TrainingConfig, clips: ClipSet, accelerator: Accelerator) -> None:
    from server.training.batches import ClipBatches
    from server.training.feeding.frozen_outputs import frozen_outputs
    from server.training.feeding.loader import SampleLoader
    from server.training.memory import suit_allocator
    from server.training.reporting.trackers import start_trackers, step_values
    from server.training.run_folder import MetricsFile
    from server.training.start import starting_model
    from server.training.validation.validation import Validation, held_out_clips

    run, main = config.run, accelerator.is_main_process
    tell = say if main else _untold
    suit_allocator(run.recompute)
    model = starting_model(config, accelerator.device)
    curves = MetricsFile(Path(config.out))
    training = _resumed(model, config, clips, accelerator)
    if main:
        curves.go_back(training.step)
    loader = SampleLoader(
        _samples_of(config, clips), config.data.workers, accelerator.num_processes * run.batch_per_process
    )
    frozen = None
    if config.data.cache:
        frozen = frozen_outputs(model, Path(config.data.cache), config.frame_size, config.data.cache_image_tokens)
        tell(frozen.size_said(clips))
    batches = ClipBatches(model, loader, config.condition_dropout, frozen)
    held_out = held_out_clips(config)
    validation = None if held_out is None else Validation(model, config, accelerator, held_out)
    tell(held_out_said(config, held_out))
    start_trackers(accelerator, config, training.step)
    accelerator.wait_for_everyone()

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
        export = join_command(["realcam", "weights", "export", config.out, "FOLDER"])
        tell(f"{training.step} steps are done. For a network of them: {export}")
    finally:
        loader.close()
        for name, why in loader.broken.items():
            say(f"{name} cannot be decoded, others were trained on in its place: {why}")
        accelerator.end_training()


def _resumed(model: RealCamModel, config: TrainingConfig, clips: ClipSet, accelerator: Accelerator) -> Training:
    """The training where its newest checkpoint is; its folder says from then on what it is."""
    from server.model.weights.camera_tensors import base_digest
    from server.model.weights.tensor_files import open_tensors
    from server.training.exports.run_record import clips_before, record_run
    from server.training.loop import Training

    out, base = Path(config.out), base_digest(open_tensors(Path(config.base)))
    training = Training(model, config, accelerator, out / CHECKPOINTS, base)
    goes_on = training.resume()
    if not accelerator.is_main_process:
        return training
    if goes_on and training.step < config.run.steps:
        say(f"Going on from step {training.step}")
        before, now = clips_before(out), len(clips)
        if before not in (None, now):
            say(f"Last time there were {before} clips, now {now}: it draws other samples than it would have")
    record_run(config, base, len(clips), clips.refused)
    return training


def _samples_of(config: TrainingConfig, clips: ClipSet) -> SampleSource:
    from server.training.feeding.sources import SampleSource

    return SampleSource(
        clips=clips,
        config=config.model,
        size=config.frame_size,
        stride=config.data.stride,
        seed=config.run.seed,
        mix=config.mix.shares(),
        published=config.published,
        frames=config.model.frames,
        timestep_shift=config.timestep_shift,
        first=config.condition_frame == "first",
        points=config.correspondence > 0.0,
    )


def _is_first() -> bool:
    """Whether this process is the first of those that were launched together, as their launcher says."""
    return os.environ.get("RANK", "0") == "0"


def held_out_said(config: TrainingConfig, clips: PosedClips | None) -> str:
    """What is validated on, in words.

    Args:
        config: of the training.
        clips: that are held out.
    """
    if not config.validation.every:
        return "Nothing is validated: validation.every is 0"
    return "No held-out clips: nothing is validated" if clips is None else f"{len(clips)} held-out clips"


def _unseen(record: StepRecord) -> None:
    del record


def _untold(text: str) -> None:
    del text
