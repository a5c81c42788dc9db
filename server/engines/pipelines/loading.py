"""Loading pipelines from a folder in diffusers' layout, and the words for what can be wrong with it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError

from blender_addon.core.errors import EngineError
from server.model.weights.weights_sources import first_line

ENCODER = ("text_encoder", "tokenizer")
"""Components that read the prompts. They are larger than many a network, and are loaded alone."""


def load_pipeline(
    kind: Any, folder: Path, dtypes: Mapping[str, torch.dtype] | torch.dtype, without: tuple[str, ...]
) -> Any:
    """A pipeline on the CPU.

    Args:
        kind: its class.
        folder: with its model_index.json.
        dtypes: of all components, or by component, with "default" for the others.
        without: components that are not loaded.

    Raises:
        EngineError: a file is missing or damaged.
    """
    from diffusers.utils import logging

    logging.disable_progress_bar()
    dtype = dtypes if isinstance(dtypes, torch.dtype) else dict(dtypes)
    try:
        pipe = kind.from_pretrained(folder, dtype=dtype, local_files_only=True, **dict.fromkeys(without))
    except (OSError, ValueError, SafetensorError) as error:
        raise EngineError(
            "The network's files cannot be loaded",
            f"{folder}: {first_line(error)}",
            "Fetch the weights again, with `realcam weights get NAME --again` on the server.",
        ) from error
    pipe.set_progress_bar_config(disable=True)
    return pipe
