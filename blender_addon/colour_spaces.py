"""Colour spaces and views of the artist's colour configuration (OCIO): found by their role and by what they do.

Their names are the configuration's own: only Blender's has a space "sRGB" or a view "Standard".
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import bpy
import numpy as np

from .blender_versions import set_png
from .core.arrays import Float32

STANDARD = "Standard"
"""Blender's own view that shows colours as they are."""

EXACT = 0.5
"""Steps of 255 by which colours differ, on average, for rounding alone."""
KEPT = 2.0
"""Steps of 255 by which colours may differ, on average, and still count as kept."""

_PROBE = (
    *((0, 0, 0), (16, 16, 16), (64, 64, 64), (128, 128, 128), (192, 192, 192), (255, 255, 255)),
    *((150, 80, 70), (90, 130, 70), (70, 90, 140), (200, 180, 110), (120, 160, 170), (210, 150, 140)),
)
"""sRGB colours as photos have them."""


@dataclass(frozen=True)
class ShownSpace:
    """A colour space to read a finished picture in.

    Attributes:
        name: The configuration's name for it.
        change: By how much its colours differ when they are shown, on average, in steps of 255.
    """

    name: str
    change: float

    @property
    def is_kept(self) -> bool:
        """Whether the colours are shown as they are."""
        return self.change <= KEPT


_known: dict[tuple[str, ...], ShownSpace] = {}
"""What was found before, by display, view, preferred spaces and working space."""


def picture_space() -> str:
    """The colour space of a file of 8 bits: the one that the configuration gives such pictures."""
    image = bpy.data.images.new("RealCam", 1, 1)
    try:
        return str(image.colorspace_settings.name)
    finally:
        bpy.data.images.remove(image)


def give_standard_view(scene: bpy.types.Scene) -> bool:
    """Give a scene Blender's own view that shows 8-bit pictures as they are.

    Returns:
        False where the configuration has none of that name, or one that shows them otherwise.
    """
    try:
        scene.view_settings.view_transform = STANDARD
    except TypeError:
        return False
    return _standard_keeps(scene.display_settings.display_device, _working_space())


def show_as_it_is(scene: bpy.types.Scene) -> None:
    """Give a scene a view that shows 8-bit pictures as they are, if its display has one."""
    if give_standard_view(scene):
        return
    exact = exact_views(scene)
    if exact:
        scene.view_settings.view_transform = exact[0]


def shown_space(scene: bpy.types.Scene, preferred: tuple[str, ...] = ()) -> ShownSpace:
    """The colour space in which a finished picture passes the scene's view transform with the least change.

    A look, exposure or gamma of the scene does not count: that is grading, which the artist chose.

    Args:
        scene: The scene.
        preferred: Spaces to try first; those that the configuration does not have do not count.
    """
    display, view = scene.display_settings.display_device, scene.view_settings.view_transform
    key = (display, view, *preferred, _working_space())
    if key not in _known:
        _known[key] = _best_space(display, view, preferred)
    return _known[key]


def exact_views(scene: bpy.types.Scene) -> list[str]:
    """The names of the views of the scene's display that show 8-bit pictures as they are."""
    display, space = scene.display_settings.display_device, picture_space()
    with _probe() as (image, probe):
        return [view for view in views(scene) if _change(image, probe, display, view, space) <= EXACT]


def views(scene: bpy.types.Scene) -> list[str]:
    """The names of the views of the scene's display."""
    try:
        scene.view_settings.view_transform = "\n"
    except TypeError as error:
        # Blender has no other way to tell a dynamic enumeration's names.
        listed = str(error).partition(" not found in (")[2].rpartition(")")[0]
        return [name.strip().strip("'\"") for name in listed.split("', '")]
    return []


@cache
def _standard_keeps(display: str, _working: str) -> bool:
    with _probe() as (image, probe):
        return _change(image, probe, display, STANDARD, picture_space()) <= EXACT


def _best_space(display: str, view: str, preferred: tuple[str, ...]) -> ShownSpace:
    plain = picture_space()
    with _probe() as (image, probe):
        there = [item.identifier for item in image.colorspace_settings.bl_rna.properties["name"].enum_items]
        order = dict.fromkeys([*(name for name in preferred if name in there), plain, *there])
        found = []
        for name in order:
            change = _change(image, probe, display, view, name)
            found.append(ShownSpace(name, change))
            if change <= EXACT:
                break
    best = min(found, key=lambda space: space.change)
    # Where none keeps them, at least it is the file's own.
    return best if best.is_kept else next(space for space in found if space.name == plain)


@contextmanager
def _probe() -> Iterator[tuple[bpy.types.Image, bpy.types.Scene]]:
    """A picture of known colours and a scene to save it through; both are removed afterwards.

    It has 16 bits: one of 8 bits takes a short cut where its space is the display's, which strips do not take.
    """
    own = tempfile.TemporaryDirectory(prefix="realcam-colours-", ignore_cleanup_errors=True)
    with own as folder, ExitStack() as made:
        scene = bpy.data.scenes.new("RealCam")
        made.callback(bpy.data.scenes.remove, scene)
        settings = scene.render.image_settings
        set_png(settings)
        settings.color_mode = "RGB"
        path = Path(folder) / "probe.png"
        settings.color_depth = "16"
        _write_probe(path, scene)
        settings.color_depth = "8"
        image = bpy.data.images.load(str(path))
        made.callback(bpy.data.images.remove, image)
        yield image, scene


def _write_probe(path: Path, scene: bpy.types.Scene) -> None:
    image = bpy.data.images.new("RealCam", len(_PROBE), 1, alpha=False, float_buffer=True, is_data=True)
    try:
        pixels = np.ones((len(_PROBE), 4), dtype=np.float32)
        pixels[:, :3] = np.array(_PROBE, dtype=np.float32) / 255
        image.pixels.foreach_set(pixels.ravel())
        image.save_render(str(path), scene=scene)
    finally:
        bpy.data.images.remove(image)


def _change(image: bpy.types.Image, scene: bpy.types.Scene, display: str, view: str, space: str) -> float:
    """By how much the picture's colours differ, read in a space and shown by a view: the mean, in steps of 255."""
    image.colorspace_settings.name = space
    if image.colorspace_settings.is_data:
        return float("inf")  # Saved as it is, but not shown as it is.
    scene.display_settings.display_device = display
    scene.view_settings.view_transform = view
    path = Path(image.filepath).with_name("shown.png")
    image.save_render(str(path), scene=scene)
    return float(np.abs(_numbers(path)[:, :3] * 255 - np.array(_PROBE)).mean())


def _numbers(path: Path) -> Float32:
    image = bpy.data.images.load(str(path))
    try:
        values = np.empty(len(image.pixels), dtype=np.float32)
        image.pixels.foreach_get(values)
        return values.reshape(-1, image.channels)
    finally:
        bpy.data.images.remove(image)


def _working_space() -> str:
    """The scene-linear space, which a file can choose from Blender 5.0."""
    return str(getattr(getattr(bpy.data, "colorspace", None), "working_space", ""))
