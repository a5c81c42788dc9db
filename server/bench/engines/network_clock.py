"""Clocks for a pipeline's networks, and for what goes on around them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any

import msgspec
import torch

NETWORKS = (("text_encoder", "forward"), ("transformer", "forward"), ("vae", "encode"), ("vae", "decode"))
"""The components of pipelines that are networks, and the method that is called of each."""
NETWORK = "network"
LOADING = "loading"


class Span(msgspec.Struct, frozen=True):
    """Time that passed.

    Attributes:
        seconds: by the clock.
        processor: seconds of the processor, of all threads.
    """

    seconds: float = 0.0
    processor: float = 0.0

    def __add__(self, other: Span) -> Span:
        return Span(self.seconds + other.seconds, self.processor + other.processor)

    def __sub__(self, other: Span) -> Span:
        return Span(self.seconds - other.seconds, self.processor - other.processor)


class NetworkClock:
    """Attributes time to the networks, to their loading, and to the stages of the work around them.

    Args:
        device: that the networks run on; its work is waited for wherever time is taken.
        stage: that the work begins with.
    """

    def __init__(self, device: torch.device, stage: str) -> None:
        self._device, self._at = device, stage
        self._spans: dict[str, Span] = {}
        self._since = self._now()

    @property
    def outside(self) -> dict[str, Span]:
        """What passed in each stage outside the networks and their loading."""
        return {name: span for name, span in self._spans.items() if name not in (NETWORK, LOADING)}

    @property
    def network(self) -> Span:
        """What passed within the networks."""
        return self._spans.get(NETWORK, Span())

    def stage(self, name: str) -> None:
        """Attribute what passes from now on to a stage. Called outside the networks.

        Args:
            name: of the stage.
        """
        now = self._now()
        self._spans[self._at] = self._spans.get(self._at, Span()) + (now - self._since)
        self._at, self._since = name, now

    def report(self, stage: str) -> None:
        """The same for a stage that was reported, if it is another; reports from within the networks change nothing.

        Args:
            stage: of the work.
        """
        if self._at not in (NETWORK, stage):
            self.stage(stage)

    @contextmanager
    def within(self, name: str) -> Iterator[None]:
        """Attribute what passes within the context to NETWORK or LOADING.

        Args:
            name: of the two.
        """
        before = self._at
        self.stage(name)
        try:
            yield
        finally:
            self.stage(before)

    def watch(self, pipe: Any) -> None:
        """Attribute the calls of a pipeline's networks from now on.

        Args:
            pipe: diffusers'.
        """
        for component, method in NETWORKS:
            part = getattr(pipe, component, None)
            if part is not None:
                setattr(part, method, self._timed(getattr(part, method)))

    def _timed(self, call: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(call)
        def timed(*args: Any, **kwargs: Any) -> Any:
            with self.within(NETWORK):
                return call(*args, **kwargs)

        return timed

    def _now(self) -> Span:
        if self._device.type == "cuda":
            torch.cuda.synchronize()
        return Span(time.perf_counter(), time.process_time())
