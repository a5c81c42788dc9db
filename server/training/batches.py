"""Positions of a training to batches: which clip, which of its frames, what the network sees of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch

from server.model.model import RealCamModel

from .conditions import Pictures, encoded, speed_value
from .data.camera_paths import CameraPaths
from .data.samples import Sample
from .draws import joined_draws
from .feeding.frozen_outputs import FrozenOutputs
from .feeding.loader import SampleLoader
from .loop import NamedBatch


@dataclass(frozen=True, eq=False)
class ClipBatches:
    """Batches of a data set, the same ones for the same positions; a `BatchOf` of the loop.

    Attributes:
        model: encodes pictures and words.
        loader: gives the samples.
        condition_dropout: see `dropped`.
        frozen: what is kept of the frozen networks' work; None to do it anew each time.
    """

    model: RealCamModel
    loader: SampleLoader
    condition_dropout: float
    frozen: FrozenOutputs | None = None

    def __call__(self, positions: range) -> NamedBatch:
        """The samples at these positions."""
        samples, draws = zip(*self.loader(positions), strict=True)
        joined = joined_draws(draws).to(self.model.device)
        pictures = pictures_of(self.model, samples)
        if self.frozen is None:
            batch = encoded(self.model, pictures, joined, self.condition_dropout)
        else:
            batch = self.frozen.encoded(self.model, samples, pictures, joined, self.condition_dropout)
        if all(s.points is not None for s in samples):
            points = torch.stack([s.points for s in samples if s.points is not None]).to(self.model.device)
            batch = replace(batch, points=points)
        return NamedBatch(tuple(s.clip for s in samples), batch, joined)


def pictures_of(model: RealCamModel, samples: Sequence[Sample]) -> Pictures:
    """Samples as one batch of pictures and words, on the model's device.

    Args:
        model: its tokenizer reads the captions.
        samples: of one size.
    """
    device, tokenizer = model.device, model.tokenizer
    speeds = [speed_value(model.config, s.choice.stride, s.fps) for s in samples]
    paths = [s.paths for s in samples]
    ids = [torch.as_tensor(tokenizer(s.caption).ids).reshape(-1) for s in samples]
    return Pictures(
        video=torch.stack([s.video for s in samples]).to(device),
        token_ids=torch.stack(ids).to(device),
        no_words=torch.as_tensor(tokenizer("").ids).reshape(-1).to(device),
        speed=torch.tensor(speeds, device=device),
        paths=CameraPaths(
            torch.cat([p.camera_to_world for p in paths]),
            torch.cat([p.intrinsics for p in paths]),
            torch.cat([p.frame_scales for p in paths]),
        ).to(device),
    )
