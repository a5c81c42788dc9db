"""A training as its TOML file says it, checked before anything is loaded."""

from __future__ import annotations

import difflib
import math
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

import msgspec

from blender_addon.core.errors import RealCamError
from server.model.config import TRAINABLE, ModelConfig
from server.model.sampling.conditions import ConcatStyle

from .optimizer import OptimizerSettings
from .step import StepRules

CONFIGS = Path(__file__).with_name("configs")
"""Folder of the configurations that come with the program."""


Table = TypeVar("Table", bound=msgspec.Struct)


class ConfigError(RealCamError):
    """A training configuration that cannot be used."""


class DataSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is trained on.

    Attributes:
        layout: "aligned" for folders of pictures that `realcam data align` or `data render` recorded, "realestate10k"
            for camera files with a video each, "realcam-vid" for the table of that name.
        train: folder of clips; of the camera files; the table.
        records: folder of their records, as `realcam data align` writes them; "" for aligned/NAME beside the folder of
            clips NAME, where `realcam data render` puts them. Of "realestate10k": "" where `scales` has the scales.
        videos: folder of the videos; "" for `train` itself, or the table's folder.
        names: file that lists the clips of "realestate10k", one a line; "" for all.
        scales: NPZ of the scales of "realestate10k", one dictionary: clip -> a scale for each pose.
        scale: "absolute" for cameras in metres; "relative" for the predecessors' (MotionCtrl, CameraCtrl, CamI2V), to
            compare with: each clip in a unit of length of its own. That is the data set's, where the layout is
            "realestate10k" or "realcam-vid"; of aligned clips the one that RealEstate10K would have: the near plane, a
            twentieth of the first frame's depths being nearer, is 1.25 away.
        tails: share of the clips that is dropped at each end of their largest and of their smallest scales; 0.02 as
            published, 0 where the list is of chosen clips already. What has records is filtered by them.
        fps: frames per second of what an aligned clip's frames were taken of.
        stride: smallest and largest frame stride, both included.
        workers: processes that decode, for each process that trains; 0 decodes between the steps.
        cache: folder for what the frozen VAE makes of frames and the text encoder of captions; "" for none.
        cache_image_tokens: keep the image tokens of condition frames there too, 10 to 30 times the room.
    """

    train: str
    layout: Literal["aligned", "realestate10k", "realcam-vid"] = "aligned"
    records: str = ""
    videos: str = ""
    names: str = ""
    scales: str = ""
    scale: Literal["absolute", "relative"] = "absolute"
    tails: float = 0.0
    fps: float = 30.0
    stride: tuple[int, int] = (1, 10)
    workers: int = 2
    cache: str = ""
    cache_image_tokens: bool = False

    @property
    def folders(self) -> tuple[Path, Path]:
        """Of the clips, and of their records."""
        clips = Path(self.train)
        return clips, Path(self.records) if self.records else clips.parent / "aligned" / clips.name


class MixSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Share of the samples that get each form of latents beside the noise, see `concat_latents`; they sum to 1.

    Attributes:
        basic: the condition frame's for every frame, as published.
        ends: the first and the last frame's, and zeros between.
        interpolation: the condition frame's, and the last frame's own at the end.
        continuation: every frame's own up to the condition frame.
    """

    basic: float = 1.0
    ends: float = 0.0
    interpolation: float = 0.0
    continuation: float = 0.0

    def shares(self) -> dict[ConcatStyle, float]:
        """The shares above 0 by the form's name."""
        named: dict[ConcatStyle, float] = {
            "repeat": self.basic,
            "ends": self.ends,
            "repeat_to_end": self.interpolation,
            "continue": self.continuation,
        }
        return {style: share for style, share in named.items() if share > 0.0}


class ValidationSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is measured on held-out clips while the training runs: the first of their folder, the same each time.

    Attributes:
        every: optimizer steps, beside the beginning and the end; 0 for never.
        data: the clips; None for the aligned ones in `validation` beside the folder that is trained on, if it is there.
        loss_clips: whose loss is measured.
        timesteps: of the noise at which it is.
        sampled_clips: that are made from their first frame and camera.
        sampling_steps: of each.
        guidance: classifier-free, of each.
    """

    every: int = 1000
    data: DataSettings | None = None
    loss_clips: int = 8
    timesteps: tuple[int, ...] = (100, 300, 500, 700, 900)
    sampled_clips: int = 4
    sampling_steps: int = 25
    guidance: float = 7.5


class RunSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How long and how.

    Attributes:
        steps: of the optimizer.
        batch: clips in all of a step, over processes and accumulation.
        batch_per_process: clips that a process takes at once.
        precision: of the network's arithmetic; cameras, noise and loss are float32 always.
        base: type of the weights of the encoders of text and picture in memory. The UNet's frozen matrices are in the
            type of `precision`; the VAE and the trained tensors are float32 always.
        compile: have PyTorch compile the base's residual blocks and spatial transformers.
        recompute: compute activations again in the backward pass: a third more time for a fraction of the memory.
        ema: decay of a running mean of the trained tensors; 0 for none.
        checkpoint_every: optimizer steps.
        keep: checkpoints, the newest.
        seed: of all draws.
        tracker: draws the curves; "auto" is TensorBoard where it is installed. They lie in the run's folder as well.
    """

    steps: int = 50_000
    batch: int = 64
    batch_per_process: int = 1
    precision: Literal["bf16", "fp16", "no"] = "bf16"
    base: Literal["float32", "bf16", "fp16"] = "float32"
    compile: bool = False
    recompute: bool = False
    ema: float = 0.0
    checkpoint_every: int = 1000
    keep: int = 3
    seed: int = 20230211
    tracker: Literal["auto", "tensorboard", "wandb", "none"] = "auto"

    def accumulation(self, processes: int) -> int:
        """Batches of each process whose gradients make one step.

        Args:
            processes: that train together.

        Raises:
            ConfigError: the batch does not divide.
        """
        at_once = processes * self.batch_per_process
        if self.batch % at_once:
            raise ConfigError(
                "The batch does not divide",
                f"{self.batch} clips a step over {processes} processes of {self.batch_per_process}",
                f"Choose a multiple of {at_once} as run.batch.",
            )
        return self.batch // at_once


class TrainingConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One training.

    Attributes:
        variant: of the model, as `realcam weights get` names it.
        base: checkpoint of the base without camera modules.
        tokenizer: folder of CLIP's vocab.json and merges.txt.
        out: folder of the run.
        camera: camera tensors to begin with instead of initial values; "" for those.
        size: (width, height) of a frame, pixels; None for the variant's own.
        dropout: rate of the frozen base's dropout.
        condition_dropout: share of samples that lose the text alone, the picture alone, and both.
        timestep_shift: above 1 trains more at high noise, where a clip's camera is decided, see `shifted`; published:
            1.
        condition_frame: "random" as published; "first" for the first frame, but for samples that continue given frames:
            a small network learns it sooner, and it is what the product asks for.
        correspondence: weight of a second loss, that the epipolar attention looks where by the condition frame's depth
            the same point lies; clips without that depth go without; published: 0.
        published: make the published run's mistakes as well: cameras and schedule in float16, gradients divided twice,
            the principal point of the crop.
        data: what is trained on.
        mix: forms of the latents beside the noise.
        optimizer: how tensors are moved.
        run: how long and how.
        validation: what is measured meanwhile.
    """

    variant: str
    base: str
    tokenizer: str
    out: str
    data: DataSettings
    camera: str = ""
    size: tuple[int, int] | None = None
    dropout: float = 0.1
    condition_dropout: float = 0.05
    timestep_shift: float = 1.0
    condition_frame: Literal["random", "first"] = "random"
    correspondence: float = 0.0
    published: bool = False
    mix: MixSettings = MixSettings()
    optimizer: OptimizerSettings = OptimizerSettings()
    run: RunSettings = RunSettings()
    validation: ValidationSettings = ValidationSettings()

    @property
    def model(self) -> ModelConfig:
        """The variant."""
        return TRAINABLE[self.variant]

    @property
    def frame_size(self) -> tuple[int, int]:
        """(width, height) of a frame, pixels."""
        return self.size or self.model.size

    def rules(self) -> StepRules:
        """What of the step is chosen."""
        return StepRules(half_precision=self.published, correspondence=self.correspondence)

    def optimizer_rules(self) -> OptimizerSettings:
        """The optimizer's settings, the published run's where that is asked for."""
        return self.optimizer.as_published() if self.published else self.optimizer


def read_config(file: Path) -> TrainingConfig:
    """The configuration of a TOML file.

    Raises:
        ConfigError: the file is missing or no TOML, has a key that is not known, or a value that cannot be.
    """
    config = read_toml(file, TrainingConfig)
    _check(config)
    return config


def read_toml(file: Path, kind: type[Table]) -> Table:
    """A Struct of a TOML file.

    Args:
        file: TOML.
        kind: the Struct's class.

    Raises:
        ConfigError: the file is missing or no TOML, has a key that is not known, or a value of another type, or a
            number that is none.
    """
    try:
        table = tomllib.loads(file.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise ConfigError("The configuration cannot be read", f"{file}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError("The configuration is no TOML", f"{file}: {error}") from error
    for place, key, known in unknown_keys(table, kind):
        near = difflib.get_close_matches(key, known, n=1, cutoff=0.0)
        raise ConfigError(
            "The configuration has a key that is not known", f"{place}{key} in {file}", f"Is {place}{near[0]} meant?"
        )
    try:
        made = msgspec.convert(table, kind)
    except msgspec.ValidationError as error:
        raise ConfigError("The configuration does not fit", f"{file}: {error}", _choices(str(error), kind)) from error
    for key, number in _endless(table):
        raise ConfigError("A value of the configuration cannot be", f"{key} is {number}", "It is a number.")
    return made


def _choices(said: str, kind: Any) -> str:
    """What a value may be, of msgspec's words on one that is none of its choices; "" of other words."""
    found = re.search(r"Invalid enum value .* at `\$\.([\w.]+)`", said)
    if found is None:
        return ""
    for key in found[1].split("."):
        kind = get_type_hints(_struct_of(kind) or kind)[key]
    return f"It is {' or '.join(map(repr, get_args(kind)))}."


def _endless(table: dict[str, Any], place: str = "") -> Iterator[tuple[str, float]]:
    """Numbers of a table that are none or infinite, which JSON does not know: key and number."""
    for key, value in table.items():
        if isinstance(value, dict):
            yield from _endless(value, f"{place}{key}.")
        for number in value if isinstance(value, list) else [value]:
            if isinstance(number, float) and not math.isfinite(number):
                yield f"{place}{key}", number


def unknown_keys(table: dict[str, Any], kind: Any, place: str = "") -> Iterator[tuple[str, str, list[str]]]:
    """Keys of a table that a Struct has no field for: where it stands, the key, and the fields' names.

    Args:
        table: as read.
        kind: the Struct's class.
        place: "table." for a table inside another, in the answer.
    """
    hints = get_type_hints(kind)
    for key, value in table.items():
        if key not in hints:
            yield place, key, list(hints)
        elif isinstance(value, dict):
            inner = _struct_of(hints[key])
            if inner is not None:
                yield from unknown_keys(value, inner, f"{place}{key}.")


def _struct_of(hint: Any) -> type[msgspec.Struct] | None:
    """The Struct of a type, or of those that it is a choice of."""
    kinds = (kind for kind in (hint, *get_args(hint)) if get_origin(kind) is None)
    return next((kind for kind in kinds if isinstance(kind, type) and issubclass(kind, msgspec.Struct)), None)


def _check(config: TrainingConfig) -> None:
    if config.variant not in TRAINABLE:
        near = difflib.get_close_matches(config.variant, TRAINABLE, n=1, cutoff=0.0)
        raise ConfigError("There is no such variant", config.variant, f"Is {near[0]} meant?")
    total = sum(config.mix.shares().values())
    if abs(total - 1.0) > 1e-6:
        raise ConfigError("The shares of the mix do not sum to 1", f"{total:g}", "Change the table mix.")
    for key, value, good, rule in _rules(config):
        if not good:
            raise ConfigError("A value of the configuration cannot be", f"{key} is {value}", f"It is {rule}.")


Rule = tuple[str, object, bool, str]
"""Key, value, whether it can be, and in words what can."""


def _rules(config: TrainingConfig) -> Iterator[Rule]:
    yield from _place_rules(config)
    yield from _data_rules(config.data, "data")
    if config.validation.data is not None:
        yield from _data_rules(config.validation.data, "validation.data")
    yield from _sample_rules(config)
    yield from _run_rules(config)
    yield from _optimizer_rules(config.optimizer)
    yield from _validation_rules(config.validation, config.model.schedule.steps)


def _place_rules(config: TrainingConfig) -> Iterator[Rule]:
    named = {"base": config.base, "tokenizer": config.tokenizer, "out": config.out, "data.train": config.data.train}
    for key, place in named.items():
        yield key, repr(place), place != "", "a file or folder"
    for key, place in (named | {"camera": config.camera, "data.cache": config.data.cache}).items():
        yield key, place, not place.startswith("~"), "written in full: ~ is a folder of that name here"


def _data_rules(data: DataSettings, place: str) -> Iterator[Rule]:
    yield f"{place}.workers", data.workers, data.workers >= 0, "at least 0"
    yield f"{place}.tails", data.tails, 0.0 <= data.tails < 0.5, "at least 0 and below 0.5"
    yield f"{place}.fps", data.fps, data.fps > 0.0, "above 0"
    strides = list(data.stride)
    yield f"{place}.stride", strides, 1 <= strides[0] <= strides[1], "the smallest and the largest stride, from 1 on"


def _sample_rules(config: TrainingConfig) -> Iterator[Rule]:
    cell = config.model.side_multiple
    sides = all(side >= cell and side % cell == 0 for side in config.frame_size)
    yield "size", list(config.frame_size), sides, f"a width and a height that are multiples of {cell}"
    yield "dropout", config.dropout, 0.0 <= config.dropout < 1.0, "at least 0 and below 1"
    share = config.condition_dropout
    yield "condition_dropout", share, 0.0 <= share <= 1 / 3, "from 0 to a third"
    for key in MixSettings.__struct_fields__:
        yield f"mix.{key}", getattr(config.mix, key), getattr(config.mix, key) >= 0.0, "at least 0"
    shift = config.timestep_shift
    drawn = shift == 1.0 or (shift > 0.0 and not config.published)
    yield "timestep_shift", shift, drawn, "a number above 0; 1 where published"
    any_frame = config.condition_frame == "random" or not config.published
    yield "condition_frame", config.condition_frame, any_frame, "random where published"
    told = config.correspondence
    fits = told == 0.0 or (told > 0.0 and not config.published)
    yield "correspondence", told, fits, "a number from 0 on; 0 where published"


def _run_rules(config: TrainingConfig) -> Iterator[Rule]:
    run = config.run
    for key in ("steps", "checkpoint_every", "batch", "batch_per_process", "keep"):
        yield f"run.{key}", getattr(run, key), getattr(run, key) >= 1, "at least 1"
    divides = run.batch % run.batch_per_process == 0
    yield "run.batch", run.batch, divides, f"a multiple of run.batch_per_process, {run.batch_per_process}"
    yield "run.ema", run.ema, 0.0 <= run.ema < 1.0, "at least 0 and below 1"
    yield "run.seed", run.seed, run.seed >= 0, "at least 0"
    fits = run.precision != "no" or run.base == "float32"
    yield "run.base", run.base, fits, 'float32 where run.precision is "no"'
    again = config.correspondence == 0.0 or not run.recompute
    yield "run.recompute", run.recompute, again, "false where correspondence is above 0"


def _optimizer_rules(settings: OptimizerSettings) -> Iterator[Rule]:
    rate, betas = settings.learning_rate, list(settings.betas)
    yield "optimizer.learning_rate", rate, rate > 0.0, "above 0"
    yield "optimizer.betas", betas, all(0.0 <= beta < 1.0 for beta in betas), "two numbers from 0 to below 1"
    yield "optimizer.epsilon", settings.epsilon, settings.epsilon > 0.0, "above 0"
    for key in ("weight_decay", "warmup_steps", "max_gradient_norm"):
        yield f"optimizer.{key}", getattr(settings, key), getattr(settings, key) >= 0, "at least 0"


def _validation_rules(settings: ValidationSettings, noises: int) -> Iterator[Rule]:
    for key in ("every", "sampled_clips"):
        yield f"validation.{key}", getattr(settings, key), getattr(settings, key) >= 0, "at least 0"
    yield "validation.loss_clips", settings.loss_clips, settings.loss_clips >= 1, "at least 1"
    times = list(settings.timesteps)
    good = bool(times) and all(0 <= t < noises for t in times)
    yield "validation.timesteps", times, good, f"of numbers from 0 to {noises - 1}"
    steps = settings.sampling_steps
    yield "validation.sampling_steps", steps, 1 <= steps <= noises, f"from 1 to {noises}"
    yield "validation.guidance", settings.guidance, settings.guidance >= 1.0, "at least 1"
