"""Draw a contact sheet of a shot: photo, preview and clip side by side at a few of its frames."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw, ImageFont, ImageOps

from blender_addon.core.arrays import UInt8

MARGIN = 12
"""Pixels around and between the pictures."""
CAPTION = 34
"""Pixels of a caption's height."""
SMALLEST = 384
"""Pixels of a picture's width; smaller clips are enlarged, so that the titles have room beside each other."""
BACKGROUND = (24, 24, 26)
INK = (222, 222, 222)
CHECKER_GREYS = ((70, 70, 74), (52, 52, 56))
"""The two greys of the checkerboard."""


def contact_sheet(photo: UInt8, preview: UInt8, clip: UInt8, rows: int = 5) -> Image.Image:
    """The sheet as a picture.

    What the preview cannot see is drawn as a checkerboard, so that a hole is not taken for a dark surface.

    Args:
        photo: [h, w, 3] uint8.
        preview: [F, H, W, 4] uint8, straight alpha.
        clip: [F, H, W, 3] uint8.
        rows: how many frames, spread from first to last.
    """
    factor = -(-SMALLEST // clip.shape[2])
    preview, clip = (seen.repeat(factor, axis=1).repeat(factor, axis=2) for seen in (preview, clip))
    frames = np.unique(np.linspace(0, len(clip) - 1, min(rows, len(clip))).round().astype(int))
    height, width = clip.shape[1:3]
    column, line = width + MARGIN, height + CAPTION
    sheet = Image.new("RGB", (3 * column + MARGIN, CAPTION + len(frames) * line), BACKGROUND)
    draw = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(size=18)
    for index, title in enumerate(("photo", "preview: what the photo can see", "clip")):
        draw.text((MARGIN + index * column, 8), title, fill=INK, font=font)
    checker = Image.fromarray(_checkerboard(width, height))
    fitted = _fitted(photo, width, height)
    for row, frame in enumerate(frames):
        top = CAPTION + row * line
        sheet.paste(fitted, (MARGIN, top))
        seen = Image.fromarray(preview[frame])
        sheet.paste(Image.alpha_composite(checker, seen).convert("RGB"), (MARGIN + column, top))
        sheet.paste(Image.fromarray(clip[frame]), (MARGIN + 2 * column, top))
        visible = float((preview[frame, ..., 3] > 127).mean())
        draw.text((MARGIN + column, top + height + 6), f"frame {frame + 1}, {visible:.0%} visible", fill=INK, font=font)
    return sheet


def _fitted(photo: UInt8, width: int, height: int) -> Image.Image:
    """The whole photo inside width x height, centred."""
    picture = ImageOps.contain(Image.fromarray(photo), (width, height), Image.Resampling.LANCZOS)
    canvas = Image.new("RGB", (width, height), BACKGROUND)
    canvas.paste(picture, ((width - picture.width) // 2, (height - picture.height) // 2))
    return canvas


def _checkerboard(width: int, height: int, square: int = 16) -> UInt8:
    """[height, width, 4] uint8, opaque."""
    y, x = np.mgrid[:height, :width] // square
    light, dark = np.array(CHECKER_GREYS[0], np.uint8), np.array(CHECKER_GREYS[1], np.uint8)
    rgb = np.where(((x + y) % 2 == 0)[..., None], light, dark)
    return np.concatenate([rgb, np.full((height, width, 1), 255, np.uint8)], axis=-1)
