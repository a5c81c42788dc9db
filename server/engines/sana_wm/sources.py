"""Where SANA-WM's weights come from: the published ones, or random ones for tests. Asking needs no torch."""

from __future__ import annotations

from pathlib import Path

from server.engines.pipelines.sources import InstalledPipeline, PipelineSource, RandomPipeline
from server.engines.random_weights import random_scale

from .rule import NAME, REFINER


def chosen_source() -> PipelineSource:
    """The weights that are there, unless the environment asks for random ones."""
    return RandomPipeline(NAME, _save_random) if random_scale() else InstalledPipeline(NAME)


def refiner_source() -> PipelineSource:
    """The same of the refiner's weights."""
    return RandomPipeline(REFINER, _save_random_refiner) if random_scale() else InstalledPipeline(REFINER)


def _save_random(folder: Path) -> None:
    from .random_pipeline import save_random_pipeline

    save_random_pipeline(folder)


def _save_random_refiner(folder: Path) -> None:
    from .random_refiner import save_random_refiner

    save_random_refiner(folder)
