"""What pipelines consist of, in numbers: parameters, tokens, and the values that are alive at the peak of their work.

All of it is calculated. Parameters follow from published configurations. Values alive at a peak were counted tensor by
tensor (tests/support/model/live_memory.py) on networks of the full width: without content, or, of SANA-WM's network, by
the code for processors, which holds more than that for cards. No weights were run, and no card was at hand.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class FrameTiles:
    """How many frames a VAE that decodes many at once works on at a time.

    Attributes:
        frames: of a tile, without the first, which has a latent of its own.
        stride: frames from one tile to the next; those that two share are blended.
    """

    frames: int
    stride: int

    def alive(self, latent_frames: int) -> int:
        """Frames that are made on the way to those of one tile: all those of each of its latents.

        Args:
            latent_frames: frames of a latent after the first.
        """
        return self.frames + latent_frames + 1

    @property
    def kept(self) -> float:
        """Frames that are kept for each of the clip's while tiles are put together: theirs, and its own."""
        return (self.frames + 1) / self.stride + 1


LONG_TILES = FrameTiles(96, 64)
"""What SANA-WM was trained with, by diffusers' documentation."""
SHORT_TILES = FrameTiles(16, 8)
"""diffusers' own, for the plan of least memory."""


@dataclass(frozen=True)
class PipelineSizes:
    """The sizes of one pipeline.

    Attributes:
        title: for people.
        transformer: parameters of the network that is run at every step, kept in 16 bits.
        blocks: of that network, which groups of weights follow.
        width: channels of a token.
        alive: values alive at the peak of a forward pass, for each token and channel.
        branches: how many passes run at once: 2 where guidance is computed as a batch.
        cell: side of a token, pixels.
        latent_frames: frames of a latent after the first.
        extra_latents: latent frames beside the clip's, as VACE's picture to go by.
        vae: parameters of the VAE.
        vae_bytes: of a value of the VAE: 4 where it is run in float32.
        vae_alive: bytes alive at the peak of decoding or encoding, for each pixel of a frame, however many frames.
        vae_alive_frames: bytes alive then for each pixel and frame: of the frames alone, or, where several are decoded
            at once, of what is made on the way.
        vae_tile: pixels of a tile, where it works in tiles.
        vae_framewise: whether it works on some frames at a time, see FrameTiles; else on one after the other.
        encoder: parameters of the text encoder, kept in 16 bits.
        latents_at_once: latent frames that a forward pass computes; 0 for all of a clip.
        latents_kept: latent frames whose keys and values are kept, of every block, beside them.
    """

    title: str
    transformer: float
    blocks: int
    width: int
    alive: float
    branches: int
    cell: int
    latent_frames: int
    extra_latents: int
    vae: float
    vae_bytes: int
    vae_alive: float
    vae_alive_frames: float
    vae_tile: int
    vae_framewise: bool
    encoder: float
    latents_at_once: int = 0
    latents_kept: int = 0

    def tokens(self, width: int, height: int, frames: int) -> int:
        """Tokens of a clip.

        Args:
            width: pixels.
            height: pixels.
            frames: as the network makes them.
        """
        latents = 1 + -(-(frames - 1) // self.latent_frames) + self.extra_latents
        return min(latents, self.latents_at_once or latents) * (width // self.cell) * (height // self.cell)

    def kept(self, width: int, height: int) -> int:
        """Bytes of the keys and values that are kept between forward passes, in 16 bits.

        Args:
            width: pixels.
            height: pixels.
        """
        cells = (width // self.cell) * (height // self.cell)
        return 2 * 2 * self.blocks * self.width * self.latents_kept * cells


OUTPUT = 24
"""Bytes of a decoded pixel: three float32 values, twice while the frames are put together."""
_UMT5 = 5.68e9
_WAN_VAE = 0.127e9
WAN_VAE_ALIVE = 19_500
"""Bytes for each pixel, counted in float32: 19,450 beside the frames themselves; encoding 14,090."""
LTX2_VAE_ALIVE = 172
"""Bytes for each pixel of each frame that is decoded at once, in float32: 86 were counted in 16 bits."""

SIZES: dict[str, PipelineSizes] = {
    "vace": PipelineSizes(
        title="Wan2.1-VACE 1.3B",
        transformer=2.15e9,
        blocks=45,
        width=1536,
        # Counted 17 and one for each of the 15 control blocks, whose results wait for theirs.
        alive=33,
        branches=1,
        cell=16,
        latent_frames=4,
        extra_latents=1,
        vae=_WAN_VAE,
        vae_bytes=4,
        vae_alive=WAN_VAE_ALIVE,
        vae_alive_frames=OUTPUT,
        vae_tile=256 * 256,
        vae_framewise=False,
        encoder=_UMT5,
    ),
    "vace-14b": PipelineSizes(
        title="Wan2.1-VACE 14B",
        transformer=17.3e9,
        blocks=48,
        width=5120,
        alive=26,
        branches=1,
        cell=16,
        latent_frames=4,
        extra_latents=1,
        vae=_WAN_VAE,
        vae_bytes=4,
        vae_alive=WAN_VAE_ALIVE,
        vae_alive_frames=OUTPUT,
        vae_tile=256 * 256,
        vae_framewise=False,
        encoder=_UMT5,
    ),
    "wan-i2v": PipelineSizes(
        title="Wan2.2-TI2V-5B",
        transformer=5.0e9,
        blocks=30,
        width=3072,
        # More than VACE's: every token has a time of its own.
        alive=33,
        branches=1,
        cell=32,
        latent_frames=4,
        extra_latents=0,
        vae=0.705e9,
        vae_bytes=4,
        vae_alive=21_700,
        vae_alive_frames=OUTPUT,
        vae_tile=256 * 256,
        vae_framewise=False,
        encoder=_UMT5,
    ),
    "sana-wm": PipelineSizes(
        title="SANA-WM",
        transformer=2.66e9,
        blocks=20,
        width=2240,
        alive=35,
        branches=2,
        cell=32,
        latent_frames=8,
        extra_latents=0,
        vae=1.2e9,
        vae_bytes=4,
        vae_alive=0,
        vae_alive_frames=LTX2_VAE_ALIVE,
        vae_tile=512 * 512,
        vae_framewise=True,
        encoder=2.6e9,
    ),
    "sana-wm-refiner": PipelineSizes(
        title="SANA-WM's refiner",
        # Those for sound are not run, but loaded.
        transformer=18.9e9,
        blocks=48,
        width=4096,
        # Counted on one block; what is kept of every block is counted beside it.
        alive=35,
        branches=1,
        cell=32,
        latent_frames=8,
        extra_latents=0,
        vae=1.2e9,
        vae_bytes=4,
        vae_alive=0,
        vae_alive_frames=LTX2_VAE_ALIVE,
        vae_tile=512 * 512,
        vae_framewise=True,
        # Gemma-3-12B, and 1.4 milliard of the connectors behind it.
        encoder=13.6e9,
        latents_at_once=3,
        # The photo's, ten before the block under way, and that once more with what it is cut from.
        latents_kept=17,
    ),
}
"""The sizes of each pipeline, by the name of its weights."""
