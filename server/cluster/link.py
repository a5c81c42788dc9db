"""The server's handle on its driver, and on each worker that the driver has for it."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping

import msgspec

from blender_addon.core.child_text import child_environment
from blender_addon.core.errors import WireError
from server.service.logs import LogFormat
from server.service.workers import worker_messages as pipe
from server.service.workers.worker_process import OnWords, WorkerExit

from .driver_messages import EndWorker, FromDriver, OutOfReach, StartWorker, Tell, ToDriver, from_driver
from .places import Seat

OnDriver = Callable[["DriverProcess", FromDriver], None]
"""Called with the driver and each of its messages."""


class DriverProcess:
    """A running driver.

    Args:
        address: of the cluster.
        engines: `module:function` that returns the engine makers.
        log_format: of its log.
        environment: of the process.
        prove_closed: whether the cluster must refuse who has no token.
        post: called from a thread of its own with each message and, last, OutOfReach.
    """

    def __init__(
        self,
        address: str,
        engines: str,
        log_format: LogFormat,
        environment: Mapping[str, str],
        prove_closed: bool,
        post: OnDriver,
    ) -> None:
        self._address = address
        self._post = post
        self._killed_because = ""
        told = ["prove-closed"] if prove_closed else []
        self._process = subprocess.Popen(
            [sys.executable, "-m", "server.cluster.driver", address, engines, log_format, *told],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=child_environment(environment),
            start_new_session=os.name == "posix",
        )
        if self._process.stdin is None or self._process.stdout is None:
            raise RuntimeError("a driver without pipes")
        self._stdin, self._stdout = self._process.stdin, self._process.stdout
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def pid(self) -> int:
        """Process id."""
        return self._process.pid

    def send(self, message: ToDriver) -> None:
        """Send a message; nothing to a driver that is gone."""
        with contextlib.suppress(OSError, ValueError):
            pipe.write(self._stdin, message)

    def kill(self, why: str) -> None:
        """End it now. OutOfReach follows, with this reason."""
        self._killed_because = why
        self._process.kill()

    def close(self, seconds: float) -> None:
        """Have it end its workers and itself, wait up to `seconds` for that, and close its pipes."""
        with contextlib.suppress(OSError):
            self._stdin.close()
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._reader.join(seconds)
        with contextlib.suppress(OSError):
            self._stdout.close()

    def _read(self) -> None:
        last = OutOfReach(reason="")
        try:
            while (data := pipe.read(self._stdout)) is not None:
                message = from_driver.decode(data)
                if isinstance(message, OutOfReach):
                    last = message
                else:
                    self._post(self, message)
        except (WireError, msgspec.DecodeError) as error:
            last = OutOfReach(reason=f"The process that is connected to the Ray cluster is out of step: {error}.")
            self._process.kill()
        code = self._process.wait()
        if not last.reason:
            why = self._killed_because or f"the process that was connected to it ended with exit code {code}"
            last = OutOfReach(reason=f"The Ray cluster at {self._address} is gone: {why}.")
        self._post(self, last)


class NodeWorkerHandle:
    """The server's handle on one worker on a node: a RunningWorker.

    Args:
        driver: which one has it.
        number: that no other worker has.
        seat: where it is.
        engines: `module:function` that returns the engine makers.
        log_format: of its log.
        on_words: called with what it says, on the thread that calls `hear` and `exit`.

    Attributes:
        over: whether it is gone, and said so.
    """

    def __init__(
        self, driver: DriverProcess, number: int, seat: Seat, engines: str, log_format: LogFormat, on_words: OnWords
    ) -> None:
        self._driver = driver
        self._number = number
        self._on_words = on_words
        self._order: pipe.RunJob | None = None
        self._memory = 0
        self.over = False
        driver.send(
            StartWorker(
                worker=number,
                name=seat.place.name,
                node_id=seat.node_id,
                cpus=seat.cpus,
                cards=len(seat.place.cards),
                engines=engines,
                log_format=log_format,
            )
        )

    def send(self, message: pipe.ToWorker) -> None:
        """See RunningWorker."""
        if isinstance(message, pipe.RunJob):
            self._order = message
        self._driver.send(Tell(worker=self._number, message=message))

    def kill(self) -> None:
        """See RunningWorker. Its end is said at once, even if its node is out of reach."""
        self._driver.send(EndWorker(worker=self._number))
        self.exit("it was ended")

    def close(self, seconds: float) -> None:
        """See RunningWorker. It does not wait."""
        self._driver.send(EndWorker(worker=self._number))
        self.over = True

    def hear(self, message: pipe.FromWorker) -> None:
        """Hand on what it says, unless it is over."""
        if isinstance(message, pipe.Heartbeat):
            self._memory = message.memory
        if not self.over:
            self._on_words(self, message)

    def alive(self) -> None:
        """Note a sign of life of its node."""
        self.hear(pipe.Heartbeat(memory=self._memory))

    def exit(self, reason: str, *, in_good_order: bool = False) -> None:
        """Say that it is gone, once.

        Args:
            reason: see WorkerExit.
            in_good_order: whether its attempt, if there is one, is only to go on elsewhere.
        """
        if self.over:
            return
        self.over = True
        if in_good_order and self._order is not None:
            self._on_words(self, pipe.Suspended(job_id=self._order.job_id, attempt=self._order.attempt))
        self._on_words(self, WorkerExit(reason))
