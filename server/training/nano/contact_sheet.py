"""Pictures in rows, as one file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor


def write_sheet(file: Path, rows: Sequence[Tensor], enlarge: int = 2) -> None:
    """Write a sheet of pictures.

    Args:
        file: to write, PNG.
        rows: each [N, 3, H, W] in [-1, 1].
        enlarge: pixels of the file for one of a picture.
    """
    sheet = torch.cat([torch.cat(list(row), dim=-1) for row in rows], dim=-2)
    pixels = ((sheet.clamp(-1.0, 1.0) + 1.0) * 127.5).round().to(torch.uint8).permute(1, 2, 0)
    large = pixels.repeat_interleave(enlarge, 0).repeat_interleave(enlarge, 1)
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(large.numpy()).save(file)
