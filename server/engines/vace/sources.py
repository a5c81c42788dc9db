"""Where VACE's weights come from: the published ones, or random ones for tests. Asking needs no torch."""

from __future__ import annotations

from pathlib import Path

from server.engines.pipelines.sources import InstalledPipeline, PipelineSource, RandomPipeline
from server.engines.random_weights import random_scale

from .rule import NAME, WEIGHTS


def chosen_sources() -> tuple[PipelineSource, ...]:
    """The published weights, the usual ones first, unless the environment asks for random ones."""
    return (RandomPipeline(NAME, _save_random),) if random_scale() else tuple(map(InstalledPipeline, WEIGHTS))


def _save_random(folder: Path) -> None:
    from .random_pipeline import save_random_pipeline

    save_random_pipeline(folder)
