"""Which clip is trained on when: decided by the seed and the place in the training, by nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class SampleOrder:
    """Every clip once an epoch, in an order that is another one each epoch.

    Attributes:
        clips: how many there are.
        seed: of the order.
    """

    clips: int
    seed: int

    def place(self, position: int) -> tuple[int, int]:
        """The epoch and the clip of a sample.

        Args:
            position: samples trained on before it, by all processes together.
        """
        epoch, within = divmod(position, self.clips)
        return epoch, int(_order(self.seed, epoch, self.clips)[within])


@lru_cache(maxsize=4)
def _order(seed: int, epoch: int, clips: int) -> NDArray[np.int64]:
    """The clips of an epoch in their order; a step asks for it once a sample."""
    order = np.random.default_rng((seed, epoch)).permutation(clips)
    order.flags.writeable = False
    return order


def positions(step: int, micro: int, rank: int, processes: int, at_once: int, batch: int) -> range:
    """The samples that a process takes at once; over all processes and micro steps they are the step's batch.

    Args:
        step: of the optimizer, from 0.
        micro: accumulated batch of the step, from 0.
        rank: of the process.
        processes: that train together.
        at_once: samples that a process takes at once.
        batch: samples of a step.
    """
    first = step * batch + (micro * processes + rank) * at_once
    return range(first, first + at_once)


def sample_seed(*place: int) -> int:
    """A seed that depends on nothing but these numbers: the training's seed, the epoch, the sample's index, ..."""
    return int(np.random.SeedSequence(place).generate_state(1, np.uint64)[0]) & (2**63 - 1)
