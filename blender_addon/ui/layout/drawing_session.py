"""What the mouse does to a layout, told in points of the photo: no events, no view.

Every change is made from the layout that is stored on the photo, so that undo may come at any time; nothing of Blender
is held between two calls.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import bpy

from ...core.depth.layout.layout import CutOut, DepthLayout, Point
from ...core.depth.layout.layout_edits import with_cut_out, with_cut_out_changed, with_wall
from ...core.errors import RealCamError
from ...scene import PhotoScene, find_photo_scene
from ...scene.editing.depth_layout import (
    LAYOUT,
    has_other_depth,
    is_whole,
    lay_out,
    layout_to_edit,
    remove_layout,
    set_layout,
    standing,
    stored_layout,
)
from .handles import Handle, handle_under, moved, removed

Mode = Literal["GROUND", "CUT_OUT"]

_MOVED = {"FOOT": "Move Foot", "WALL_POINT": "Move Wall"}


class DrawingSession:
    """A drag tool at work on one photo.

    Attributes:
        photo: `imported_at` of the photo.
        mode: what is drawn where nothing can be grabbed: walls, or the outline of a cut-out.
        drawn: points of the wall or the outline that is being drawn.
        held: what is dragged, None for nothing.
        hovered: what would be dragged, None for nothing.
        mouse: where the mouse was last, in fractions of the photo.
        is_lasso: whether the outline follows the mouse.
        refused: why the last change could not be made; "" when it was.
    """

    def __init__(self, photo_scene: PhotoScene, mode: Mode) -> None:
        self.photo = photo_scene.record.imported_at
        self.mode: Mode = mode
        self.drawn: list[Point] = []
        self.held: Handle | None = None
        self.hovered: Handle | None = None
        self.mouse: Point = (0.5, 0.5)
        self.is_lasso = False
        self.refused = ""
        self._began_with = stored_layout(photo_scene)
        self._is_away = False
        self._grabbed_at: Point = (0.5, 0.5)
        self._grabbed: DepthLayout | None = None

    def find(self, scene: bpy.types.Scene) -> PhotoScene | None:
        """The photo; None when it was undone or deleted."""
        return find_photo_scene(scene, self.photo)

    def layout(self, scene: bpy.types.Scene) -> DepthLayout:
        """The layout as it is stored, in metres; an empty one where there is none."""
        photo = self.find(scene)
        return DepthLayout(ground=None) if photo is None else layout_to_edit(photo)

    def press(self, scene: bpy.types.Scene, mouse: Point, reach: Point) -> str:
        """The button goes down: grab what is below, or draw a point; an outline's first point closes it.

        Returns:
            The name of the undo step; "" when nothing has changed.
        """
        self.mouse, self.refused, self._is_away = mouse, "", False
        layout = self.layout(scene)
        grabbed = self._under(layout, mouse, reach)
        if grabbed is not None:
            self.held, self._grabbed_at, self._grabbed = grabbed, mouse, layout
        elif self.mode == "CUT_OUT" and not self.drawn:
            self.drawn, self.is_lasso = [mouse], True
        elif self.mode == "CUT_OUT" and len(self.drawn) > 2 and _is_near(mouse, self.drawn[0], reach):
            return self.finish(scene)
        else:
            self.drawn.append(mouse)
        return ""

    def move(self, scene: bpy.types.Scene, mouse: Point, reach: Point) -> None:
        """The mouse moves: what is held follows, with a coarse mesh; a lasso grows."""
        self.mouse = mouse
        if self.is_lasso:
            last = self.drawn[-1]
            # A slow view tells of few places of the mouse: how far it went says that it was a drag.
            self._is_away = self._is_away or not _is_near(mouse, self.drawn[0], reach)
            if not _is_near(mouse, last, (reach[0] / 3, reach[1] / 3)):
                self.drawn.append(mouse)
        elif self.held is not None:
            self._drag(scene, is_dragged=True)
        else:
            self.hovered = self._under(self.layout(scene), mouse, reach)

    def release(self, scene: bpy.types.Scene) -> str:
        """The button goes up: build the whole mesh, or close the lasso.

        Returns:
            The name of the undo step; "" when nothing has changed.
        """
        if self.is_lasso:
            self.is_lasso = False
            # A click, not a drag: the first corner of a polygon.
            return self.finish(scene) if len(self.drawn) > 2 and self._is_away else self._only_first()
        if self.held is None:
            return ""
        held = self.held
        has_moved = self.mouse != self._grabbed_at
        if has_moved and not self._drag(scene, is_dragged=False):
            # Where it could not go it stays where it was last allowed.
            refused = self.refused
            self._change(scene, lambda _, layout: layout)
            self.refused = refused
        self.held, self._grabbed = None, None
        return _MOVED.get(held.kind, "Move Horizon") if has_moved else ""

    def finish(self, scene: bpy.types.Scene) -> str:
        """The wall or the outline is drawn: add it.

        Returns:
            The name of the undo step; "" when it could not be added.
        """
        drawn, self.drawn, self.is_lasso = tuple(self.drawn), [], False
        if self.mode == "GROUND":
            return self._added(scene, "WALL") if self._change(scene, lambda _, layout: with_wall(layout, drawn)) else ""

        def cut(photo: PhotoScene, layout: DepthLayout) -> DepthLayout:
            return with_cut_out(layout, standing(photo, CutOut(drawn), layout) if len(drawn) > 2 else CutOut(drawn))

        return self._added(scene, "CUT_OUT") if self._change(scene, cut) else ""

    def remove(self, scene: bpy.types.Scene) -> str:
        """Take away the point that was drawn last, else what is below the mouse.

        Returns:
            The name of the undo step; "" when there is none.
        """
        if self.drawn:
            self.drawn.pop()
            return ""
        hovered, self.hovered = self.hovered, None
        if hovered is None or hovered.kind not in _MOVED:
            return ""
        return "Remove" if self._change(scene, lambda _, layout: removed(layout, hovered)) else ""

    def restore(self, scene: bpy.types.Scene) -> str:
        """Make the photo what it was when the tool began.

        Returns:
            The name of the undo step; "" when nothing was changed.
        """
        self.drawn, self.held, self.is_lasso = [], None, False
        photo = self.find(scene)
        if photo is None or (stored_layout(photo) == self._began_with and is_whole(photo)):
            return ""
        try:
            if self._began_with is not None:
                set_layout(scene, photo, self._began_with)
            elif LAYOUT in photo.mesh and has_other_depth(photo):
                remove_layout(photo)
        except RealCamError as error:
            self.refused = error.sentence
            return ""
        return "Restore Layout"

    def _under(self, layout: DepthLayout, mouse: Point, reach: Point) -> Handle | None:
        """What can be grabbed: nothing while something is drawn, feet alone where a loop may begin anywhere."""
        found = None if self.drawn else handle_under(layout, mouse, reach)
        return None if found is not None and self.mode == "CUT_OUT" and found.kind != "FOOT" else found

    def _drag(self, scene: bpy.types.Scene, *, is_dragged: bool) -> bool:
        held, began, layout = self.held, self._grabbed_at, self._grabbed
        assert held is not None
        assert layout is not None

        def dragged(photo: PhotoScene, _stored: DepthLayout) -> DepthLayout:
            changed = moved(layout, held, began, self.mouse)
            if held.kind != "FOOT":
                return changed
            cut_out = standing(photo, changed.cut_outs[held.part], changed)
            return with_cut_out_changed(changed, held.part, distance=cut_out.distance)

        return self._change(scene, dragged, is_dragged=is_dragged)

    def _change(
        self,
        scene: bpy.types.Scene,
        changed: Callable[[PhotoScene, DepthLayout], DepthLayout],
        *,
        is_dragged: bool = False,
    ) -> bool:
        photo = self.find(scene)
        if photo is None:
            return False
        try:
            lay_out(scene, photo, changed(photo, layout_to_edit(photo)), is_dragged=is_dragged)
        except RealCamError as error:
            self.refused = error.sentence
            return False
        self.refused = ""
        return True

    def _added(self, scene: bpy.types.Scene, part: Literal["WALL", "CUT_OUT"]) -> str:
        """Select the part that was added, so that the panel shows its fields; the name of the undo step."""
        layout, fields = self.layout(scene), scene.realcam.layout
        fields.part, fields.part_index = part, len(layout.walls if part == "WALL" else layout.cut_outs) - 1
        return "Add Wall" if part == "WALL" else "Cut Out"

    def _only_first(self) -> str:
        del self.drawn[1:]
        return ""


def _is_near(point: Point, other: Point, reach: Point) -> bool:
    return ((point[0] - other[0]) / reach[0]) ** 2 + ((point[1] - other[1]) / reach[1]) ** 2 <= 1
