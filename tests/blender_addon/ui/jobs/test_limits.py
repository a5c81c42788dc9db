"""A job asks what the server takes before it reads or renders anything for it."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from blender_addon.core.errors import ShotError
from blender_addon.core.protocol.messages import Limits

pytestmark = pytest.mark.blender


def test_a_shot_is_refused_before_its_preview(quick: ModuleType, shot: Any) -> None:
    from blender_addon.generation.jobs import Jobs
    from blender_addon.generation.shot_job import ShotJob
    from blender_addon.ui.shot.requests import shot_request

    jobs = Jobs()
    jobs.limits = Limits(frames=2)
    with pytest.raises(ShotError, match="It takes 2 frames"):
        ShotJob(shot_request(shot)).engine(jobs)


def test_a_large_photo_is_sent_smaller_and_comes_back_with_its_own_lens(
    quick: ModuleType, small_bike: Path, tmp_path: Path
) -> None:
    from blender_addon.core.payloads.depth_request import DEPTH_FILE, DepthResult, encode_depth_result
    from blender_addon.core.payloads.shot import ShotSettings
    from blender_addon.datablocks import reference
    from blender_addon.generation.depth_job import DepthJob, import_depth
    from blender_addon.generation.job_records import JobRecord, PhotoImport
    from blender_addon.generation.jobs import Jobs

    jobs = Jobs()
    jobs.limits, jobs.predictors = Limits(photo_pixels=10_000), (predictor_called("any"),)
    job = DepthJob(scene=reference(quick.context.scene), photo=PhotoImport(path=str(small_bike)))
    job.folder("0")
    with pytest.raises(StopIteration) as finished:
        next(job.payload(job.engine(jobs)))
    photo = finished.value.value.photo
    height, width = photo.shape[:2]
    assert 9_000 < width * height <= 10_000

    lens = np.array([[width, 0, width / 2], [0, width, height / 2], [0, 0, 1.0]])
    depth = np.full((height, width), 3.0, np.float32)
    nothing = np.zeros((height, width), np.uint8)
    (tmp_path / DEPTH_FILE).write_bytes(
        encode_depth_result(DepthResult(depth, depth, nothing, lens, "predicted", "any", "free"))
    )
    built = import_depth(
        JobRecord(
            job_id="0",
            server="",
            title="",
            blend="",
            scene="Scene",
            folder=str(tmp_path),
            settings=ShotSettings(engine="any"),
            submitted_at=0.0,
            task=job.task(),
        )
    )
    assert built.intrinsics[0, 0] == pytest.approx(built.photo_size[0])
    assert built.intrinsics[1, 2] == pytest.approx(built.photo_size[1] / 2)


def predictor_called(name: str) -> Any:
    """A predictor of that name."""
    import msgspec

    from blender_addon.generation.jobs import ASSUMED_ENGINES

    return msgspec.structs.replace(ASSUMED_ENGINES[0], name=name)
