"""The engine's options as the panel draws them, and the values that the artist set. Needs no torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, cast

from blender_addon.core.protocol.capability import EngineOption, SettingValue
from blender_addon.core.protocol.engine_checks import checked_options
from server.engines.keep_seen import KEEP_DETAIL, KEEP_SEEN
from server.model.weights.own_networks import PUBLISHED_WEIGHTS, OwnNetwork

Mode = Literal["auto", "basic", "continuation", "loop", "interpolation"]
MODES: tuple[str, ...] = ("basic", "loop", "interpolation", "continuation")
"""The modes that the engine declares; "auto" chooses among basic, continuation and interpolation."""

OPTIONS: tuple[EngineOption, ...] = (
    # The panel shows the first six at once, the others under Expert.
    EngineOption(
        name="mode",
        label="Mode",
        description="Auto makes a shot of any length: basic up to 16 frames, above that continuation, in segments "
        "that share frames. Loop and interpolation hold the last frame. The weights were trained for basic alone",
        kind="choice",
        default="auto",
        choices=("auto", *MODES),
    ),
    EngineOption(
        name="steps",
        label="Steps",
        description="Sampling steps; time grows with them, 25 is what the method was published with",
        kind="int",
        default=25,
        minimum=1,
        maximum=100,
    ),
    EngineOption(
        name="guidance",
        label="Prompt guidance",
        description="How strongly prompt and photo steer the picture; 1 switches it off, in half the time",
        kind="float",
        default=5.5,
        minimum=1.0,
        maximum=20.0,
    ),
    EngineOption(
        name="camera_guidance",
        label="Camera guidance",
        description="Above 1 the camera's motion is followed more strongly, for half as much time again; for twice the "
        "time where prompt guidance is 1",
        kind="float",
        default=1.0,
        minimum=1.0,
        maximum=10.0,
    ),
    EngineOption(
        name="shaping",
        label="Hold to the preview",
        description="Early steps are held to the scene's preview where it shows the photo: in the noisy picture "
        "(as published), in the clean prediction (as the paper writes it), or not at all",
        kind="choice",
        default="noisy",
        choices=("noisy", "clean", "off"),
    ),
    KEEP_SEEN,
    KEEP_DETAIL,
    EngineOption(
        name="image_guidance",
        label="Photo guidance",
        description="Above 0 the photo steers with this strength and the prompt with its own, for half as much time "
        "again. 0, as published, is one strength for both",
        kind="float",
        default=0.0,
        minimum=0.0,
        maximum=20.0,
    ),
    EngineOption(
        name="guidance_rescale",
        label="Guidance rescale",
        description="Keeps strong guidance from burning out colours",
        kind="float",
        default=0.7,
        minimum=0.0,
        maximum=1.0,
    ),
    EngineOption(
        name="camera_schedule",
        label="Camera guidance over time",
        description="Constant, or strongest at the start, where the layout is decided",
        kind="choice",
        default="constant",
        choices=("constant", "cosine"),
    ),
    EngineOption(
        name="eta",
        label="Fresh noise",
        description="Noise added at each step: 1 as published, 0 for none",
        kind="float",
        default=1.0,
        minimum=0.0,
        maximum=1.0,
    ),
    EngineOption(
        name="shaping_until",
        label="Hold until timestep",
        description="Timesteps from 999 down to this one are held to the preview",
        kind="int",
        default=900,
        minimum=0,
        maximum=1000,
    ),
    EngineOption(
        name="shaping_noise",
        label="Hold until noise level",
        description="Above 0, in place of the timestep: the preview is held from pure noise, 1, down to this share. "
        "Timestep 900 is 0.993 at 256 pixels and 0.9985 at 512 and 1024",
        kind="float",
        default=0.0,
        minimum=0.0,
        maximum=1.0,
    ),
    EngineOption(
        name="motion_fps",
        label="Motion, frames a second",
        description="The speed the model is told: lower means more motion between frames. 0 takes the clip's own",
        kind="int",
        default=0,
        minimum=0,
        maximum=30,
    ),
    EngineOption(
        name="overlap",
        label="Overlap",
        description="Frames that each segment of a long shot shares with the one before",
        kind="int",
        default=4,
        minimum=1,
        maximum=8,
    ),
    EngineOption(
        name="lossy_guidance_every",
        label="Guidance every n steps (lossy)",
        description="Above 1, guidance is worked out only every n-th step: up to twice as fast, and another picture",
        kind="int",
        default=1,
        minimum=1,
        maximum=5,
    ),
    EngineOption(
        name="precision",
        label="Precision",
        description="Auto is bfloat16 where the machine computes in it, else float32",
        kind="choice",
        default="auto",
        choices=("auto", "float32", "bfloat16", "float16"),
    ),
    EngineOption(
        name="memory",
        label="Memory",
        description="Auto takes what fits. Small is slow: weights stay in the machine's memory and come to the card "
        "layer by layer, and pictures larger than 512 pixels are decoded in tiles: faint seams are "
        "possible",
        kind="choice",
        default="auto",
        choices=("auto", "fast", "small"),
    ),
    EngineOption(
        name="compile_blocks",
        label="Compile the network",
        description="Each block of the network is compiled for the clip's size: minutes before the first clip, "
        "less time for each after it. The server needs a C++ compiler",
        kind="bool",
        default=False,
    ),
    EngineOption(
        name="faithful",
        label="As published, quirks included",
        description="Reproduces the published code number for number, also where it is not correct, and keeps nothing "
        "of the photo that the network did not",
        kind="bool",
        default=False,
    ),
)


def weights_option(published: bool, own: Sequence[OwnNetwork]) -> EngineOption:
    """The option that chooses the network.

    Args:
        published: whether published weights are there.
        own: the networks beside them.
    """
    choices = (*([PUBLISHED_WEIGHTS] if published or not own else []), *(network.name for network in own))
    said = "; ".join(network.words for network in own)
    notes = (*[""] * (len(choices) - len(own)), *(network.words for network in own))
    return EngineOption(
        name="weights",
        label="Network",
        description=f"The published weights of the picture's size, or another network. {said}".strip(),
        kind="choice",
        default=choices[0],
        choices=choices,
        choice_notes=notes,
    )


PUBLISHED_ONLY = weights_option(True, ())
"""The option where no network was trained. The panel does not show it."""


def shown_options(weights: EngineOption) -> tuple[EngineOption, ...]:
    """The options that the engine declares: that of the network only where there is a choice.

    Args:
        weights: see `weights_option`.
    """
    return OPTIONS if weights.choices == (PUBLISHED_WEIGHTS,) else (weights, *OPTIONS)


@dataclass(frozen=True)
class RealCamSettings:
    """The value of every option in OPTIONS and of `weights_option`, under its name."""

    weights: str
    mode: Mode
    steps: int
    guidance: float
    image_guidance: float
    guidance_rescale: float
    camera_guidance: float
    camera_schedule: Literal["constant", "cosine"]
    eta: float
    shaping: Literal["noisy", "clean", "off"]
    keep_seen: bool
    keep_detail: float
    shaping_until: int
    shaping_noise: float
    motion_fps: int
    overlap: int
    lossy_guidance_every: int
    precision: Literal["auto", "float32", "bfloat16", "float16"]
    memory: Literal["auto", "fast", "small"]
    compile_blocks: bool
    faithful: bool


def read_settings(options: Mapping[str, SettingValue], weights: EngineOption = PUBLISHED_ONLY) -> RealCamSettings:
    """The settings for the artist's options, with defaults for those that are not set.

    Args:
        options: by name.
        weights: the networks to choose from, see `weights_option`.

    Raises:
        EngineError: an option is unknown or out of range.
    """
    return RealCamSettings(**cast("dict[str, Any]", checked_options((weights, *OPTIONS), options)))
