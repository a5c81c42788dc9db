"""Samples decoded ahead of the training by processes of its own, in order, in bounded memory."""

from __future__ import annotations

import pickle
import time
from collections.abc import Iterator

import torch
from torch.utils.data import DataLoader, Dataset

from server.child_processes import end_with_parent
from server.training.data.clip_set import DataError
from server.training.data.samples import Sample
from server.training.draws import StepDraws

from .sources import Drawn, SampleSource

AHEAD = 2
"""Batches that each process has ready."""


class _Packed(Dataset[bytes]):
    """The source, its samples as bytes: tensors would go through shared memory, of which containers have little."""

    def __init__(self, source: SampleSource) -> None:
        self._source = source

    def __getitem__(self, position: int) -> bytes:
        return pickle.dumps(self._source(position), protocol=5)


class _Upcoming:
    """Batches of positions from a first one on, without end."""

    def __init__(self, first: range, every: int) -> None:
        self._first, self._every = first, every

    def __iter__(self) -> Iterator[list[int]]:
        start = self._first.start
        while True:
            yield list(range(start, start + len(self._first)))
            start += self._every


class SampleLoader:
    """Gives the samples at positions, which are the same whatever the number of processes that decode.

    The processes end when this one does, however it ends.

    Args:
        source: makes samples.
        workers: processes; 0 decodes when samples are asked for.
        every: positions from what is asked for once to what is asked for next; what is asked for out of turn is right
            too, and begins anew.

    Attributes:
        waited: seconds that samples were waited for.
        broken: clips that cannot be decoded, and why; others were trained on in their place.
    """

    def __init__(self, source: SampleSource, workers: int, every: int) -> None:
        self.source = source
        self.waited = 0.0
        self.broken: dict[str, str] = {}
        self._workers, self._every = workers, every
        self._coming: Iterator[list[bytes]] | None = None
        self._next = range(0)

    def __call__(self, positions: range) -> list[tuple[Sample, StepDraws]]:
        """The samples at these positions, and their draws.

        Raises:
            DataError: clip after clip cannot be decoded.
        """
        started = time.perf_counter()
        drawn = self._drawn(positions)
        self.waited += time.perf_counter() - started
        for made in drawn:
            self.broken.update(made.broken)
        return [(_whole(made), made.draws) for made in drawn]

    def close(self) -> None:
        """End the processes."""
        self._coming = None

    def _drawn(self, positions: range) -> list[Drawn]:
        if self._workers == 0:
            return [self.source(position) for position in positions]
        if self._coming is None or positions != self._next:
            self._coming = iter(self._started(positions))
        self._next = range(positions.start + self._every, positions.stop + self._every)
        return [pickle.loads(data) for data in next(self._coming)]

    def _started(self, first: range) -> DataLoader[list[bytes]]:
        return DataLoader(
            _Packed(self.source),
            batch_sampler=_Upcoming(first, self._every),
            num_workers=self._workers,
            collate_fn=list,
            prefetch_factor=AHEAD,
            worker_init_fn=_end_with_parent,
            multiprocessing_context="spawn",
            # Or it would draw from the generator that the network's dropout draws from.
            generator=torch.Generator(),
        )


def _end_with_parent(worker: int) -> None:
    """PyTorch watches for the end of the training too, and then waits for a pipe that nobody reads any more."""
    del worker
    end_with_parent()


def _whole(made: Drawn) -> Sample:
    if made.sample is None:
        named = "; ".join(f"{name}: {why}" for name, why in made.broken.items())
        raise DataError("Clip after clip cannot be decoded", named, "Look at these files, or copy the data set again.")
    return made.sample
