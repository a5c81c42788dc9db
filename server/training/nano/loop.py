"""Steps of a small network on one machine: resumed to the same numbers, with a running mean and a log."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Literal, Protocol

import msgspec
import torch
from msgspec import Meta
from torch import Tensor, nn

from blender_addon.core.atomic_file import sync_file, sync_folder
from blender_addon.core.held_files import discard, rename_path
from server.training.checkpoints import TrainingError, not_for_all, not_written
from server.training.optimizer import MOST_SKIPPED, clip, global_norm
from server.training.run_folder import MetricsFile

from .processes import Processes

CHECKPOINTS = "step-*.pt"
"""Names of a training's checkpoints, which sort by their steps."""
ALONE = Processes()
"""No other process shares the training."""


AtLeastOne = Annotated[int, Meta(ge=1)]
AtLeastZero = Annotated[int, Meta(ge=0)]


class Pace(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How long and how fast.

    Attributes:
        steps: in all; the learning rate falls to a twentieth along a cosine towards them.
        batch: samples of a step, of all processes together.
        learning_rate: of AdamW, highest.
        warmup: steps over which it rises from 0.
        weight_decay: decoupled.
        max_gradient_norm: larger gradients are scaled down to it.
        ema: decay of the running mean of the weights, which is what the training gives in the end.
        log_every: steps.
        checkpoint_every: steps; validation as well.
        seed: of everything random.
        precision: "bf16" computes matrix products in bfloat16; weights, norms and the optimizer stay float32.
    """

    steps: AtLeastOne
    batch: AtLeastOne
    learning_rate: Annotated[float, Meta(gt=0.0)]
    warmup: AtLeastZero = 100
    weight_decay: Annotated[float, Meta(ge=0.0)] = 1e-2
    max_gradient_norm: Annotated[float, Meta(gt=0.0)] = 1.0
    ema: Annotated[float, Meta(ge=0.0, lt=1.0)] = 0.999
    log_every: AtLeastOne = 20
    checkpoint_every: AtLeastOne = 200
    seed: AtLeastZero = 0
    precision: Literal["no", "bf16"] = "no"

    def rate(self, step: int) -> float:
        """The learning rate of a step, counted from 0."""
        if step < self.warmup:
            return self.learning_rate * (step + 1) / self.warmup
        done = min(1.0, (step - self.warmup) / max(1, self.steps - self.warmup))
        return self.learning_rate * (0.05 + 0.95 * 0.5 * (1.0 + math.cos(math.pi * done)))

    def mean_decay(self, step: int) -> float:
        """Decay of the running mean after a step, counted from 0: smaller at first, so that it forgets the start."""
        return min(self.ema, (1.0 + step) / (10.0 + step))


class Learner(Protocol):
    """What is trained."""

    @property
    def networks(self) -> Mapping[str, nn.Module]:
        """What learns, by name: those of its parameters that require gradients."""
        ...

    @property
    def origin(self) -> Mapping[str, str]:
        """What the numbers of its training depend on besides the data, by name: checkpoints of another are refused."""
        ...

    def loss(self, step: int) -> tuple[Tensor, dict[str, float]]:
        """The loss of a step, which depends on nothing but weights, data and the step's number; and what to log.

        Each of several processes gives numbers of its own.
        """
        ...

    def validate(self, step: int, folder: Path) -> dict[str, float]:
        """Fixed measures of the networks as they are, and pictures into the folder."""
        ...


def begun(folder: Path) -> bool:
    """Whether a training's folder has a checkpoint, from which it goes on."""
    return any(folder.glob(CHECKPOINTS))


class NanoTraining:
    """A training that goes on where its newest checkpoint is.

    Args:
        learner: what is trained.
        pace: how.
        folder: of checkpoints, log and pictures.
        processes: that share each step; the learner takes this one's part of the batch.
    """

    def __init__(self, learner: Learner, pace: Pace, folder: Path, processes: Processes = ALONE) -> None:
        self._learner, self._pace, self._folder, self._processes = learner, pace, folder, processes
        self.parameters = {
            f"{name}.{key}": parameter
            for name, network in learner.networks.items()
            for key, parameter in network.named_parameters()
            if parameter.requires_grad
        }
        self._optimizer = torch.optim.AdamW(
            self.parameters.values(), lr=pace.learning_rate, betas=(0.9, 0.99), weight_decay=pace.weight_decay
        )
        self.mean = {key: p.detach().clone() for key, p in self.parameters.items()}
        self.step = self._in_a_row = 0
        self._curves = MetricsFile(folder)

    @property
    def first(self) -> bool:
        """Whether this process is the one that logs, measures and writes."""
        return self._processes.first

    def resume(self) -> bool:
        """Go on from the newest checkpoint that the first process sees; whether there is one.

        Raises:
            TrainingError: it is of another training, or this process does not see it.
        """
        there = sorted(self._folder.glob(CHECKPOINTS))
        newest = self._processes.chosen(there[-1].name if there else "")
        if not newest:
            self._go_back()
            return False
        file = self._folder / newest
        if not file.is_file():
            raise not_for_all(file)
        state: dict[str, Any] = torch.load(file, map_location="cpu", weights_only=True)
        self._refuse_another(file, state["origin"])
        with torch.no_grad():
            for key, parameter in self.parameters.items():
                parameter.copy_(state["parameters"][key])
                self.mean[key].copy_(state["mean"][key])
        self._optimizer.load_state_dict(state["optimizer"])
        self.step = state["step"]
        self._go_back()
        return True

    def _go_back(self) -> None:
        if self._processes.first:
            self._curves.go_back(self.step)

    def run(self, steps: int | None = None) -> Iterator[dict[str, float]]:
        """Take steps up to this number, or all; what is logged of them, by the first process alone.

        Raises:
            TrainingError: three steps in a row gave no number, or a checkpoint cannot be written.
        """
        end, began = self._pace.steps if steps is None else steps, time.monotonic()
        while self.step < end:
            facts = self._take()
            if not self._processes.first:
                continue
            if self.step % self._pace.log_every == 0 or self.step == end:
                since, began = time.monotonic() - began, time.monotonic()
                yield self._log(facts | {"seconds_a_step": since / self._pace.log_every})
            if self.step % self._pace.checkpoint_every == 0 or self.step == end:
                self.save()
                with self.averaged():
                    yield self._log(self._learner.validate(self.step, self._folder))

    @contextmanager
    def averaged(self) -> Iterator[None]:
        """The networks with the running mean of their weights."""
        own = {key: p.detach().clone() for key, p in self.parameters.items()}
        try:
            self._fill(self.mean)
            yield
        finally:
            self._fill(own)

    def save(self) -> Path:
        """Write a checkpoint; the one before it stays, older ones go.

        Raises:
            TrainingError: it cannot be written; the earlier ones are untouched.
        """
        final = self._folder / f"step-{self.step:08d}.pt"
        part = final.with_suffix(".part")
        state = {
            "step": self.step,
            "origin": dict(self._learner.origin),
            "parameters": {key: p.detach() for key, p in self.parameters.items()},
            "mean": self.mean,
            "optimizer": self._optimizer.state_dict(),
        }
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            torch.save(state, part)
            sync_file(part)
            rename_path(part, final)
            sync_folder(self._folder)
        except (OSError, RuntimeError) as error:
            discard(part)
            raise TrainingError(
                "The checkpoint cannot be written",
                f"{final}: {not_written(error)}",
                "Make room; earlier ones are untouched.",
            ) from error
        for old in sorted(self._folder.glob(CHECKPOINTS))[:-2]:
            discard(old)
        return final

    def _refuse_another(self, file: Path, origin: Mapping[str, str]) -> None:
        own = self._learner.origin
        other = [f"{name} {origin.get(name, 'unknown')}, not {value}" for name, value in own.items()
                 if origin.get(name) != value]  # fmt: skip
        if other:
            raise TrainingError(
                "The folder holds another training",
                f"{file} has {'; '.join(other)}",
                "Choose another folder (`out`), or the configuration that this one was begun with.",
            )

    def _take(self) -> dict[str, float]:
        for group in self._optimizer.param_groups:
            group["lr"] = self._pace.rate(self.step)
        self._optimizer.zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=self._pace.precision == "bf16"):
            loss, facts = self._learner.loss(self._processes.turn(self.step))
        loss.backward()
        gradients = [p.grad for p in self.parameters.values() if p.grad is not None]
        self._processes.average(gradients)
        norm, value = global_norm(gradients), float(loss.detach())
        if math.isfinite(value) and math.isfinite(norm):
            clip(gradients, self._pace.max_gradient_norm, norm)
            self._optimizer.step()
            self._follow()
            self._in_a_row = 0
        else:
            self._in_a_row += 1
        self.step += 1
        if self._in_a_row >= MOST_SKIPPED:
            raise TrainingError(
                "The training gives no numbers any more",
                f"{self._in_a_row} steps in a row; the last, {self.step}, had loss {value} and gradient norm {norm}",
                "Go on from an earlier checkpoint with a lower learning rate.",
            )
        return {"loss": value, "gradient": norm, **facts}

    def _follow(self) -> None:
        weight = 1.0 - self._pace.mean_decay(self.step)
        with torch.no_grad():
            torch._foreach_lerp_(list(self.mean.values()), [p.detach() for p in self.parameters.values()], weight)

    def _fill(self, values: Mapping[str, Tensor]) -> None:
        with torch.no_grad():
            for key, parameter in self.parameters.items():
                parameter.copy_(values[key])

    def _log(self, facts: Mapping[str, float]) -> dict[str, float]:
        values = {name: float(f"{value:.6g}") for name, value in facts.items()}
        self._folder.mkdir(parents=True, exist_ok=True)
        self._curves.write(self.step, values)
        return {"step": float(self.step)} | values
