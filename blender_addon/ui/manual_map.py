"""Which heading of the manual F1 and right-click > Online Manual open, for everything of ours."""

from __future__ import annotations

from pathlib import Path

import bpy

from ..core.entry_points import entry_point

ADDON = Path(__file__).parents[1]

ALONE = "artist.a-photo-alone"
BACKGROUND = "artist.painting-the-background"
GEOMETRY, SHAPE = "artist.my-geometry", "artist.touching-up-the-depth"
PHOTO, MOVE, LOOK = "artist.1-bring-in-the-photo", "artist.2-move-a-camera", "artist.3-look-before-you-send"
GENERATE, TIMELINE, CHECK = "artist.4-generate", "artist.5-on-the-timeline", "artist.6-did-it-follow-the-camera"
WRONG, SERVER, GUIDE = "artist.when-something-is-wrong", "server.for-others", "artist.the-artists-guide"

HEADINGS = (
    # The first pattern that fits counts. Blender asks in small letters.
    ("bpy.ops.realcam.pair", SERVER),
    ("bpy.types.realcampreferences.*", SERVER),
    ("bpy.ops.realcam.copy_report", WRONG),
    ("bpy.ops.realcam.add_move", MOVE),
    ("bpy.ops.realcam.coverage", LOOK),
    ("bpy.ops.realcam.preview", LOOK),
    ("bpy.ops.realcam.check_camera", CHECK),
    ("bpy.ops.realcam.go_to_frame", CHECK),
    ("bpy.ops.realcam.ground_and_walls", ALONE),
    ("bpy.ops.realcam.set_ground", ALONE),
    ("bpy.ops.realcam.ground_from_fspy", ALONE),
    ("bpy.ops.realcam.add_wall", ALONE),
    ("bpy.ops.realcam.cut_out*", ALONE),
    ("bpy.ops.realcam.*layout*", ALONE),
    ("bpy.types.realcamlayoutfields.*", ALONE),
    ("bpy.types.realcamphotopoint.*", ALONE),
    ("bpy.types.realcamshot.layout", ALONE),
    ("bpy.ops.realcam.*geometry*", GEOMETRY),
    ("bpy.ops.realcam.block_out", GEOMETRY),
    ("bpy.ops.realcam.match_camera", GEOMETRY),
    ("bpy.ops.realcam.take_shape", SHAPE),
    ("bpy.ops.realcam.add_background", BACKGROUND),
    ("bpy.ops.realcam.*take*", TIMELINE),
    ("bpy.ops.realcam.import_clip", TIMELINE),
    ("bpy.ops.realcam.*photo*", PHOTO),
    ("bpy.ops.realcam.*depth*", PHOTO),
    ("bpy.ops.realcam.floor_of_selection", PHOTO),
    ("bpy.ops.realcam.*cleaning*", PHOTO),
    ("bpy.ops.realcam.*scale*", PHOTO),
    ("bpy.ops.realcam.*focal*", PHOTO),
    ("bpy.ops.realcam.*demo*", PHOTO),
    ("bpy.ops.realcam.hide_around", PHOTO),
    ("bpy.ops.realcam.restore_*", PHOTO),
    ("bpy.ops.realcam.draw_in_units", PHOTO),
    ("bpy.ops.realcam.*", GENERATE),
    ("bpy.types.realcamphotoimport.*", PHOTO),
    ("bpy.types.realcamcalibration.*", PHOTO),
    ("bpy.types.realcamdepthpoint.*", PHOTO),
    ("bpy.types.object.realcam_calibration", PHOTO),
    ("bpy.types.realcamshot.photo", PHOTO),
    ("bpy.types.realcamshot.depth_*", PHOTO),
    ("bpy.types.realcamshot.predictor*", PHOTO),
    ("bpy.types.realcamshot.use_scene_range", MOVE),
    ("bpy.types.realcamshot.frame_start", MOVE),
    ("bpy.types.realcamshot.frame_end", MOVE),
    ("bpy.types.realcamshot.preview_method", LOOK),
    ("bpy.types.realcamshot.show_check_paths", CHECK),
    ("bpy.types.realcamshot.show_in_*", TIMELINE),
    ("bpy.types.realcamshot.take*", TIMELINE),
    ("bpy.types.realcamtake*", TIMELINE),
    ("bpy.types.realcam*", GENERATE),
    ("bpy.types.scene.realcam", GUIDE),
)
"""Pattern of Blender's name of an operator or a property -> page and heading: `PAGE.ANCHOR`."""


@entry_point("The manual's pages could not be told", lambda _error: ("", ()))
def manual_map() -> tuple[str, tuple[tuple[str, str], ...]]:
    """What Blender asks of `bpy.utils.register_manual_map`: the address of the manual, and (pattern, page) pairs.

    No pairs where there is no manual: an add-on that runs from a checkout has none, the build makes it.
    """
    folder = ADDON / "manual" / "at"
    if not folder.is_dir():
        return "", ()
    return f"{folder.as_uri()}/", tuple((pattern, f"{heading}.html") for pattern, heading in HEADINGS)


def register() -> None:
    """Let Blender find the manual."""
    bpy.utils.register_manual_map(manual_map)


def unregister() -> None:
    """Take it out of Blender's list."""
    bpy.utils.unregister_manual_map(manual_map)
