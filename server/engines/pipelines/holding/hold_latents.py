"""What a scheduler holds of a shot: the preview's latents, and the cells of them that the photo is seen in."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.functional import pad

from blender_addon.core.arrays import Bool, UInt8
from blender_addon.core.errors import EngineError
from server.diffusion.flow.hold import HoldSpan, SceneHold
from server.engines.pipelines.fitting.hole_filling import filled
from server.engines.pipelines.fitting.piece import Piece
from server.engines.pipelines.fitting.visibility import OPAQUE, on_latents, shown

from .hold_options import Hold


def hold_span(hold: Hold, hold_until: float, begin_until: float) -> HoldSpan | None:
    """What the options of `hold_options` ask for, None for no hold."""
    return None if hold == "off" else HoldSpan(hold, hold_until, begin_until)


def piece_noise(shape: tuple[int, ...], seed: int) -> Tensor:
    """The noise that diffusers' pipelines draw from a generator of that seed on the CPU, float32."""
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def scene_hold(
    piece: Piece,
    encode: Callable[[UInt8], Tensor],
    step: int,
    cell: int,
    span: HoldSpan,
    given: int = 1,
    front: int = 0,
) -> SceneHold:
    """The hold of a piece, whose latents stand in their own layout.

    Args:
        piece: with its preview.
        encode: latents [1, C, L, h, w] of frames [F, H, W, 3], normalised as the pipeline does.
        step: frames of a latent, but for the first.
        cell: pixels of a latent along rows and columns.
        span: what is held, and for how long.
        given: latents at the start that the pipeline conditions itself: they are never held.
        front: latents of the pipeline's own before the clip's first: nor are they.
    """
    preview = piece.shot.preview
    latents = encode(filled(preview[..., :3], preview[..., 3] >= OPAQUE))
    reach = torch.ones_like(latents)
    reach[:, :, :given] = 0
    cells = torch.from_numpy(on_latents(shown(preview, piece.inside), step, cell))
    seen = cells[None, None].to(latents) * reach
    latents, reach, seen = (pad(each, (0, 0, 0, 0, front, 0)) for each in (latents, reach, seen))
    return SceneHold(latents, piece_noise(tuple(latents.shape), piece.seed).to(latents), seen, reach, span)


def check_hold(preview: UInt8, inside: Bool, step: int, cell: int, span: HoldSpan) -> None:
    """Check that a preview leaves something to hold to, and something to make.

    Args:
        preview: [k * step + 1, H, W, 4] uint8 at the network's size.
        inside: [H, W] where the network's frame shows the artist's.
        step: frames of a latent, but for the first.
        cell: pixels of a latent along rows and columns.
        span: what would be held.

    Raises:
        EngineError: it does not.
    """
    cells = on_latents(shown(preview, inside), step, cell)[1:]
    if not (preview[..., 3] >= OPAQUE).any() or (cells.size and not cells.any()):
        raise EngineError(
            "The preview shows nothing of the photo to hold to",
            "no part of any frame after the first is covered well enough",
            "Turn the camera towards the photo's scene, or set 'hold to the preview' to off.",
        )
    if cells.all() and span.until <= 0:
        raise EngineError(
            "Nothing is left for the model to make",
            "the preview covers every frame wholly and is held to the end",
            "Raise the noise level until which it is held, or use the draft engine.",
        )


def as_tokens(hold: SceneHold) -> SceneHold:
    """The hold for a pipeline that hands its latents to the scheduler as tokens [1, L * h * w, C]."""

    def packed(latents: Tensor) -> Tensor:
        return latents.flatten(2).transpose(1, 2)

    return SceneHold(packed(hold.latents), packed(hold.noise), packed(hold.seen), packed(hold.reach), hold.span)
