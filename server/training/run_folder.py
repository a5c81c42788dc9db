"""The folder of a training: one training at a time is in it, and its curves lie there as lines of JSON."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import msgspec

from blender_addon.core.atomic_file import write_atomic

from .checkpoints import TrainingError

LOCK_FILE = ".training.lock"
"""File that a training holds locked while it runs."""
METRICS_FILE = "metrics.jsonl"
"""File of the curves: a line has a step and numbers by name."""


@contextmanager
def only_training(folder: Path) -> Iterator[None]:
    """Keep other trainings out of a folder. The system releases it also when the process is killed.

    Args:
        folder: of the training, made where it is not there.

    Raises:
        TrainingError: another training is in it, or it cannot be written to.
    """
    from filelock import FileLock, Timeout

    lock = FileLock(folder / LOCK_FILE, timeout=0)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except Timeout as error:
        raise TrainingError(
            "Another training runs in this folder", str(folder), "Wait for it to end, or choose another folder as out."
        ) from error
    except OSError as error:
        raise TrainingError(
            "The training's folder cannot be used", f"{folder}: {error.strerror}", "Choose another folder as out."
        ) from error
    try:
        yield
    finally:
        lock.release()


class MetricsFile:
    """The curves of a training in its folder.

    Args:
        folder: of the training.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / METRICS_FILE

    def write(self, step: int, values: Mapping[str, float]) -> None:
        """Add a line.

        Raises:
            TrainingError: the disk is full, for example.
        """
        try:
            with self._path.open("ab") as stream:
                stream.write(msgspec.json.encode({"step": step, **values}) + b"\n")
        except OSError as error:
            raise TrainingError(
                "The training's curves cannot be written", f"{self._path}: {error.strerror}", "Make room and go on."
            ) from error

    def lines(self) -> list[dict[str, float | None]]:
        """Every whole line, without those that a power cut damaged; a number that is none is None."""
        if not self._path.is_file():
            return []
        found = []
        for line in self._path.read_bytes().split(b"\n")[:-1]:
            try:
                found.append(msgspec.json.decode(line, type=dict[str, float | None]))
            except (msgspec.MsgspecError, UnicodeDecodeError):
                continue
        return [line for line in found if line.get("step") is not None]

    def go_back(self, step: int) -> None:
        """Remove what was written after a step, because a training goes on from there."""
        if self._path.is_file():
            kept = [line for line in self.lines() if (line["step"] or 0) <= step]
            write_atomic(self._path, b"".join(msgspec.json.encode(line) + b"\n" for line in kept))
