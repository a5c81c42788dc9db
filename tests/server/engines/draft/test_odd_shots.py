"""Shots that no artist makes and a client may send: a clip, or a sentence, never the end of the worker."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from blender_addon.core.camera.trajectory import Trajectory
from blender_addon.core.errors import RealCamError, ShotError
from blender_addon.core.payloads.shot import Shot, ShotSettings
from blender_addon.core.payloads.shot_file import decode_shot, encode_shot
from blender_addon.core.protocol.messages import Limits
from server.demo.motorcycle import Motorcycle
from server.engines.draft.engine import DraftEngine
from server.service.workers.clip_files import write_clip_files
from tests.support.properties import examples
from tests.support.shots import small_payload, small_shot

FOCAL = st.sampled_from([1e-9, 1e-300, 1.0, 80.0, 1e8, 9e8])
CENTRE = st.sampled_from([0.0, 4.0, -1e8, 9e8])
METRES = st.sampled_from([0.0, 0.1, 1e3, 1e8, -9e8])
DEPTH = st.sampled_from([np.nan, 0.0, -1.0, 2.0, 1e-6, 3e38])
SIDE = st.sampled_from([1, 2, 3, 16])


@st.composite
def odd_shots(draw: st.DrawFn) -> Shot:
    """Cameras, depths and sizes at the ends of what is let in."""
    width, height, count = draw(SIDE), draw(SIDE), draw(st.integers(1, 2))
    poses = np.repeat(np.eye(4)[None], count, axis=0)
    for pose in poses:
        pose[:3, 3] = [draw(METRES) for _ in range(3)]
    matrix = np.array([[draw(FOCAL), draw(CENTRE), draw(CENTRE)], [0, draw(FOCAL), draw(CENTRE)], [0, 0, 1.0]])
    depth = np.full((draw(SIDE), draw(SIDE)), draw(DEPTH), np.float32)
    depth[draw(st.integers(0, len(depth) - 1)), 0] = draw(DEPTH)
    return Shot(
        trajectory=Trajectory(poses, matrix, width, height, draw(st.sampled_from([0.01, 24.0, 1000.0]))),
        preview=np.full((count, height, width, 4), draw(st.sampled_from([0, 255])), np.uint8),
        photo=np.full((draw(SIDE), draw(SIDE), 3), 90, np.uint8),
        photo_intrinsics=matrix,
        depth=depth,
        settings=ShotSettings(engine="draft"),
        depth_edge=draw(st.sampled_from([1e-300, 0.05, 1e8])),
    )


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@examples(60)
@given(odd_shots())
def test_an_odd_shot_becomes_a_clip_or_is_refused_in_words(shot: Shot) -> None:
    with suppress(RealCamError):
        clip = DraftEngine().generate(decode_shot(encode_shot(shot), Limits()), lambda _: None)
        assert clip.frames.shape == (*shot.preview.shape[:3], 3)
        with TemporaryDirectory() as folder:
            write_clip_files(Path(folder), clip)


def test_a_depth_whose_inverse_is_infinite_is_refused(bike: Motorcycle) -> None:
    shot = small_shot(bike)
    payload = small_payload(bike)
    place = payload.index(shot.depth.tobytes())
    with pytest.raises(ShotError, match="no scene's"):
        decode_shot(payload[:place] + np.float32(1e-45).tobytes() + payload[place + 4 :], Limits())
