"""Loading pipelines from a folder in diffusers' layout, and the words for what can be wrong with it."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError

from blender_addon.core.errors import EngineError
from server.model.weights.weights_sources import first_line

log = logging.getLogger("realcam.engine")

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
    with _errors_in_words(folder):
        pipe = kind.from_pretrained(str(folder), dtype=dtype, local_files_only=True, **dict.fromkeys(without))
    pipe.set_progress_bar_config(disable=True)
    return pipe


def load_part(kind: Any, folder: Path, dtype: torch.dtype) -> Any:
    """One network of a pipeline, on the CPU.

    Args:
        kind: its class.
        folder: with its config.json.
        dtype: of its weights.

    Raises:
        EngineError: a file is missing or damaged.
    """
    with _errors_in_words(folder):
        return kind.from_pretrained(str(folder), torch_dtype=dtype, local_files_only=True)


@contextmanager
def _errors_in_words(folder: Path) -> Iterator[None]:
    """What is wrong with files, for the client: with their names, not the server's folders, which stand in its log."""
    try:
        yield
    except (OSError, ValueError, SafetensorError) as error:
        log.warning("%s cannot be loaded: %s", folder, error)
        raise EngineError(
            "The network's files cannot be loaded",
            without_folders(first_line(error), folder),
            "Fetch the weights again, with `realcam weights get NAME --again` on the server.",
        ) from error


_FOLDERS = re.compile(r"""(?<![\w.])(?:[A-Za-z]:)?[\\/](?:[^\\/\s'"]+[\\/])+""")
"""The folders of an absolute path."""


def without_folders(text: str, folder: Path) -> str:
    """The text with the names of files alone where it has their paths.

    Args:
        text: of an error.
        folder: that it may be about, with blanks in its name or without.
    """
    for path in (str(folder.resolve()), str(folder)):
        text = re.sub(re.escape(path) + r"[\\/]", "", text).replace(path, folder.name)
    return _FOLDERS.sub("", text)
