"""The names that published checkpoints use, mapped both ways. Nothing outside this file knows them.

Each part of the model has its own prefix in the file. For every tensor of ours a Source says where it is published:
the key, which slice of it (queries, keys and values are stored as one), and the axes of length 1 it has beside ours.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from server.model.config import ModelConfig

Part = Literal["unet", "pose_encoder", "vae", "text", "vision", "resampler"]
PARTS: tuple[Part, ...] = ("unet", "pose_encoder", "vae", "text", "vision", "resampler")

PREFIX: dict[Part, str] = {
    "unet": "model.diffusion_model.",
    "pose_encoder": "pose_encoder.",
    "vae": "first_stage_model.",
    "text": "cond_stage_model.model.",
    "vision": "embedder.model.visual.",
    "resampler": "image_proj_model.",
}

OLD_FPS_NAME, FPS_NAME = "framestride_embed", "fps_embedding"
"""Some base files call the frame rate's embedding by its old name."""

CAMERA_KEY = re.compile(r"^pose_encoder\.|\.pluker_projection\.|\.epipolar\.")
"""Keys of the trained camera modules: what makes a base model RealCam."""

UNUSED_KEY = re.compile(
    r"^embedder\.model\.(?!visual\.)"  # the image encoder's copy of the text tower
    r"|^embedder\.model\.visual\.(ln_post\.|proj$)"
    r"|^cond_stage_model\.model\.(text_projection|logit_scale)$"
    r"|^depth_predictor\."  # depth comes with the shot
)
"""Published but never used (besides the last text layer, which depends on their number: see `unused`)."""

BUFFER_KEY = re.compile(
    r"^(betas|[a-z0-9_]*alphas_cumprod(_prev)?|posterior_\w+|scale_arr|depth_predictor_normalizer_(mean|std))$"
)
"""Schedules and constants that the files carry; recomputed, not read."""


@dataclass(frozen=True)
class Source:
    """Where one of our tensors is published: a slice of a tensor of the file.

    Attributes:
        key: the published key.
        index: of the slice.
        parts: number of equal slices along the first axis.
        leading: axes of length 1 that the published tensor has before ours.
        trailing: axes of length 1 that it has after ours.
    """

    key: str
    index: int = 0
    parts: int = 1
    leading: int = 0
    trailing: int = 0


def sources(part: Part, names: Iterable[str], config: ModelConfig) -> dict[str, Source]:
    """Where each tensor of a part is published.

    Args:
        part: of the model.
        names: of its tensors, as ours.
        config: the variant.

    Raises:
        KeyError: there is no rule for a name.
    """
    rename = _RENAMERS[part](config)
    result = {}
    for name in names:
        source = rename(name)
        result[name] = Source(PREFIX[part] + source.key, source.index, source.parts, source.leading, source.trailing)
    return result


def camera_sources(found: Mapping[str, Source]) -> dict[str, Source]:
    """Those of the camera modules."""
    return {name: source for name, source in found.items() if CAMERA_KEY.search(source.key)}


def from_published(
    found: Mapping[str, Source], shapes: Mapping[str, torch.Size], file: Mapping[str, Tensor]
) -> dict[str, Tensor]:
    """Our state dict from published tensors; views where possible.

    Args:
        found: where each of our tensors is published.
        shapes: of our tensors.
        file: published tensors by key.

    Raises:
        KeyError: a key is missing.
        ValueError: a shape does not fit.
    """
    state = {}
    for name, source in found.items():
        tensor = file[source.key]
        if source.parts > 1:
            tensor = tensor.chunk(source.parts)[source.index]
        for _ in range(source.leading):
            tensor = tensor.squeeze(0)
        for _ in range(source.trailing):
            tensor = tensor.squeeze(-1)
        if tensor.shape != shapes[name]:
            raise ValueError(f"{source.key}: {list(file[source.key].shape)} does not fit {name} {list(shapes[name])}")
        state[name] = tensor
    return state


def to_published(found: Mapping[str, Source], state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The published tensors of our state dict: the inverse of `from_published`."""
    pieces: dict[str, list[tuple[int, Tensor]]] = {}
    for name, source in found.items():
        tensor = state[name]
        for _ in range(source.leading):
            tensor = tensor.unsqueeze(0)
        for _ in range(source.trailing):
            tensor = tensor.unsqueeze(-1)
        pieces.setdefault(source.key, []).append((source.index, tensor))
    return {key: torch.cat([t for _, t in sorted(p, key=lambda pair: pair[0])]) if len(p) > 1 else p[0][1]
            for key, p in pieces.items()}  # fmt: skip


def unused(key: str, config: ModelConfig) -> bool:
    """Whether a full checkpoint holds this key and the model never reads it."""
    last_text_layer = f"cond_stage_model.model.transformer.resblocks.{config.clip.text_layers - 1}."
    return bool(UNUSED_KEY.search(key)) or key.startswith(last_text_layer) or bool(BUFFER_KEY.match(key))


Rules = tuple[tuple[str, str], ...]
"""Pairs of a pattern for our name and a template of the published one, see _Renamer."""


class _Renamer:
    """Moves a name to its published place, then applies the first rule that matches all of it.

    Templates may end in |i/n for a slice, and in ^n or +n for n leading or trailing axes of length 1.
    """

    def __init__(self, rules: Rules, places: Mapping[str, str] | None = None) -> None:
        self._rules = [(re.compile(pattern), template) for pattern, template in rules]
        self._places = places or {}

    def __call__(self, name: str) -> Source:
        place = next((ours for ours in self._places if name.startswith(ours)), None)
        moved = name if place is None else self._places[place] + name[len(place) :]
        for pattern, template in self._rules:
            match = pattern.fullmatch(moved)
            if match:
                return _parse(match.expand(template))
        raise KeyError(f"no published name is known for {name}")


def _parse(text: str) -> Source:
    key, *marks = re.split(r"(?=[|^+])", text)
    index, parts, leading, trailing = 0, 1, 0, 0
    for mark in marks:
        if mark[0] == "|":
            index, parts = (int(v) for v in mark[1:].split("/"))
        elif mark[0] == "^":
            leading = int(mark[1:])
        else:
            trailing = int(mark[1:])
    return Source(key, index, parts, leading, trailing)


WB = r"\.(weight|bias)"

UNET_RULES: Rules = (
    (rf"(time_embedding)\.(0|2){WB}", r"time_embed.\2.\3"),
    (rf"(fps_embedding)\.(0|2){WB}", r"fps_embedding.\2.\3"),
    (rf"conv_in{WB}", r"input_blocks.0.0.\1"),
    (rf"norm_out{WB}", r"out.0.\1"),
    (rf"conv_out{WB}", r"out.2.\1"),
    (r"init_attn\.0\.proj_(in|out)\.weight", r"init_attn.0.proj_\1.weight+1"),
    # Residual blocks.
    (rf"(.*)\.norm1{WB}", r"\1.in_layers.0.\2"),
    (rf"(.*)\.conv1{WB}", r"\1.in_layers.2.\2"),
    (rf"(.*)\.time_projection{WB}", r"\1.emb_layers.1.\2"),
    (rf"(.*)\.norm2{WB}", r"\1.out_layers.0.\2"),
    (rf"(.*)\.conv2{WB}", r"\1.out_layers.3.\2"),
    (r"(.*)\.shortcut\.weight", r"\1.skip_connection.weight+2"),
    (r"(.*)\.shortcut\.bias", r"\1.skip_connection.bias"),
    (rf"(.*)\.temporal\.0\.norm{WB}", r"\1.temopral_conv.conv1.0.\2"),
    (r"(.*)\.temporal\.0\.conv\.weight", r"\1.temopral_conv.conv1.2.weight+1"),
    (r"(.*)\.temporal\.0\.conv\.bias", r"\1.temopral_conv.conv1.2.bias"),
    *(rule for i in (1, 2, 3) for rule in (
        (rf"(.*)\.temporal\.{i}\.norm{WB}", rf"\1.temopral_conv.conv{i + 1}.0.\2"),
        (rf"(.*)\.temporal\.{i}\.conv\.weight", rf"\1.temopral_conv.conv{i + 1}.3.weight+1"),
        (rf"(.*)\.temporal\.{i}\.conv\.bias", rf"\1.temopral_conv.conv{i + 1}.3.bias"),
    )),
    # Transformers.
    (r"(.*)\.(?:self|first)_attention\.to_([qkv])\.weight", r"\1.transformer_blocks.0.attn1.to_\2.weight"),
    (rf"(.*)\.(?:self|first)_attention\.to_out{WB}", r"\1.transformer_blocks.0.attn1.to_out.0.\2"),
    (r"(.*)\.cross_attention\.to_([kv])_image\.weight", r"\1.transformer_blocks.0.attn2.to_\2_ip.weight"),
    (r"(.*)\.cross_attention\.image_scale", r"\1.transformer_blocks.0.attn2.alpha"),
    (r"(.*)\.(?:cross|second)_attention\.to_([qkv])\.weight", r"\1.transformer_blocks.0.attn2.to_\2.weight"),
    (rf"(.*)\.(?:cross|second)_attention\.to_out{WB}", r"\1.transformer_blocks.0.attn2.to_out.0.\2"),
    (rf"(.*)\.(?:self|first)_norm{WB}", r"\1.transformer_blocks.0.norm1.\2"),
    (rf"(.*)\.(?:cross|second)_norm{WB}", r"\1.transformer_blocks.0.norm2.\2"),
    (rf"(.*)\.ff_norm{WB}", r"\1.transformer_blocks.0.norm3.\2"),
    (rf"(.*)\.ff\.proj{WB}", r"\1.transformer_blocks.0.ff.net.0.proj.\2"),
    (rf"(.*)\.ff\.out{WB}", r"\1.transformer_blocks.0.ff.net.2.\2"),
    (rf"(.*)\.plucker_projection{WB}", r"\1.transformer_blocks.0.pluker_projection.\2"),
    (rf"(.*)\.epipolar\.to_out{WB}", r"\1.transformer_blocks.0.epipolar.epipolar_attn.to_out.0.\2"),
    (r"(.*)\.epipolar\.(.*)", r"\1.transformer_blocks.0.epipolar.epipolar_attn.\2"),
    (rf"(.*)\.(norm|proj_in|proj_out|op|conv){WB}", r"\1.\2.\3"),
)  # fmt: skip


def _unet(config: ModelConfig) -> _Renamer:
    """The UNet's rules act on published block positions: our levels are first turned into the flat lists."""
    levels, blocks = len(config.unet.channel_mult), config.unet.blocks
    places = {"first_temporal.": "init_attn.0."}
    at = 1
    for level in range(levels):
        for i in range(blocks):
            _place(places, f"down.{level}.blocks.{i}", f"input_blocks.{at}", attention=level < levels - 1)
            at += 1
        if level < levels - 1:
            places[f"down.{level}.resize."] = f"input_blocks.{at}.0.op."
            at += 1
    for k, name in enumerate(("resnet_in", "spatial", "temporal", "resnet_out")):
        places[f"middle.{name}."] = f"middle_block.{k}."
    at = 0
    for position, level in enumerate(reversed(range(levels))):
        attention = level < levels - 1
        for i in range(blocks + 1):
            _place(places, f"up.{position}.blocks.{i}", f"output_blocks.{at}", attention)
            at += 1
        if level > 0:
            places[f"up.{position}.resize."] = f"output_blocks.{at - 1}.{3 if attention else 1}.conv."
    return _Renamer(UNET_RULES, places)


def _place(places: dict[str, str], ours: str, published: str, attention: bool) -> None:
    places[f"{ours}.resnet."] = f"{published}.0."
    if attention:
        places[f"{ours}.spatial."] = f"{published}.1."
        places[f"{ours}.temporal."] = f"{published}.2."


def _qkv(ours: str, published: str, suffixes: tuple[tuple[str, str], ...]) -> Rules:
    """Rules for queries, keys and values that are published as slices of one tensor.

    Args:
        ours: pattern of our name, with {} for the letter.
        published: template of the published name.
        suffixes: endings of ours and of the published name.
    """
    return tuple(
        (ours.format(letter) + mine, rf"{published}{theirs}|{i}/3")
        for i, letter in enumerate("qkv")
        for mine, theirs in suffixes
    )


POSE_RULES: Rules = (
    (rf"conv_in{WB}", r"encoder_conv_in.\1"),
    (r"levels\.(\d+)\.(\d+)\.conv_in\.weight", r"encoder_down_conv_blocks.\1.\2.in_conv.weight+2"),
    (r"levels\.(\d+)\.(\d+)\.conv_in\.bias", r"encoder_down_conv_blocks.\1.\2.in_conv.bias"),
    (rf"levels\.(\d+)\.(\d+)\.conv1{WB}", r"encoder_down_conv_blocks.\1.\2.block1.\3"),
    (r"levels\.(\d+)\.(\d+)\.conv2\.weight", r"encoder_down_conv_blocks.\1.\2.block2.weight+2"),
    (r"levels\.(\d+)\.(\d+)\.conv2\.bias", r"encoder_down_conv_blocks.\1.\2.block2.bias"),
    (rf"levels\.(\d+)\.(\d+)\.norm{WB}", r"encoder_down_attention_blocks.\1.\2.norms.0.\3"),
    (r"levels\.(\d+)\.(\d+)\.positions", r"encoder_down_attention_blocks.\1.\2.attention_blocks.0.pos_encoder.pe^1"),
    (
        r"levels\.(\d+)\.(\d+)\.attention\.to_([qkv])\.weight",
        r"encoder_down_attention_blocks.\1.\2.attention_blocks.0.to_\3.weight",
    ),
    (
        rf"levels\.(\d+)\.(\d+)\.attention\.to_out{WB}",
        r"encoder_down_attention_blocks.\1.\2.attention_blocks.0.to_out.0.\3",
    ),
    (rf"levels\.(\d+)\.(\d+)\.ff_norm{WB}", r"encoder_down_attention_blocks.\1.\2.ff_norm.\3"),
    (rf"levels\.(\d+)\.(\d+)\.ff\.proj{WB}", r"encoder_down_attention_blocks.\1.\2.ff.net.0.proj.\3"),
    (rf"levels\.(\d+)\.(\d+)\.ff\.out{WB}", r"encoder_down_attention_blocks.\1.\2.ff.net.2.\3"),
)

RESAMPLER_RULES: Rules = (
    (r"(latents|(?:proj_in|proj_out|norm_out)\.(?:weight|bias))", r"\1"),
    (rf"layers\.(\d+)\.image_norm{WB}", r"layers.\1.0.norm1.\2"),
    (rf"layers\.(\d+)\.latent_norm{WB}", r"layers.\1.0.norm2.\2"),
    (r"layers\.(\d+)\.(to_\w+)\.weight", r"layers.\1.0.\2.weight"),
    (rf"layers\.(\d+)\.ff_norm{WB}", r"layers.\1.1.0.\2"),
    (r"layers\.(\d+)\.ff_in\.weight", r"layers.\1.1.1.weight"),
    (r"layers\.(\d+)\.ff_out\.weight", r"layers.\1.1.3.weight"),
)

CLIP_LAYER_RULES: Rules = (
    *_qkv(
        r"encoder\.layers\.(\d+)\.self_attn\.{}_proj",
        r"transformer.resblocks.\1.attn.in_proj_",
        ((r"\.weight", "weight"), (r"\.bias", "bias")),
    ),
    (rf"encoder\.layers\.(\d+)\.self_attn\.out_proj{WB}", r"transformer.resblocks.\1.attn.out_proj.\2"),
    (rf"encoder\.layers\.(\d+)\.layer_norm([12]){WB}", r"transformer.resblocks.\1.ln_\2.\3"),
    (rf"encoder\.layers\.(\d+)\.mlp\.fc1{WB}", r"transformer.resblocks.\1.mlp.c_fc.\2"),
    (rf"encoder\.layers\.(\d+)\.mlp\.fc2{WB}", r"transformer.resblocks.\1.mlp.c_proj.\2"),
)

TEXT_RULES: Rules = (
    (r"embeddings\.token_embedding\.weight", "token_embedding.weight"),
    (r"embeddings\.position_embedding\.weight", "positional_embedding"),
    (rf"final_layer_norm{WB}", r"ln_final.\1"),
    *CLIP_LAYER_RULES,
)

VISION_RULES: Rules = (
    (r"embeddings\.class_embedding", "class_embedding"),
    (r"embeddings\.patch_embedding\.weight", "conv1.weight"),
    (r"embeddings\.position_embedding\.weight", "positional_embedding"),
    (rf"pre_layrnorm{WB}", r"ln_pre.\1"),
    *CLIP_LAYER_RULES,
)

VAE_RULES: Rules = (
    (rf"(encoder|decoder)\.(conv_in|conv_out){WB}", r"\1.\2.\3"),
    (rf"(encoder|decoder)\.conv_norm_out{WB}", r"\1.norm_out.\2"),
    (rf"(quant_conv|post_quant_conv){WB}", r"\1.\2"),
    (rf"(encoder|decoder)\.mid_block\.resnets\.0\.(\w+){WB}", r"\1.mid.block_1.\2.\3"),
    (rf"(encoder|decoder)\.mid_block\.resnets\.1\.(\w+){WB}", r"\1.mid.block_2.\2.\3"),
    (rf"(encoder|decoder)\.mid_block\.attentions\.0\.group_norm{WB}", r"\1.mid.attn_1.norm.\2"),
    (r"(encoder|decoder)\.mid_block\.attentions\.0\.to_([qkv])\.weight", r"\1.mid.attn_1.\2.weight+2"),
    (r"(encoder|decoder)\.mid_block\.attentions\.0\.to_([qkv])\.bias", r"\1.mid.attn_1.\2.bias"),
    (r"(encoder|decoder)\.mid_block\.attentions\.0\.to_out\.0\.weight", r"\1.mid.attn_1.proj_out.weight+2"),
    (r"(encoder|decoder)\.mid_block\.attentions\.0\.to_out\.0\.bias", r"\1.mid.attn_1.proj_out.bias"),
    (rf"(.*)\.resnets\.(\d+)\.conv_shortcut{WB}", r"\1.block.\2.nin_shortcut.\3"),
    (rf"(.*)\.resnets\.(\d+)\.(\w+){WB}", r"\1.block.\2.\3.\4"),
    (rf"(.*)\.downsamplers\.0\.conv{WB}", r"\1.downsample.conv.\2"),
    (rf"(.*)\.upsamplers\.0\.conv{WB}", r"\1.upsample.conv.\2"),
)


def _vae(config: ModelConfig) -> _Renamer:
    """The published decoder counts its levels from the full resolution, ours from the latent."""
    levels = len(config.vae.channel_mult)
    places = {f"decoder.up_blocks.{i}.": f"decoder.up.{levels - 1 - i}." for i in range(levels)}
    places |= {f"encoder.down_blocks.{i}.": f"encoder.down.{i}." for i in range(levels)}
    return _Renamer(VAE_RULES, places)


_RENAMERS: dict[Part, Callable[[ModelConfig], _Renamer]] = {
    "unet": _unet,
    "pose_encoder": lambda _: _Renamer(POSE_RULES),
    "vae": _vae,
    "text": lambda _: _Renamer(TEXT_RULES),
    "vision": lambda _: _Renamer(VISION_RULES),
    "resampler": lambda _: _Renamer(RESAMPLER_RULES),
}
