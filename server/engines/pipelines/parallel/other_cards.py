"""The other cards of a worker, as the engine's process has them: a process for each, which it starts and ends.

Everything around the network happens in the engine's process: words, scheduler, pictures, checkpoints. A forward pass
of its network is told to the helpers with its arguments, and all compute it together.

An error, a cancel or a stop leaves helpers in the middle of a forward pass: they are ended, and the next clip starts
others. A helper that is lost ends what waits for it.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import torch
from torch import Tensor, distributed, nn

from blender_addon.core.child_text import child_environment
from blender_addon.core.errors import EngineError

from .orders import Failed, Forward, Join, Load, Order, TensorForm, answer_of, line
from .shared_network import LOOPBACK, backend_of, join_group, leave_group, share_out, take_back

LAST_WORDS = 5.0
"""Longest time until a helper that was lost is known to be, once an exchange with it has failed, seconds."""
POLL = 0.1
"""Seconds between two looks at helpers that load."""


class HelperLostError(RuntimeError):
    """A helper's process has ended, as the message says: another attempt may go well."""


class _Helper:
    """One helper's process.

    Args:
        load: its first order.
        lost: called from a thread when it has ended by itself.
    """

    def __init__(self, load: Load, lost: Callable[[], None]) -> None:
        self.device = load.device
        self.ready, self.ended = threading.Event(), threading.Event()
        self.failure: Failed | None = None
        self._lost = lost
        self._closing = False
        self._process = subprocess.Popen(
            [sys.executable, "-m", "server.engines.pipelines.parallel.helper"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=child_environment(LOOPBACK),
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )
        self._reader = threading.Thread(target=self._listen, daemon=True)
        self._reader.start()
        self.send(load)

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def send(self, order: Order) -> None:
        """Send an order. One that is gone gets none; its end is noticed otherwise."""
        assert self._process.stdin is not None
        with contextlib.suppress(OSError):
            self._process.stdin.write(line(order))
            self._process.stdin.flush()

    def close(self) -> None:
        """End the process now."""
        self._closing = True
        self._process.kill()
        self._process.wait()
        self._reader.join()
        for stream in (self._process.stdin, self._process.stdout):
            assert stream is not None
            with contextlib.suppress(OSError):
                stream.close()

    def why_ended(self) -> str:
        """How it ended, in words."""
        return self.failure.reason if self.failure else f"it ended with exit code {self._process.wait()}"

    def _listen(self) -> None:
        assert self._process.stdout is not None
        try:
            for words in self._process.stdout:
                answer = answer_of.decode(words)
                if isinstance(answer, Failed):
                    self.failure = answer
                else:
                    self.ready.set()
        except msgspec.MsgspecError as error:
            self.failure = Failed(reason=f"it said what cannot be read: {error}", out_of_memory=False)
            self._process.kill()
        self.ended.set()
        if not self._closing:
            self._lost()


class OtherCards:
    """Processes that compute parts of a network on other devices.

    Args:
        network: name of its class in diffusers.
        folder: of its weights.
        dtype: of them.
        devices: all, that of this process first.
    """

    def __init__(self, network: str, folder: Path, dtype: torch.dtype, devices: Sequence[torch.device]) -> None:
        self.count = len(devices)
        self._device = devices[0]
        self._network: Any = None
        self._folder = tempfile.TemporaryDirectory(prefix="realcam-cards-", ignore_cleanup_errors=True)
        named = str(dtype).removeprefix("torch.")
        self._leaving = threading.Lock()
        self._helpers: list[_Helper] = []
        try:
            for device in devices[1:]:
                load = Load(network=network, folder=str(folder), dtype=named, device=str(device))
                self._helpers.append(_Helper(load, self._lose))
        except OSError:
            self.close()
            raise

    @property
    def pids(self) -> list[int]:
        """Process ids of the helpers."""
        return [helper.pid for helper in self._helpers]

    @contextmanager
    def at_work(self, network: Any, poll: Callable[[], None]) -> Iterator[None]:
        """Within the context, forward passes of the network are computed on all devices.

        Args:
            network: the same as the helpers', on this process's device.
            poll: called while they load theirs; what it raises ends the helpers, as whatever is raised within does.

        Raises:
            HelperLostError: one has ended.
            EngineError: one could not do its part, with the reason in words.
            torch.OutOfMemoryError: one had too little memory.
        """
        hook = None
        try:
            self._begin(network, poll)
            hook = network.register_forward_pre_hook(self._tell, with_kwargs=True)
            yield
            self._check()
        except BaseException as error:
            if isinstance(error, RuntimeError):
                # An exchange fails a moment before it is known that the other process is gone.
                self._await_an_end()
            failure = self._failure()
            self.close()
            if failure is not None and isinstance(error, RuntimeError):
                raise failure from error
            raise
        finally:
            if hook is not None:
                hook.remove()

    def close(self) -> None:
        """End the helpers, and have the network compute by itself again."""
        for helper in self._helpers:
            helper.close()
        with self._leaving:
            leave_group()
        if self._network is not None:
            take_back(self._network)
            self._network = None
        self._folder.cleanup()

    @property
    def closed(self) -> bool:
        """Whether the helpers have ended."""
        return any(helper.ended.is_set() for helper in self._helpers)

    def _begin(self, network: Any, poll: Callable[[], None]) -> None:
        if self._network is network:
            return
        assert self._network is None
        for helper in self._helpers:
            while not helper.ready.wait(POLL):
                poll()
                self._check()
        os.environ |= LOOPBACK
        backend, store = backend_of(self._device), str(Path(self._folder.name) / "group")
        for rank, helper in enumerate(self._helpers, 1):
            helper.send(Join(backend=backend, store=store, rank=rank, count=self.count))
        join_group(backend, store, 0, self.count)
        share_out(network, self._device)
        self._network = network

    def _tell(self, _network: nn.Module, given: tuple[Any, ...], named: Mapping[str, Any]) -> None:
        """Tell the helpers of a forward pass that begins here, with its arguments."""
        self._check()
        if given:
            raise TypeError("a pipeline names the arguments of its network")
        tensors = {name: value.contiguous() for name, value in named.items() if isinstance(value, Tensor)}
        forms = [TensorForm(n, tuple(t.shape), str(t.dtype).removeprefix("torch.")) for n, t in tensors.items()]
        for helper in self._helpers:
            helper.send(Forward(arguments=tuple(forms)))
        for tensor in tensors.values():
            distributed.broadcast(tensor, 0)

    def _check(self) -> None:
        """Look whether all helpers are there: what was computed without one is no number of the network's."""
        failure = self._failure()
        if failure is not None:
            raise failure

    def _failure(self) -> Exception | None:
        gone = [(number, helper) for number, helper in enumerate(self._helpers, 2) if helper.ended.is_set()]
        # Where memory ran out the others failed for want of that one.
        for number, helper in sorted(gone, key=lambda one: not (one[1].failure and one[1].failure.out_of_memory)):
            what = f"The process that computes on card {number} of {self.count} ended"
            if helper.failure is None:
                return HelperLostError(f"{what}: {helper.why_ended()}")
            if helper.failure.out_of_memory:
                return torch.OutOfMemoryError(f"{what}: {helper.failure.reason}")
            return EngineError(what, helper.failure.reason, "Try it on a worker with one card.")
        return None

    def _await_an_end(self) -> None:
        until = time.monotonic() + LAST_WORDS
        while time.monotonic() < until and not self.closed:
            time.sleep(POLL)

    def _lose(self) -> None:
        """A helper has ended by itself: on cards, end the exchange that would wait for it for ever."""
        if self._device.type == "cuda":
            with self._leaving:
                leave_group()
