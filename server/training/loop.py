"""Optimizer steps on accelerate: the same losses however many processes share the batch, and after any kill."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

import torch
from accelerate import Accelerator
from accelerate.utils import broadcast_object_list
from torch import Tensor, nn

from server.model.model import RealCamModel

from .checkpoints import (
    CAMERA,
    CheckpointFacts,
    TrainingError,
    check_same_numbers,
    complete,
    decisive,
    fingerprint,
    load_checkpoint,
    save_checkpoint,
)
from .config import TrainingConfig
from .draws import StepDraws, sample_generator
from .memory import is_out_of_memory, out_of_memory
from .optimizer import MOST_SKIPPED, learning_rate, loss_divisor
from .order import positions
from .sharding.choice import updates_of
from .sharding.shards import fill, own_part, whole, whole_parameters
from .sharding.updates import Update
from .step import StepRules, TrainingBatch, training_step
from .trained_set import (
    HALF,
    camera_tensors,
    freeze,
    halve_frozen,
    load_camera_tensors,
    set_base_dropout,
    trained_set,
)


@dataclass(frozen=True, eq=False)
class NamedBatch:
    """Samples to train on at once.

    Attributes:
        names: of their clips.
        batch: as the network sees them.
        draws: of the step.
    """

    names: tuple[str, ...]
    batch: TrainingBatch
    draws: StepDraws


BatchOf = Callable[[range], NamedBatch]
"""Gives the samples at these positions of the training, always the same ones."""


@dataclass(frozen=True)
class StepRecord:
    """What is told of an optimizer step.

    Attributes:
        step: counted from 1.
        loss: mean over the step's batch.
        gradient_norm: before clipping, of the gradients as they were added up.
        learning_rate: of the step.
        skipped: whether it was left out because loss or gradient is no number.
        seconds: that the step took.
        waited: seconds of these for data.
    """

    step: int
    loss: float
    gradient_norm: float
    learning_rate: float
    skipped: bool
    seconds: float
    waited: float


class StepModule(nn.Module):
    """The step as one module, which is what accelerate distributes.

    Args:
        model: its UNet and pose encoder are the module's own.
        rules: of the step.
    """

    def __init__(self, model: RealCamModel, rules: StepRules) -> None:
        super().__init__()
        self.unet, self.pose_encoder = model.unet, model.pose_encoder
        self._model, self._rules = (model,), rules

    def forward(self, batch: TrainingBatch, draws: StepDraws) -> Tensor:
        """The loss."""
        return training_step(self._model[0], batch, draws, self._rules).loss


class Training:
    """A training that can be stopped and gone on with.

    Args:
        model: on the accelerator's device; its camera modules hold what training begins with.
        config: of the training.
        accelerator: decides processes, devices and precision.
        checkpoints: folder of the checkpoints.
        base: digest of the base, see `base_digest`; "" where it is not known.
    """

    def __init__(
        self, model: RealCamModel, config: TrainingConfig, accelerator: Accelerator, checkpoints: Path, base: str = ""
    ) -> None:
        self._model, self._config, self._accelerator, self._folder = model, config, accelerator, checkpoints
        self._base = base
        self._settings = config.optimizer_rules()
        self.trained = freeze(model)
        halve_frozen(model.unet, HALF.get(config.run.precision))
        set_base_dropout(model.unet, config.dropout)
        model.unet.recompute = model.pose_encoder.recompute = config.run.recompute
        self.step = self.skipped = self._in_a_row = self._saved = 0
        step = StepModule(model, config.rules())
        trained = self.trained.parameters.values()
        self._updates = updates_of(accelerator, step, trained, self._settings, config.run.precision)
        # Those that are split are other objects now.
        self.trained = trained_set(model.unet, model.pose_encoder, model.config)
        self._mean = {key: p.detach().clone() for key, p in self.trained.parameters.items()} if config.run.ema else {}

    def resume(self) -> bool:
        """Go on from the newest checkpoint that the first process sees; whether there is one.

        Raises:
            TrainingError: it is of another configuration or base, or this process does not see it.
        """
        there = complete(self._folder)
        (newest,) = broadcast_object_list([there[-1].name if there else ""])
        if not newest:
            return False
        facts, camera, state = load_checkpoint(self._folder / newest, self._config)
        check_same_numbers(facts, self._base, self._accumulated)
        load_camera_tensors(self._model, camera)
        self._updates.load(state["optimizer"])
        if self._accelerator.scaler is not None:
            self._accelerator.scaler.load_state_dict(state["scaler"])
        with torch.no_grad():
            for key, value in state["mean"].items():
                fill(self._mean[key], value)
        self.step, self.skipped = facts.step, facts.skipped
        self._saved, self._in_a_row = facts.step, state["in_a_row"]
        return True

    def run(self, batch_of: BatchOf, steps: int) -> Iterator[StepRecord]:
        """Take optimizer steps up to this number, and save checkpoints as configured; none after an error.

        Args:
            batch_of: gives the samples.
            steps: to have been done at the end, those before a resume included.

        Raises:
            TrainingError: three steps in a row gave no number, memory is too small, or a checkpoint cannot be written.
        """
        while self.step < steps:
            try:
                record = self._take(batch_of)
            except RuntimeError as error:
                if not is_out_of_memory(error):
                    raise
                raise out_of_memory(error, self._config) from error
            yield record
            if self.step % self._config.run.checkpoint_every == 0 or self.step == steps:
                self.save()

    def save(self) -> None:
        """Write a checkpoint, but for one of this step; only the first process does, with what the others give it."""
        if self._saved == self.step:
            return
        self._saved = self.step
        optimizer = self._updates.state(self._accelerator.is_main_process)
        mean = {key: whole(value) for key, value in self._mean.items()}
        with self.whole_network():
            if self._accelerator.is_main_process:
                self._write(optimizer, mean)
        self._accelerator.wait_for_everyone()  # Steps may wait for others for minutes alone.

    def whole_network(self) -> AbstractContextManager[None]:
        """Lets a single process run the network, see `whole_parameters`; every process must enter."""
        return whole_parameters(self._model.unet, self._model.pose_encoder)

    def _write(self, optimizer: Mapping[str, object], mean: Mapping[str, Tensor]) -> None:
        facts = CheckpointFacts(
            step=self.step,
            fingerprint=fingerprint(self._config),
            variant=self._config.variant,
            skipped=self.skipped,
            mix={str(style): share for style, share in self._config.mix.shares().items()},
            published=self._config.published,
            base=self._base,
            accumulated=self._accumulated,
            decisive=decisive(self._config),
        )
        scaler = self._accelerator.scaler
        state = {
            "optimizer": optimizer,
            "mean": mean,
            "in_a_row": self._in_a_row,
            "scaler": {} if scaler is None else scaler.state_dict(),
        }
        # Where steps are left out, what was written before them stays: what diverged must push out nothing good.
        keep = self._config.run.keep + (MOST_SKIPPED if self._in_a_row else 0)
        save_checkpoint(self._folder, facts, camera_tensors(self._model), state, keep)

    @property
    def _accumulated(self) -> int:
        return self._config.run.accumulation(self._accelerator.num_processes)

    @property
    def mean(self) -> Mapping[str, Tensor]:
        """The running mean of the trained tensors by published key; empty where none is kept."""
        return self._mean

    def _take(self, batch_of: BatchOf) -> StepRecord:
        run, world = self._config.run, self._accelerator.num_processes
        accumulated = self._accumulated
        losses: list[Tensor] = []
        names: list[str] = []
        started, waited = time.perf_counter(), 0.0
        for micro in range(accumulated):
            rank = self._accelerator.process_index
            asked = time.perf_counter()
            samples = batch_of(positions(self.step, micro, rank, world, run.batch_per_process, run.batch))
            waited += time.perf_counter() - asked
            names += samples.names
            # The base's dropout draws from PyTorch's own generators: the same for these clips in any process.
            torch.manual_seed(sample_generator(run.seed, self.step, micro * world + rank, 0, 7).initial_seed())
            last = micro == accumulated - 1
            with self._updates.accumulating(last):
                micro_loss = self._updates.loss(samples.batch, samples.draws)
                self._updates.backward(micro_loss / loss_divisor(accumulated, self._settings))
            losses.append(micro_loss.detach().float())
        loss = float(self._accelerator.reduce(torch.stack(losses).mean(), reduction="mean"))
        rate = learning_rate(self.step, self._settings)
        update = self._updates.apply(rate, math.isfinite(loss))
        self.step += 1
        self._count(update, loss, names)
        return StepRecord(self.step, loss, update.norm, rate, not update.done, time.perf_counter() - started, waited)

    def _count(self, update: Update, loss: float, names: Iterable[str]) -> None:
        """Follow the tensors where they were moved, and end the training where they were not for too long."""
        if update.done:
            self._in_a_row = 0
            self._follow()
        else:
            self.skipped += 1
            self._in_a_row += not update.overflowed
        if self._in_a_row >= MOST_SKIPPED:
            raise TrainingError(
                "The training gives no numbers any more",
                f"{self._in_a_row} steps in a row; the last, {self.step}, had loss {loss} and gradient norm "
                f"{update.norm} on {', '.join(names)}",
                f"Look at these clips; or begin another training, in another folder, with a lower learning rate and "
                f'the tensors of an earlier checkpoint: camera = "{self._folder}/step-.../{CAMERA}".',
            )

    def _follow(self) -> None:
        decay = self._config.run.ema
        with torch.no_grad():
            for key, value in self._mean.items():
                own_part(value).lerp_(own_part(self.trained.parameters[key]), 1.0 - decay)
