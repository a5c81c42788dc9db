"""A take as a strip in the scene's sequencer.

The strip is an image strip with one element for every scene frame of the shot, the clip's frames repeated as
`frame_mapping` says: frame-accurate at any scene rate, with nothing to retime and no video decoder to crash. It is made
through `bpy.data`, so any caller may place it: an operator, a timer, a command line.
"""

from __future__ import annotations

import bpy

from .. import blender_versions
from ..core.errors import TimelineError
from .frame_mapping import shown_frames
from .take import Take, frame_file
from .takes import take_folder
from .view_transform import display_colourspace

STRIP_PROPERTY = "realcam_clip"
"""Custom property of our strips: {"shot", "take", "frames", "start", "end"} of what they show."""

ASIDE_PROPERTY = "realcam_set_aside"
"""Custom property of a strip that was muted because the shot's range is another one now."""

CHANNELS = range(1, 129)
"""The sequencer's channels."""


def place_strip(scene: bpy.types.Scene, take: Take) -> bpy.types.ImageStrip:
    """Show a take in the scene's sequencer from the shot's first frame to its last.

    Strips that show another take of the same shot and range get the pictures of this one: they stay where the artist
    moved or cut them, with their effects. A strip of another range is replaced by a new one on its channel if it is
    still as it was placed; one that the artist edited is muted and stays, see `set_aside_strips`, and is unmuted when a
    take of its range is shown. No other strip is touched.

    Returns:
        The strip, the first in time of several.

    Raises:
        TimelineError: The take's files are gone or no channel is free.
    """
    folder = take_folder(take)
    editor = scene.sequence_editor_create()
    show_in_sequencers(scene)
    ours = _strips_of(scene, take.shot)
    fitting = [strip for strip in ours if _has_range_of(strip, take)]
    channel = 0
    for strip in [strip for strip in ours if strip not in fitting]:
        if _is_as_placed(scene, strip):
            channel = channel or strip.channel
            editor.strips.remove(strip)
        elif ASIDE_PROPERTY not in strip:
            strip.mute, strip[ASIDE_PROPERTY] = True, True
    for strip in fitting:
        strip.directory = f"{folder}/frames/"
        _dress(scene, strip, take)
        if ASIDE_PROPERTY in strip:
            strip.mute = False
            del strip[ASIDE_PROPERTY]
    return fitting[0] if fitting else _new_strip(scene, take, folder, channel)


def shot_strips(scene: bpy.types.Scene, shot: str) -> list[bpy.types.ImageStrip]:
    """The strips that show a shot, first in time first; also those that the artist duplicated, cut or put in a meta."""
    return [strip for strip in _strips_of(scene, shot) if ASIDE_PROPERTY not in strip]


def set_aside_strips(scene: bpy.types.Scene, shot: str) -> list[bpy.types.ImageStrip]:
    """The strips of a shot's former ranges that were muted because the artist had edited them, and still are muted."""
    return [strip for strip in _strips_of(scene, shot) if ASIDE_PROPERTY in strip and strip.mute]


def remove_strips(scene: bpy.types.Scene, take: Take) -> None:
    """Remove the strips that show a take."""
    for strip in _strips_of(scene, take.shot):
        if strip[STRIP_PROPERTY]["take"] == take.number:
            meta = strip.parent_meta()
            (scene.sequence_editor if meta is None else meta).strips.remove(strip)


def show_in_sequencers(scene: bpy.types.Scene) -> None:
    """Make the sequencers beside this scene show its strips.

    From 5.0 a workspace's sequencers have a scene of their own. It is set where there is none yet and, in the windows
    that show this scene, where another one holds nothing but clips of ours. A scene that the artist edits in stays.
    """
    beside = {window.workspace for window in bpy.context.window_manager.windows if window.scene == scene}
    for workspace in bpy.data.workspaces:
        shown = blender_versions.sequencer_scene(workspace, scene)
        if shown is None or (shown != scene and workspace in beside and _only_ours(shown)):
            blender_versions.show_in_sequencer(workspace, scene)


def _only_ours(scene: bpy.types.Scene) -> bool:
    """Whether no strip of a scene is the artist's own."""
    editor = scene.sequence_editor
    return editor is None or all(STRIP_PROPERTY in strip for strip in editor.strips)


def strip_hides_render(scene: bpy.types.Scene) -> bool:
    """Whether rendering the scene gives the sequencer's strips, and not what its camera sees."""
    editor = scene.sequence_editor
    return bool(scene.render.use_sequencer and editor is not None and len(editor.strips))


def free_channel(editor: bpy.types.SequenceEditor, start: int, end: int, wanted: int = 0) -> int:
    """A channel that is empty in a range of frames, unlocked and not muted.

    Args:
        editor: The scene's sequencer.
        start: First frame of the range.
        end: The frame after the last.
        wanted: The channel to take if it is free; 0 for none.

    Returns:
        `wanted` if it is free; else the lowest above all strips in that time, so that the clip is seen; else the
        highest that is free.

    Raises:
        TimelineError: No channel is free.
    """
    taken = {strip.channel for strip in editor.strips if _overlaps(strip, start, end)}
    free = [
        channel
        for channel in CHANNELS
        if channel not in taken and not editor.channels[channel].lock and not editor.channels[channel].mute
    ]
    if wanted in free:
        return wanted
    above = [channel for channel in free if channel > max(taken, default=0)]
    if not free:
        raise TimelineError(
            "No channel of the sequencer is free",
            f"every unlocked channel has a strip between frames {start} and {end}",
            "Unlock or empty a channel there, then show the take again.",
        )
    return above[0] if above else free[-1]


def strip_scale(scene: bpy.types.Scene, take: Take) -> tuple[float, float]:
    """The (x, y) scale of a strip that lays the clip over the artist's frame.

    Strips are scaled in the scene's full resolution, whatever its percentage; the take may have been made at another.
    """
    x, y = take.fit.clip_scale
    return x * scene.render.resolution_x / take.artist_width, y * scene.render.resolution_y / take.artist_height


def _new_strip(scene: bpy.types.Scene, take: Take, folder: str, channel: int) -> bpy.types.ImageStrip:
    editor = scene.sequence_editor
    shown = shown_frames(take.frames, take.duration)
    strip = editor.strips.new_image(
        name=take.shot,
        filepath=f"{folder}/{frame_file(shown[0])}",
        channel=free_channel(editor, take.frame_start, take.frame_end + 1, channel),
        frame_start=take.frame_start,
        fit_method="ORIGINAL",
    )
    for index in shown[1:]:
        strip.elements.append(frame_file(index).rpartition("/")[2])
    _dress(scene, strip, take)
    return strip


def _dress(scene: bpy.types.Scene, strip: bpy.types.ImageStrip, take: Take) -> None:
    """Set everything about a strip but its pictures and its place."""
    strip.name = take.label
    strip[STRIP_PROPERTY] = {
        "shot": take.shot,
        "take": take.number,
        "frames": take.frames,
        "start": take.frame_start,
        "end": take.frame_end,
    }
    strip.transform.scale_x, strip.transform.scale_y = strip_scale(scene, take)
    strip.transform.offset_x = strip.transform.offset_y = 0.0
    strip.colorspace_settings.name = display_colourspace(scene)


def _has_range_of(strip: bpy.types.ImageStrip, take: Take) -> bool:
    shown = strip[STRIP_PROPERTY]
    return (shown["frames"], shown["start"], shown["end"]) == (take.frames, take.frame_start, take.frame_end)


def _overlaps(strip: bpy.types.Strip, start: int, end: int) -> bool:
    left, right = blender_versions.strip_span(strip)
    return left < end and right > start


def _strips_of(scene: bpy.types.Scene, shot: str) -> list[bpy.types.ImageStrip]:
    """Every strip of a shot, first in time first."""
    if scene.sequence_editor is None:
        return []
    ours = [
        strip
        for strip in scene.sequence_editor.strips_all
        if STRIP_PROPERTY in strip and strip[STRIP_PROPERTY]["shot"] == shot
    ]
    return sorted(ours, key=lambda strip: blender_versions.strip_span(strip)[0])


def _is_as_placed(scene: bpy.types.Scene, strip: bpy.types.ImageStrip) -> bool:
    """Whether the artist has done nothing to a strip that would be missed, but for moving it to another channel."""
    shown = strip[STRIP_PROPERTY]
    if blender_versions.strip_span(strip) != (shown["start"], shown["end"] + 1) or strip.parent_meta() is not None:
        return False
    crop = strip.crop
    changed = (
        (strip.blend_alpha, strip.color_saturation, strip.color_multiply) != (1.0, 1.0, 1.0)
        or (strip.blend_type not in ("ALPHA_OVER", "REPLACE"))
        or any((crop.min_x, crop.max_x, crop.min_y, crop.max_y, strip.use_flip_x, strip.use_flip_y))
        or len(strip.modifiers) > 0
    )
    path = f'sequence_editor.strips_all["{bpy.utils.escape_identifier(strip.name)}"]'
    animated = any(curve.data_path.startswith(path) for curve in blender_versions.fcurves_of(scene))
    inputs = ("input_1", "input_2")
    used = any(strip == getattr(other, name, None) for other in scene.sequence_editor.strips_all for name in inputs)
    return not (changed or animated or used)
