"""Records of jobs under way outlive Blender, and a damaged one is no danger."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec
import pytest

from blender_addon.core.errors import ServiceError
from blender_addon.core.payloads.shot import ShotSettings
from blender_addon.generation.job_records import (
    CheckTask,
    DepthTask,
    JobRecord,
    JobRecords,
    PhotoImport,
    ShotTask,
    decode,
    encode,
)
from blender_addon.timeline.take import PhotoState, ShotPlacement

TASK = ShotTask(
    camera="Camera",
    placement=ShotPlacement(artist_width=1920, artist_height=1080, pixel_aspect=2.0, frame_start=1, frame_end=48),
    photo_state=PhotoState(
        imported_at=1753444444.5, scale=1.5, intrinsics=[[995.0, 0.0, 311.0], [0.0, 995.0, 255.0], [0.0, 0.0, 1.0]]
    ),
    last_image="//end.png",
)
OLD_SHOT = f"""
{{"job_id": "{"a" * 32}", "server": "127.0.0.1:47110", "title": "shot", "blend": "/films/one.blend", "scene": "Scene",
 "camera": "Camera", "folder": "/films/realcam/shot/take_001",
 "settings": {{"engine": "draft", "prompt": "a motorcycle", "negative_prompt": "", "seed": 0, "options": {{}}}},
 "artist_width": 1920, "artist_height": 1080, "pixel_aspect": 2.0, "frame_start": 1, "frame_end": 48,
 "submitted_at": 1.0,
 "photo_state": {{"imported_at": 1753444444.5, "scale": 1.5,
                 "intrinsics": [[995.0, 0.0, 311.0], [0.0, 995.0, 255.0], [0.0, 0.0, 1.0]]}},
 "last_image": "//end.png", "photo": null, "check": null}}
"""
"""As version 0.1 wrote it, into its file and into the scene."""


def old_analysis(photo: str, check: str) -> str:
    """As version 0.1 wrote a job that makes no clip: a shot's fields are zeros."""
    return f"""
    {{"job_id": "{"b" * 32}", "server": "127.0.0.1:47110", "title": "Analysis", "blend": "", "scene": "Scene",
     "camera": "", "folder": "/home/anna/realcam/answers/{"b" * 32}",
     "settings": {{"engine": "camera-check", "prompt": "", "negative_prompt": "", "seed": 0, "options": {{}}}},
     "artist_width": 0, "artist_height": 0, "pixel_aspect": 1.0, "frame_start": 0, "frame_end": 0,
     "submitted_at": 2.0, "photo_state": null, "last_image": "", "photo": {photo}, "check": {check}}}
    """


def record(job: str = "a" * 32, blend: str = "/films/one.blend", at: float = 1.0) -> JobRecord:
    return JobRecord(
        job_id=job,
        server="127.0.0.1:47110",
        title="shot",
        blend=blend,
        scene="Scene",
        folder="/films/realcam/shot/take_001",
        settings=ShotSettings(engine="draft", prompt="a motorcycle"),
        submitted_at=at,
        task=TASK,
    )


def test_records_are_found_by_their_file_and_forgotten_with_their_shot(tmp_path: Path) -> None:
    records = JobRecords(tmp_path / "jobs")
    first, second = record(at=2.0), record("b" * 32, at=1.0)
    other = record("c" * 32, blend="/films/two.blend")
    for each in (first, second, other):
        records.write(each)
    assert records.of_blend("/films/one.blend") == (second, first)
    records.pending_upload(first.job_id).write_bytes(b"shot")
    records.forget(first.job_id)
    assert records.of_blend("/films/one.blend") == (second,)
    assert not records.pending_upload(first.job_id).exists()


def test_a_damaged_record_is_left_out(tmp_path: Path) -> None:
    records = JobRecords(tmp_path)
    records.write(record())
    (tmp_path / f"{'d' * 32}.json").write_bytes(encode(record())[:40])
    (tmp_path / f"{'e' * 32}.json").write_bytes(b"\xff\xfe")
    assert len(records.all()) == 1
    assert decode("") is None


def test_a_shots_record_of_an_older_version_is_read_and_written_anew() -> None:
    assert decode(OLD_SHOT) == record()
    assert decode(encode(record())) == record()
    without = {**msgspec.json.decode(OLD_SHOT)}
    for late in ("photo_state", "last_image", "photo", "check"):
        del without[late]
    found = decode(msgspec.json.encode(without))
    assert found is not None
    assert found.task == ShotTask(camera="Camera", placement=TASK.placement)


def test_a_checks_record_of_an_older_version_is_read() -> None:
    found = decode(old_analysis("null", '{"shot": "Kamera \\u00e9", "take": 2}'))
    assert found is not None
    assert found.task == CheckTask(shot="Kamera \u00e9", take=2)
    assert (found.job_id, found.settings.engine, found.submitted_at) == ("b" * 32, "camera-check", 2.0)
    assert decode(encode(found)) == found


def test_a_depth_record_of_an_older_version_is_read() -> None:
    """Written before typed always went before EXIF; the estimate that it waits for has its lens already."""
    photo = """{"path": "/bike.png", "focal_mm": 50.0, "prefer_focal_mm": false, "calibration": [0.0, 0.0, 0.0, 0.0],
                "depth_edge": 0.1, "max_vertices": 1000, "add_camera": false}"""
    found = decode(old_analysis(photo, "null"))
    assert found is not None
    assert found.task == DepthTask(
        photo=PhotoImport(path="/bike.png", focal_mm=50.0, depth_edge=0.1, max_vertices=1000, add_camera=False)
    )
    assert decode(encode(found)) == found


def test_a_calibration_of_an_older_record_is_read_as_intrinsics() -> None:
    photo = """{"path": "/bike.png", "focal_mm": null, "prefer_focal_mm": true,
                "calibration": [300.0, 301.0, 120.0, 80.0],
                "depth_edge": 0.1, "max_vertices": 1000, "add_camera": false}"""
    found = decode(old_analysis(photo, "null"))
    assert found is not None
    assert isinstance(found.task, DepthTask)
    read = found.task.photo
    assert read.intrinsics == [[300.0, 0.0, 120.0], [0.0, 301.0, 80.0], [0.0, 0.0, 1.0]]
    assert (read.depth_edge, read.max_vertices, read.add_camera) == (0.1, 1000, False)
    assert decode(encode(found)) == found


def test_a_job_id_never_becomes_a_path(tmp_path: Path) -> None:
    with pytest.raises(ServiceError, match="no job id"):
        JobRecords(tmp_path).forget("../../etc/passwd")
    assert decode(encode(record("../" + "a" * 29))) is None


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(ServiceError, match="cannot be written down"):
        JobRecords(tmp_path / "file").write(record())


def test_sentences_about_a_job_say_what_it_makes() -> None:
    photo = PhotoImport(path="/bike.png", depth_edge=0.1, max_vertices=1000)
    tasks = (TASK, DepthTask(photo=photo), CheckTask(shot="shot", take=1))
    assert [task.result for task in tasks] == ["clip", "depth", "camera check"]


def test_a_blend_whose_name_is_no_text_is_said(tmp_path: Path) -> None:
    with pytest.raises(ServiceError, match=r"a name in it is no UTF-8: /films/caf\\xe9\.blend\. Rename"):
        JobRecords(tmp_path).write(record(blend=os.fsdecode(b"/films/caf\xe9.blend")))
