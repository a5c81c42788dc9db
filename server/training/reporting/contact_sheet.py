"""A picture of clips, or of single pictures, in rows."""

from __future__ import annotations

from collections.abc import Sequence

from PIL import Image

from blender_addon.core.arrays import UInt8

GAP = 4
"""Pixels between pictures; four times as many between groups."""
BACKGROUND = (24, 24, 26)


def contact_sheet(groups: Sequence[Sequence[UInt8]]) -> Image.Image:
    """The sheet, group below group.

    Args:
        groups: at least one, all alike: of rows that belong together, each [N, H, W, 3].
    """
    rows, (count, height, width, _) = len(groups[0]), groups[0][0].shape
    line = rows * (height + GAP) + 3 * GAP
    sheet = Image.new("RGB", (count * (width + GAP) + GAP, len(groups) * line + GAP), BACKGROUND)
    for top, group in enumerate(groups):
        for below, pictures in enumerate(group):
            for column, picture in enumerate(pictures):
                place = (GAP + column * (width + GAP), GAP + top * line + below * (height + GAP))
                sheet.paste(Image.fromarray(picture), place)
    return sheet
