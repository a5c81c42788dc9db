"""Read Depth Anything V2 checkpoints with their published names and rename their tensors to transformers'."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from .predictor import PredictorError

RENAMED = (
    (r"^pretrained\.(cls_token|mask_token)$", r"backbone.embeddings.\1"),
    (r"^pretrained\.pos_embed$", "backbone.embeddings.position_embeddings"),
    (r"^pretrained\.patch_embed\.proj\.", "backbone.embeddings.patch_embeddings.projection."),
    (r"^pretrained\.norm\.", "backbone.layernorm."),
    (r"^pretrained\.blocks\.(\d+)\.attn\.proj\.", r"backbone.encoder.layer.\1.attention.o_proj."),
    (r"^pretrained\.blocks\.(\d+)\.ls([12])\.gamma$", r"backbone.encoder.layer.\1.layer_scale\2.lambda1"),
    (r"^pretrained\.blocks\.(\d+)\.", r"backbone.encoder.layer.\1."),
    (r"^depth_head\.projects\.(\d)\.", r"neck.reassemble_stage.layers.\1.projection."),
    (r"^depth_head\.resize_layers\.(\d)\.", r"neck.reassemble_stage.layers.\1.resize."),
    (r"^depth_head\.scratch\.output_conv1\.", "head.conv1."),
    (r"^depth_head\.scratch\.output_conv2\.0\.", "head.conv2."),
    (r"^depth_head\.scratch\.output_conv2\.2\.", "head.conv3."),
)
"""(pattern, replacement) for names that only change; those whose index changes too are handled in `_renamed`."""

ATTENTION = re.compile(r"^pretrained\.blocks\.(\d+)\.attn\.qkv\.(weight|bias)$")
FUSION = re.compile(r"^depth_head\.scratch\.refinenet(\d)\.(?:out_conv|resConfUnit(\d)\.conv(\d))\.(weight|bias)$")
NECK = re.compile(r"^depth_head\.scratch\.layer(\d)_rn\.weight$")


def read_published(file: Path) -> dict[str, Tensor]:
    """The tensors of a published .pth file, by published name; no code in it is run.

    Raises:
        PredictorError: the file cannot be read, or does not hold tensors by name.
    """
    try:
        state = torch.load(file, map_location="cpu", weights_only=True)
    except (RuntimeError, ValueError, EOFError) as error:
        raise PredictorError("The weights cannot be read", f"{file}: {str(error).splitlines()[0]}") from error
    if not isinstance(state, dict):
        raise PredictorError(
            "The weights cannot be read", f"{file} holds a {type(state).__name__}, not tensors by name"
        )
    return state


def converted(published: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors under the names of transformers 5; query, key and value are split.

    Args:
        published: by published name.

    Raises:
        PredictorError: a name is not Depth Anything V2's.
    """
    result = {}
    for name, tensor in published.items():
        attention = ATTENTION.match(name)
        if attention:
            layer, leaf = attention.groups()
            for part, piece in zip("qkv", tensor.chunk(3), strict=True):
                result[f"backbone.encoder.layer.{layer}.attention.{part}_proj.{leaf}"] = piece.contiguous()
        else:
            result[_renamed(name)] = tensor
    return result


def _renamed(name: str) -> str:
    fusion, neck = FUSION.match(name), NECK.match(name)
    if fusion:
        level, unit, convolution, leaf = fusion.groups()
        # The published ones are counted from the finest level, transformers' from the coarsest.
        stage = f"neck.fusion_stage.layers.{4 - int(level)}"
        if unit is None:
            return f"{stage}.projection.{leaf}"
        return f"{stage}.residual_layer{unit}.convolution{convolution}.{leaf}"
    if neck:
        return f"neck.convs.{int(neck.group(1)) - 1}.weight"
    for pattern, replacement in RENAMED:
        renamed, count = re.subn(pattern, replacement, name)
        if count:
            return renamed
    raise PredictorError("The weights are not Depth Anything V2's", f"they hold {name}")
