"""What the nano network's table compares: camera modules on its base, on the test clips of its worlds."""

from __future__ import annotations

from pathlib import Path

from server.model.config import NANO
from server.training.comparison.comparison import Comparison, held_out
from server.training.comparison.networks import Networks
from server.training.comparison.rows import joined_rows, table_rows

from .base_model import TOKENIZER
from .config import BASE_FILE, NanoConfig

COMPARISON = "comparison"
"""Folder of the results, in that of the trainings."""


def nano_comparison(config: NanoConfig, joined: bool) -> Comparison:
    """The table, or that of how clips join.

    Args:
        config: names base, worlds and trainings.
        joined: which of the two.

    Raises:
        CheckpointError: there is no base.
        DataError: there are no test clips.
    """
    settings, out = config.table, Path(config.out) / COMPARISON
    networks = Networks(NANO, config.base_folder / BASE_FILE, config.base_folder / TOKENIZER)
    most = settings.joined_clips if joined else settings.clips
    clips = held_out(Path(config.worlds) / "test", NANO.frames, out, most)
    rows = joined_rows(settings) if joined else table_rows(settings)
    return Comparison(networks, rows, settings, clips, out, joined)
