"""Progress of a pipeline, and a cancel within a step: its networks' parts ask whether to go on."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from torch import nn

from blender_addon.core.arrays import UInt8
from blender_addon.core.progress import JobProgress, OnProgress

POLL_SECONDS = 0.2
"""Seconds between two looks for a cancel inside a step."""


class Watch:
    """Reports steps and stages; between them it only lets the receiver cancel.

    Args:
        report: receives the progress; what it raises ends the work.
        total: steps of all segments.
    """

    def __init__(self, report: OnProgress, total: int) -> None:
        self._report = report
        self._last = JobProgress(0, total, "Loading the model")
        self._reported = time.monotonic()

    def stage(self, name: str) -> None:
        """Report the name of what is being done, at the progress reached so far."""
        self._send(replace(self._last, stage=name, preview=None))

    def step(self, done: int, picture: UInt8 | None, stage: str = "Sampling") -> None:
        """Report that so many steps are done.

        Args:
            done: of all segments.
            picture: how the clip looks so far, None for no new one.
            stage: what the steps are of.
        """
        self._send(replace(self._last, done=done, stage=stage, preview=picture))

    def poll(self) -> None:
        """Report again what was reported last, if that is some time ago."""
        if time.monotonic() - self._reported >= POLL_SECONDS:
            self._send(replace(self._last, preview=None))

    def _send(self, progress: JobProgress) -> None:
        self._last, self._reported = progress, time.monotonic()
        self._report(progress)


@contextmanager
def polled(pipe: Any, watch: Watch) -> Iterator[None]:
    """While the context lasts every part of the pipeline's networks polls before it computes.

    What the poll raises leaves the pipeline's call: within a step, and while pictures are encoded and decoded.

    Args:
        pipe: diffusers'.
        watch: is polled.
    """
    parts = [
        part
        for component in pipe.components.values()
        if isinstance(component, nn.Module)
        for part in component.modules()
    ]
    hooks = [part.register_forward_pre_hook(lambda _part, _inputs: watch.poll()) for part in parts]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()
