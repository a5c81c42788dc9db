"""A shot as VACE's conditions: the control video, the mask of what is to be made, and the reference picture.

The mask is 1 where the network makes the picture and 0 where it keeps the video's, the opposite of the preview's alpha
and of the mask of Wan's image-to-video networks. Where it is 1 the video is exactly grey, 0.5: the network was trained
with that, and takes anything else for a control.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from PIL import Image

from blender_addon.core.arrays import Bool, Float32, UInt8
from blender_addon.core.payloads.shot import Shot
from server.engines.pipelines.fitting.clip_rule import Size
from server.engines.pipelines.fitting.piece import Piece
from server.engines.pipelines.fitting.visibility import held_together, seen
from server.engines.shot_pictures import engine_picture, photo_covers, reference_frame

FRAME_STEP = 4
"""Frames of a latent."""
GREY = np.float32(0.5)
WHITE = 255
"""What is around a reference picture of another shape, as the network was trained."""


@dataclass(frozen=True, eq=False)
class Conditions:
    """What VACE is given beside words.

    Attributes:
        video: [1, F, H, W, 3] float32 in 0..1. Five axes: diffusers takes an array of four apart wrongly.
        mask: [1, F, H, W, 1] float32, 1 where the picture is made.
        reference: a picture of the clip's size, None for none.
    """

    video: Float32
    mask: Float32
    reference: Image.Image | None


def conditions(piece: Piece, margin: int, first_frame: bool, reference: bool) -> Conditions:
    """The conditions for a piece of a shot.

    Args:
        piece: the shot at the network's size.
        margin: pixels beside a hole that are made too.
        first_frame: give the photo as the first frame, where the piece begins at its camera.
        reference: give the photo as reference picture.
    """
    shot = piece.shot
    colour, kept = kept_pictures(piece, margin, first_frame)
    video = np.empty(colour.shape, np.float32)
    for frame, made in enumerate(~kept):
        np.divide(colour[frame], np.float32(255), out=video[frame])
        video[frame][made] = GREY
    mask = (~kept[..., None]).astype(np.float32)
    size = (shot.trajectory.width, shot.trajectory.height)
    return Conditions(video[None], mask[None], letterboxed(shot.photo, size) if reference else None)


def kept_pictures(piece: Piece, margin: int, first_frame: bool) -> tuple[UInt8, Bool]:
    """[F, H, W, 3] colours, and [F, H, W] where they are the clip's: preview, photo, frames before and last image.

    Args:
        piece: see `conditions`.
        margin: see `conditions`.
        first_frame: see `conditions`.
    """
    shot = piece.shot
    colour = shot.preview[..., :3].copy()
    # All frames of a latent, or none: a latent of both is neither kept nor made.
    kept = held_together(seen(shot.preview, margin, piece.inside), FRAME_STEP)
    if piece.first and first_frame and starts_at_photo(shot):
        lens = shot.trajectory.intrinsics[0]
        colour[0], kept[0] = engine_picture(shot, lens), photo_covers(shot, lens) & piece.inside
    if len(piece.given):
        colour[: len(piece.given)], kept[: len(piece.given)] = piece.given, True
    if piece.last and shot.last_image is not None:
        colour[piece.frames - 1 :], kept[piece.frames - 1 :] = shot.last_image, piece.inside
    return colour, kept


def kept_piece(piece: Piece, margin: int, first_frame: bool) -> Piece:
    """The piece with all that is kept as its preview, for a hold.

    Args:
        piece: see `conditions`.
        margin: see `conditions`.
        first_frame: see `conditions`.
    """
    colour, kept = kept_pictures(piece, margin, first_frame)
    alpha = np.where(kept, np.uint8(255), np.uint8(0))[..., None]
    return replace(piece, shot=replace(piece.shot, preview=np.concatenate([colour, alpha], axis=-1)))


def starts_at_photo(shot: Shot) -> bool:
    """Whether the first frame stands where the photo was taken."""
    return reference_frame(shot.trajectory.camera_to_world[:1]) == 0


def letterboxed(photo: UInt8, size: Size) -> Image.Image:
    """The whole photo in the middle of a white picture.

    Args:
        photo: [h, w, 3] uint8.
        size: (width, height) of the result.
    """
    scale = min(size[0] / photo.shape[1], size[1] / photo.shape[0])
    inner = (max(1, round(photo.shape[1] * scale)), max(1, round(photo.shape[0] * scale)))
    picture = Image.new("RGB", size, (WHITE,) * 3)
    place = ((size[0] - inner[0]) // 2, (size[1] - inner[1]) // 2)
    picture.paste(Image.fromarray(photo).resize(inner, Image.Resampling.LANCZOS), place)
    return picture


def unseen_frames(preview: UInt8, margin: int, inside: Bool) -> Bool:
    """[F] the frames in which nothing of the photo is kept."""
    return np.asarray(~seen(preview, margin, inside).any(axis=(1, 2)), dtype=np.bool_)
