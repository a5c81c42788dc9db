"""Sizes of the published variants of the model, and of the reduced one that tests use."""

from __future__ import annotations

from dataclasses import dataclass, field

from server.diffusion.schedule import ScheduleConfig

TEXT_TOKENS = 77
"""Tokens of a prompt."""
IMAGE_TOKENS_PER_FRAME = 16
"""Tokens of the picture for each frame."""
LATENT_DOWNSAMPLE = 8
"""Side of a latent cell, pixels."""


@dataclass(frozen=True)
class UNetConfig:
    """Sizes of the denoising network.

    Attributes:
        in_channels: the noisy latent's, and those of the latents given beside it.
        out_channels: of the prediction.
        channels: unit of the levels' widths.
        channel_mult: width of each level, in units of `channels`; the last level has no attention.
        blocks: residual blocks of a level on the way down; there is one more on the way up.
        head_channels: channels of one attention head.
        context_channels: of a context token.
        default_fps: what the network is told where nothing is said.
        learnable_image_scale: whether a learned factor scales each block's attention to the picture.
        register_tokens: of each epipolar attention.
        mask_cells: cell sizes in pixels at which epipolar attention is masked; a level without attends to everything.
    """

    in_channels: int = 8
    out_channels: int = 4
    channels: int = 320
    channel_mult: tuple[int, ...] = (1, 2, 4, 4)
    blocks: int = 2
    head_channels: int = 64
    context_channels: int = 1024
    default_fps: int = 10
    learnable_image_scale: bool = False
    register_tokens: int = 4
    mask_cells: tuple[int, ...] = (64, 32, 16)

    @property
    def level_channels(self) -> tuple[int, ...]:
        """The width of each level, finest first."""
        return tuple(self.channels * m for m in self.channel_mult)

    @property
    def first_temporal_channels(self) -> int:
        """Inner width of the temporal transformer behind the first convolution."""
        return 8 * self.head_channels


@dataclass(frozen=True)
class PoseEncoderConfig:
    """Sizes of the pose encoder.

    Attributes:
        channels: of each level, finest first.
        unshuffle: pixels of a side that become channels of one position.
        blocks: of each level.
        heads: of each attention over time.
        frames: length of the position table: the longest clip the weights know.
    """

    channels: tuple[int, ...] = (320, 640, 1280, 1280)
    unshuffle: int = 8
    blocks: int = 2
    heads: int = 8
    frames: int = 16


@dataclass(frozen=True)
class VaeConfig:
    """Sizes of the VAE.

    Attributes:
        channels: unit of the levels' widths.
        channel_mult: width of each level, in units of `channels`, finest first.
        blocks: of each level.
        latent_channels: of a latent.
        scale: factor on latents as the UNet takes them.
        norm_groups: of each group norm.
    """

    channels: int = 128
    channel_mult: tuple[int, ...] = (1, 2, 4, 4)
    blocks: int = 2
    latent_channels: int = 4
    scale: float = 0.18215
    norm_groups: int = 32


@dataclass(frozen=True)
class ClipConfig:
    """Sizes of OpenCLIP ViT-H-14's two encoders.

    Attributes:
        text_width: channels of the text encoder.
        text_heads: of each attention.
        text_layers: of the published text encoder; the last is not used.
        vocabulary: number of token ids.
        text_length: tokens of a prompt.
        image_size: side of the image encoder's input, pixels.
        patch: side of a patch, pixels.
        vision_width: channels of the image encoder.
        vision_heads: of each attention.
        vision_layers: of the image encoder.
    """

    text_width: int = 1024
    text_heads: int = 16
    text_layers: int = 24
    vocabulary: int = 49408
    text_length: int = TEXT_TOKENS
    image_size: int = 224
    patch: int = 14
    vision_width: int = 1280
    vision_heads: int = 16
    vision_layers: int = 32


@dataclass(frozen=True)
class ResamplerConfig:
    """Sizes of the resampler, which turns image tokens into context tokens.

    Attributes:
        channels: inside.
        depth: number of layers.
        heads: of each attention.
        head_channels: channels of one head.
        input_channels: of an image token.
        output_channels: of a context token.
        frames: that it makes tokens for.
    """

    channels: int = 1024
    depth: int = 4
    heads: int = 12
    head_channels: int = 64
    input_channels: int = 1280
    output_channels: int = 1024
    frames: int = 16


@dataclass(frozen=True)
class ModelConfig:
    """One variant of the model.

    Attributes:
        name: of the variant, as `realcam weights get` takes it.
        size: (width, height) it was trained at, pixels.
        schedule: the noise schedule it was trained with.
        fps_condition: whether the network is told the clip's frame rate ("fps") or the stride in frames of a 30 fps
            source ("stride").
        trained_fps: lowest and highest frame rate it was trained with; it is told no other.
        whole_precision: whether the engine computes in float32 unless asked otherwise: a small network gains nothing
            from 16 bits.
        caution: what it is, in words, where its clips are not meant to be used as pictures; "" else.
        unet: sizes of the denoising network.
        pose_encoder: sizes of the pose encoder.
        vae: sizes of the VAE.
        clip: sizes of the text and image encoders.
        resampler: sizes of the resampler.
    """

    name: str
    size: tuple[int, int]
    schedule: ScheduleConfig
    fps_condition: str
    trained_fps: tuple[int, int] = (5, 30)
    whole_precision: bool = False
    caution: str = ""
    unet: UNetConfig = field(default_factory=UNetConfig)
    pose_encoder: PoseEncoderConfig = field(default_factory=PoseEncoderConfig)
    vae: VaeConfig = field(default_factory=VaeConfig)
    clip: ClipConfig = field(default_factory=ClipConfig)
    resampler: ResamplerConfig = field(default_factory=ResamplerConfig)

    @property
    def side_multiple(self) -> int:
        """Pixels that sides are multiples of: the UNet halves latents once for each level above its deepest."""
        return LATENT_DOWNSAMPLE * 2 ** (len(self.unet.channel_mult) - 1)

    @property
    def frames(self) -> int:
        """Frames of a clip the weights were trained on, also the most they can make at once."""
        return self.pose_encoder.frames if self.resampler.frames >= self.pose_encoder.frames else self.resampler.frames


V_SCHEDULE = ScheduleConfig(prediction="v", zero_terminal_snr=True, base_scale=0.7)
"""The schedule of the 512 and 1024 weights."""

REALCAM_256 = ModelConfig(
    name="realcam-256",
    size=(256, 256),
    schedule=ScheduleConfig(),
    fps_condition="stride",
    unet=UNetConfig(default_fps=3, learnable_image_scale=True, mask_cells=(64, 32, 16, 8)),
)
REALCAM_512 = ModelConfig(name="realcam-512", size=(512, 320), schedule=V_SCHEDULE, fps_condition="fps")
REALCAM_1024 = ModelConfig(name="realcam-1024", size=(1024, 576), schedule=V_SCHEDULE, fps_condition="fps")

TINY = ModelConfig(
    name="tiny",
    size=(128, 128),
    schedule=V_SCHEDULE,
    fps_condition="fps",
    unet=UNetConfig(channels=32, channel_mult=(1, 2, 1, 1), head_channels=16, context_channels=48),
    pose_encoder=PoseEncoderConfig(channels=(32, 64, 32, 32)),
    vae=VaeConfig(channels=32, channel_mult=(1, 2, 1, 1)),
    clip=ClipConfig(
        text_width=48, text_heads=4, text_layers=3, vocabulary=64, patch=28,
        vision_width=40, vision_heads=2, vision_layers=2,
    ),
    resampler=ResamplerConfig(
        channels=48, depth=2, heads=3, head_channels=8, input_channels=40, output_channels=48, frames=16
    ),
)  # fmt: skip
"""The same code in sizes small enough for a test on one core; its weights are random."""

NANO = ModelConfig(
    name="nano",
    size=(64, 64),
    schedule=V_SCHEDULE,
    fps_condition="stride",
    trained_fps=(30, 30),
    whole_precision=True,
    caution="a network trained on rendered worlds for tests, not for pictures",
    unet=UNetConfig(
        in_channels=16, out_channels=8, channels=64, channel_mult=(1, 1, 2), blocks=1, head_channels=16,
        context_channels=64, default_fps=1, mask_cells=(32, 16, 8),
    ),
    pose_encoder=PoseEncoderConfig(channels=(64, 64, 128), blocks=1, heads=4),
    vae=VaeConfig(channels=32, channel_mult=(1, 1, 2, 3), blocks=1, latent_channels=8, scale=1.0, norm_groups=8),
    clip=ClipConfig(
        text_width=64, text_heads=4, text_layers=3, vocabulary=768, patch=28,
        vision_width=64, vision_heads=4, vision_layers=2,
    ),
    resampler=ResamplerConfig(
        channels=64, depth=1, heads=4, head_channels=16, input_channels=64, output_channels=64, frames=16
    ),
)  # fmt: skip
"""Small enough to be trained on two cores, on `realcam data render`'s worlds.

v prediction with zero terminal SNR: sampling begins at noise without a trace of the picture, as the training then
does, so a clip's brightness is learned as well; and it is what the 512 and 1024 variants do.
"""

VARIANTS = {config.name: config for config in (REALCAM_256, REALCAM_512, REALCAM_1024)}
"""The published variants by name."""

TRAINABLE = {**VARIANTS, NANO.name: NANO}
"""What `realcam train` trains and the engine runs, by name."""
