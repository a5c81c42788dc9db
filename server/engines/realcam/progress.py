"""The sampler's hooks as progress reports of the engine."""

from __future__ import annotations

import time
from dataclasses import replace

from torch import Tensor

from blender_addon.core.progress import JobProgress, OnProgress
from server.model.sampling.shot_sampler import Hooks
from server.model.vae import latent_picture

from .shot_checkpoint import CheckpointManager

PICTURE_EVERY = 2
"""Steps from one preview picture of the clip to the next."""

POLL_SECONDS = 0.2
"""Seconds between two looks for a cancel inside a step."""


class Progress:
    """Reports each step, with a picture now and then; between steps it only lets the receiver cancel.

    Args:
        report: receives the progress; what it raises ends the sampling.
    """

    def __init__(self, report: OnProgress) -> None:
        self._report = report
        self._last = JobProgress(0, 1, "Loading the model")
        self._reported = time.monotonic()

    def hooks(self, keeper: CheckpointManager, colours: Tensor) -> Hooks:
        """The sampler's hooks: they raise what `report` and the keeper's checkpoints raise.

        Args:
            keeper: told of each state.
            colours: [C + 1, 3] of the model's latents, for the pictures, see `VideoVae.colours`.
        """

        def step(done: int, of: int, clean: Tensor) -> None:
            with_picture = done % PICTURE_EVERY == 0 or done == of
            picture = latent_picture(clean, clean.shape[2] // 2, colours) if with_picture else None
            self._send(JobProgress(done, of, "Sampling", picture))

        def work() -> None:
            self.alive()
            keeper.on_work()

        return Hooks(on_step=step, on_work=work, on_stage=self.stage, on_state=keeper.on_state)

    def stage(self, name: str) -> None:
        """Report the name of what is being done, at the progress reached so far."""
        self._send(JobProgress(self._last.done, self._last.total, name))

    def alive(self) -> None:
        """Report again what was reported last, when it is time to look for a cancel."""
        if time.monotonic() - self._reported >= POLL_SECONDS:
            self._send(replace(self._last, preview=None))

    def _send(self, step: JobProgress) -> None:
        self._last, self._reported = step, time.monotonic()
        self._report(step)
