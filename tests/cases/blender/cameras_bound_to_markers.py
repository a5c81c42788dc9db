"""Cameras bound to timeline markers: the shot's range has a cut.

Situation: frames 1 to 5 are camera A's, from 6 on camera B's; Generate is pressed at frame 8.
Wrong: the whole clip is B's, since the scene's camera of that moment is taken; nothing is said.
Right: each frame has the camera that Blender renders, or a sentence says that cameras are bound to markers.
"""

from __future__ import annotations

from pathlib import Path

from blender_addon.shot import check_shot
from tests.cases.checking import INPUTS, Answer, judge
from tests.cases.scenes import FIRST, LAST, ask_draft, moving_camera, scene_with_photo, sent_x

CASE = INPUTS / "05-camera-markers"


def check(work: Path) -> Answer:
    """Read the shot's problems, then the x of the camera that would be sent."""
    scene, _ = scene_with_photo(CASE, work)
    a, b = moving_camera(scene, "A", 0, 0), moving_camera(scene, "B", 0.6, 0.6)
    scene.camera = a
    for frame, camera in ((1, a), (6, b)):
        scene.timeline_markers.new(f"F{frame}", frame=frame).camera = camera
    scene.frame_set(8)
    ask_draft(scene)
    sentences = [problem.sentence for problem in check_shot(scene, FIRST, LAST)]
    told = [sentence for sentence in sentences if "marker" in sentence.lower() or "bound" in sentence.lower()]
    x = sent_x(scene)
    return Answer(
        bool(told) or (x[0] == 0 and x[-1] == 0.6),
        f"told {told or 'nothing'}; x of the camera sent {x} (Blender renders 0 up to frame 5, 0.6 from 6 on)",
    )


if __name__ == "__main__":
    judge(check)
