"""Records of jobs under way outlive Blender, and a damaged one is no danger."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from blender_addon.core.errors import ServiceError
from blender_addon.core.payloads.shot import ShotSettings
from blender_addon.generation.job_records import CheckOrder, JobRecord, JobRecords, PhotoOrder, decode, encode


def record(job: str = "a" * 32, blend: str = "/films/one.blend", at: float = 1.0) -> JobRecord:
    return JobRecord(
        job_id=job,
        server="127.0.0.1:47110",
        title="shot",
        blend=blend,
        scene="Scene",
        camera="Camera",
        folder="/films/realcam/shot/take_001",
        settings=ShotSettings(engine="draft", prompt="a motorcycle"),
        artist_width=1920,
        artist_height=1080,
        pixel_aspect=1.0,
        frame_start=1,
        frame_end=48,
        submitted_at=at,
    )


def test_records_are_found_by_their_file_and_forgotten_with_their_shot(tmp_path: Path) -> None:
    records = JobRecords(tmp_path / "jobs")
    first, second = record(at=2.0), record("b" * 32, at=1.0)
    other = record("c" * 32, blend="/films/two.blend")
    for each in (first, second, other):
        records.write(each)
    assert records.of_blend("/films/one.blend") == (second, first)
    records.kept_shot(first.job_id).write_bytes(b"shot")
    records.forget(first.job_id)
    assert records.of_blend("/films/one.blend") == (second,)
    assert not records.kept_shot(first.job_id).exists()


def test_a_damaged_record_is_left_out(tmp_path: Path) -> None:
    records = JobRecords(tmp_path)
    records.write(record())
    (tmp_path / f"{'d' * 32}.json").write_bytes(encode(record())[:40])
    (tmp_path / f"{'e' * 32}.json").write_bytes(b"\xff\xfe")
    assert len(records.all()) == 1
    assert decode("") is None


def test_a_record_that_says_which_focal_length_it_prefers_is_read() -> None:
    """Written before typed always went before EXIF; the estimate that it waits for has its lens already."""
    order = PhotoOrder(path="/bike.png", focal_mm=50.0, depth_edge=0.1, max_vertices=1000)
    old = msgspec.json.decode(encode(msgspec.structs.replace(record(), photo=order)))
    old["photo"]["prefer_focal_mm"] = False
    found = decode(msgspec.json.encode(old))
    assert found is not None
    assert found.photo == order


def test_a_calibration_of_an_older_record_is_read_as_intrinsics() -> None:
    old = msgspec.json.decode(encode(msgspec.structs.replace(record(), photo=PhotoOrder(path="/bike.png"))))
    old["photo"] = {
        "path": "/bike.png",
        "focal_mm": None,
        "prefer_focal_mm": True,
        "calibration": [300.0, 301.0, 120.0, 80.0],
        "depth_edge": 0.1,
        "max_vertices": 1000,
        "add_camera": False,
    }
    found = decode(msgspec.json.encode(old))
    assert found is not None
    assert found.photo is not None
    assert found.photo.intrinsics == [[300.0, 0.0, 120.0], [0.0, 301.0, 80.0], [0.0, 0.0, 1.0]]
    assert (found.photo.depth_edge, found.photo.max_vertices, found.photo.add_camera) == (0.1, 1000, False)
    again = decode(encode(found))
    assert again is not None
    assert again.photo == found.photo


def test_a_job_id_never_becomes_a_path(tmp_path: Path) -> None:
    with pytest.raises(ServiceError, match="no job id"):
        JobRecords(tmp_path).forget("../../etc/passwd")
    assert decode(encode(record("../" + "a" * 29))) is None


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(ServiceError, match="cannot be written down"):
        JobRecords(tmp_path / "file").write(record())


def test_sentences_about_a_job_say_what_it_makes() -> None:
    photo = PhotoOrder(path="/bike.png", depth_edge=0.1, max_vertices=1000)
    assert record().result == "clip"
    assert msgspec.structs.replace(record(), photo=photo).result == "depth"
    assert msgspec.structs.replace(record(), check=CheckOrder(shot="shot", take=1)).result == "camera check"
