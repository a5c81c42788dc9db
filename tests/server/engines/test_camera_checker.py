"""What the camera check makes of an evaluation."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest

from blender_addon.core.errors import EngineError
from blender_addon.core.payloads.check_request import CHECKER, CheckRequest
from blender_addon.core.payloads.shot import ShotSettings
from server.engines.camera_check.engine import check_result
from server.evaluation.records import ClipEvaluation, FrameRecord
from tests.support.room_path import FRAMES, HEIGHT, WIDTH, known_path

PATH = known_path()
REQUEST = CheckRequest(
    np.zeros((FRAMES, HEIGHT, WIDTH, 3), np.uint8),
    PATH,
    np.ones((HEIGHT, WIDTH), np.float32),
    PATH.intrinsics[0],
    ShotSettings(engine=CHECKER),
)
FOUND = ClipEvaluation(
    clip="clip",
    reference="its shot",
    frames=FRAMES,
    width=WIDTH,
    height=HEIGHT,
    metric=True,
    trials=[],
    failed=0,
    errors=None,
    errors_per_frame=[FrameRecord(degrees=0.1 * frame, metres=0.01 * frame) for frame in range(FRAMES)],
    scale=1.0,
    delay=0.0,
    mirror="",
    findings=("The camera follows.",),
    notes=(),
    asked=PATH.camera_to_world.tolist(),
    achieved=[*PATH.camera_to_world[:-1].tolist(), None],
)


def test_a_frame_without_a_camera_is_left_out() -> None:
    result = check_result(FOUND, REQUEST)
    assert result.placed == tuple(range(FRAMES - 1))
    assert result.metres == pytest.approx(0.01 * np.arange(FRAMES - 1))


@pytest.mark.parametrize("lost", [FrameRecord(degrees=None, metres=0.1), FrameRecord(degrees=0.1, metres=None)])
def test_an_error_that_is_not_known_is_not_taken_for_none(lost: FrameRecord) -> None:
    errors = [*FOUND.errors_per_frame[:3], lost, *FOUND.errors_per_frame[4:]]
    with pytest.raises(EngineError, match="could not be told"):
        check_result(msgspec.structs.replace(FOUND, errors_per_frame=errors), REQUEST)
