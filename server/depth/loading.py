"""Filling a network of transformers with a predictor's published weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from .predictor import PredictorError


def pretrained(network: Any, weights: Path, configuration: Any, **told: Any) -> Any:
    """A network of transformers with the weights of a file or folder, each tensor in its place.

    Args:
        network: its class.
        weights: a file of safetensors, or a folder for transformers with a configuration of its own.
        configuration: of the network that a file is for.
        told: what a folder's configuration shall say in any case.

    Raises:
        OSError: the weights cannot be read.
        PredictorError: they are damaged, or of another network.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    source: dict[str, Any] = {"pretrained_model_name_or_path": weights, "local_files_only": True, **told}
    try:
        if weights.is_file():
            source = {
                "pretrained_model_name_or_path": None,
                "config": configuration,
                "state_dict": load_file(weights),
            }
        made, report = network.from_pretrained(**source, output_loading_info=True, ignore_mismatched_sizes=True)
    except SafetensorError as error:
        raise PredictorError("The weights are damaged", f"{weights}: {error}") from error
    for words, keys in (
        ("has another shape", [key for key, *_ in report["mismatched_keys"]]),
        ("is missing", report["missing_keys"]),
        ("is unknown", report["unexpected_keys"]),
    ):
        if keys:
            raise PredictorError("The weights are of another network", f"{weights}: {min(keys)} {words}")
    return made
