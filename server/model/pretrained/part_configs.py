"""A variant's sizes as the configuration files of its parts, and back.

The library's parts have the files that diffusers and transformers write, so that their own `from_pretrained` reads
them; ours have the fields of their dataclasses. What is the whole model's stands in `model_index.json`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

import diffusers
import msgspec
from torch import nn

from server.diffusion.schedule import ScheduleConfig
from server.model.config import ClipConfig, ModelConfig, PoseEncoderConfig, ResamplerConfig, UNetConfig, VaeConfig

PIPELINE_CLASS = "RealCamPipeline"
"""What `model_index.json` calls the whole."""

SCHEDULER_FOLDER, SCHEDULER_FILE = "scheduler", "scheduler_config.json"
PART_FILE = "config.json"

Json = dict[str, Any]


@dataclass(frozen=True)
class PartFolder:
    """Where a part of the model is kept.

    Attributes:
        folder: its name.
        library: that the class is of.
        kind: name of the class.
        weights: name of the tensors' file, without its ending.
    """

    folder: str
    library: str
    kind: str
    weights: str = "diffusion_pytorch_model"


FOLDERS: dict[str, PartFolder] = {
    "unet": PartFolder("unet", "realcam", "UNet"),
    "pose_encoder": PartFolder("pose_encoder", "realcam", "PoseEncoder"),
    "vae": PartFolder("vae", "diffusers", "AutoencoderKL"),
    "text": PartFolder("text_encoder", "transformers", "CLIPTextModel", "model"),
    "vision": PartFolder("image_encoder", "transformers", "CLIPVisionModel", "model"),
    "resampler": PartFolder("resampler", "realcam", "Resampler"),
}
"""The folder of each part, by its name in `build_parts`."""

_OWN = {"unet": UNetConfig, "pose_encoder": PoseEncoderConfig, "resampler": ResamplerConfig}
_OF_PARTS = {*_OWN, "vae", "clip", "schedule"}
_OF_ALL = tuple(field.name for field in fields(ModelConfig) if field.name not in _OF_PARTS)
"""Fields of a ModelConfig that stand in `model_index.json`."""

_PREDICTIONS = {"eps": "epsilon", "v": "v_prediction"}


def index_json(config: ModelConfig, tokenizer_class: str) -> Json:
    """What `model_index.json` says of a variant.

    Args:
        config: the variant.
        tokenizer_class: name of the class that reads the tokenizer's folder.
    """
    parts = {place.folder: [place.library, place.kind] for place in FOLDERS.values()}
    library = "transformers" if tokenizer_class == "CLIPTokenizer" else "realcam"
    return {
        "_class_name": PIPELINE_CLASS,
        "_diffusers_version": diffusers.__version__,
        **{name: getattr(config, name) for name in _OF_ALL},
        **dict(sorted(parts.items())),
        "scheduler": ["diffusers", "DDIMScheduler"],
        "tokenizer": [library, tokenizer_class],
    }


def part_json(name: str, part: nn.Module, config: ModelConfig) -> Json:
    """A part's `config.json`.

    Args:
        name: of the part, see `build_parts`.
        part: built.
        config: the variant.
    """
    place = FOLDERS[name]
    if place.library == "diffusers":
        return dict(json.loads(part.to_json_string()))
    if place.library == "transformers":
        # Whole: what equals a library's default today may differ from it tomorrow.
        return {**json.loads(part.config.to_json_string(use_diff=False)), "architectures": [place.kind]}
    return {"_class_name": place.kind, **asdict(getattr(config, name))}


def schedule_json(schedule: ScheduleConfig) -> Json:
    """`scheduler_config.json`: that of diffusers' DDIMScheduler, and two keys for the scale of latents."""
    return {
        "_class_name": "DDIMScheduler",
        "_diffusers_version": diffusers.__version__,
        "num_train_timesteps": schedule.steps,
        "beta_start": schedule.linear_start,
        "beta_end": schedule.linear_end,
        "beta_schedule": "scaled_linear",
        "rescale_betas_zero_snr": schedule.zero_terminal_snr,
        "prediction_type": _PREDICTIONS[schedule.prediction],
        "timestep_spacing": "trailing",
        "clip_sample": False,
        "set_alpha_to_one": False,
        "steps_offset": 0,
        "base_scale": schedule.base_scale,
        "scale_ramp": schedule.scale_ramp,
    }


def model_config(index: Json, parts: Mapping[str, Json], scheduler: Json) -> ModelConfig:
    """The variant that these files describe.

    Args:
        index: `model_index.json`.
        parts: each part's `config.json`, by the part's name in `build_parts`.
        scheduler: `scheduler_config.json`.

    Raises:
        msgspec.ValidationError: a value is missing, of another type, or one that we do not know.
    """
    described = {name: index[name] for name in _OF_ALL if name in index}
    for name, kind in _OWN.items():
        described[name] = _known_fields(parts[name], kind, FOLDERS[name].folder)
    described["vae"] = asdict(msgspec.convert(parts["vae"], _VaeFile).sizes)
    text, vision = msgspec.convert(parts["text"], _TextFile), msgspec.convert(parts["vision"], _VisionFile)
    described["clip"] = asdict(_clip(text, vision))
    described["schedule"] = asdict(msgspec.convert(scheduler, _ScheduleFile).schedule)
    return msgspec.convert(described, ModelConfig)


def _known_fields(data: Json, kind: type, folder: str) -> Json:
    found = {name: value for name, value in data.items() if not name.startswith("_")}
    if unknown := found.keys() - {field.name for field in fields(kind)}:
        raise msgspec.ValidationError(f"{folder}/{PART_FILE} has {', '.join(sorted(unknown))}, which is not known here")
    return found


class _VaeFile(msgspec.Struct):
    """What we read of AutoencoderKL's configuration."""

    block_out_channels: list[int]
    layers_per_block: int
    latent_channels: int
    scaling_factor: float
    norm_num_groups: int

    @property
    def sizes(self) -> VaeConfig:
        if not self.block_out_channels or self.block_out_channels[0] < 1:
            raise msgspec.ValidationError("vae: block_out_channels has no first width")
        unit = self.block_out_channels[0]
        return VaeConfig(
            channels=unit,
            channel_mult=tuple(width // unit for width in self.block_out_channels),
            blocks=self.layers_per_block,
            latent_channels=self.latent_channels,
            scale=self.scaling_factor,
            norm_groups=self.norm_num_groups,
        )


class _TextFile(msgspec.Struct):
    """What we read of CLIPTextModel's configuration."""

    hidden_size: int
    num_attention_heads: int
    num_hidden_layers: int
    vocab_size: int
    max_position_embeddings: int


class _VisionFile(msgspec.Struct):
    """What we read of CLIPVisionModel's configuration."""

    hidden_size: int
    num_attention_heads: int
    num_hidden_layers: int
    image_size: int
    patch_size: int


class _ScheduleFile(msgspec.Struct):
    """What we read of DDIMScheduler's configuration."""

    num_train_timesteps: int
    beta_start: float
    beta_end: float
    rescale_betas_zero_snr: bool
    prediction_type: str
    base_scale: float = 1.0
    scale_ramp: int = ScheduleConfig.scale_ramp

    @property
    def schedule(self) -> ScheduleConfig:
        predictions = {told: ours for ours, told in _PREDICTIONS.items()}
        if self.prediction_type not in predictions:
            raise msgspec.ValidationError(f"scheduler: prediction_type {self.prediction_type!r} is not known here")
        return ScheduleConfig(
            steps=self.num_train_timesteps,
            linear_start=self.beta_start,
            linear_end=self.beta_end,
            zero_terminal_snr=self.rescale_betas_zero_snr,
            prediction="v" if predictions[self.prediction_type] == "v" else "eps",
            base_scale=self.base_scale,
            scale_ramp=self.scale_ramp,
        )


def _clip(text: _TextFile, vision: _VisionFile) -> ClipConfig:
    return ClipConfig(
        text_width=text.hidden_size,
        text_heads=text.num_attention_heads,
        # The published last layer is not used, and not built.
        text_layers=text.num_hidden_layers + 1,
        vocabulary=text.vocab_size,
        text_length=text.max_position_embeddings,
        image_size=vision.image_size,
        patch=vision.patch_size,
        vision_width=vision.hidden_size,
        vision_heads=vision.num_attention_heads,
        vision_layers=vision.num_hidden_layers,
    )
