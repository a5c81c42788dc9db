"""What made a clip, from the shot and back to its camera."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import numpy as np
import pytest

from blender_addon.core.errors import CameraError
from blender_addon.core.payloads.clip import ClipMetadata, pixels_sha256
from server.demo.motorcycle import Motorcycle
from tests.support.shots import small_shot


def through_a_file(metadata: ClipMetadata) -> ClipMetadata:
    return msgspec.json.decode(msgspec.json.encode(metadata), type=ClipMetadata)


def test_the_camera_asked_for_comes_back_bit_for_bit(bike: Motorcycle) -> None:
    shot = small_shot(bike)
    asked = through_a_file(ClipMetadata.of(shot, engine="draft", engine_version="1")).trajectory()
    np.testing.assert_array_equal(asked.camera_to_world, shot.trajectory.camera_to_world)
    np.testing.assert_array_equal(asked.intrinsics, shot.trajectory.intrinsics)
    assert (asked.width, asked.height, asked.fps) == (shot.trajectory.width, shot.trajectory.height, 24.0)


def test_it_names_the_shots_last_image(bike: Motorcycle) -> None:
    shot = small_shot(bike)
    ending = np.ascontiguousarray(bike.photo[::7, ::9])
    assert ClipMetadata.of(shot, engine="realcam", engine_version="1").last_image_sha256 == ""
    made = ClipMetadata.of(replace(shot, last_image=ending), engine="realcam", engine_version="1")
    assert made.last_image_sha256 == pixels_sha256(ending)


def test_a_file_keeps_its_fields_and_their_order(bike: Motorcycle) -> None:
    """clip.mp4 is the same file for the same clip, and older add-ons read it."""
    made = ClipMetadata.of(small_shot(bike), engine="draft", engine_version="1", seconds=2.0, draft=True)
    stored = msgspec.json.decode(msgspec.json.encode(made))
    assert list(stored) == [
        *("engine", "engine_version", "settings", "width", "height", "fps", "camera_to_world", "intrinsics"),
        *("weights_hash", "last_image_sha256", "seconds", "draft"),
    ]
    assert (stored["weights_hash"], stored["seconds"], stored["draft"]) == ("", 2.0, True)


def test_a_file_with_no_camera_in_it_is_refused(bike: Motorcycle) -> None:
    made = ClipMetadata.of(small_shot(bike), engine="draft", engine_version="1")
    with pytest.raises(CameraError, match="pose"):
        msgspec.structs.replace(made, camera_to_world=[]).trajectory()
