"""Data sets of videos with cameras, as others publish them: read, sorted out by reason, and suspected where odd."""

from __future__ import annotations

import os
import pickle
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import msgspec
import numpy as np
import pytest

pytest.importorskip("torch", reason="torch is not installed: the model tests were not run")
pytest.importorskip("diffusers", reason="diffusers is not installed: the model tests were not run")

from blender_addon.core.camera.formats.camera_file import OPENGL
from blender_addon.core.camera.trajectory import inverse
from server.datasets.align import failed_record
from server.datasets.align_collection import SUMMARY, CollectionSummary
from server.datasets.clip_frames import ClipError, read_frames, read_picture, read_video_frames
from server.datasets.posed_clip import open_posed_clip
from server.training.config import DataSettings
from server.training.data.clip_set import ClipSet, DataError, report
from server.training.data.opening import open_clips
from server.training.data.pickled_arrays import read_pickled_array
from server.training.data.suspicions import CONVENTIONS, FAST, GIVEN, fitting_convention, suspicion

LINES = 16
HEADER = "https://www.youtube.com/watch?v=QShWPZxTDoE\nQShWPZxTDoE/{name}\n{caption}\n"


def film(path: Path, frames: int, every: int = 6) -> Path:
    """A video whose frame i is 8 i grey, with a key frame at every sixth and frames shown out of coding order."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as file:
        stream = file.add_stream("libx264", rate=30, options={"crf": "4", "g": str(every), "bf": "2"})
        stream.width, stream.height, stream.pix_fmt = 64, 36, "yuv420p"
        for i in range(frames):
            file.mux(stream.encode(av.VideoFrame.from_ndarray(np.full((36, 64, 3), 8 * i, np.uint8), format="rgb24")))
        file.mux(stream.encode(None))
    return path


def lines(count: int = LINES) -> list[str]:
    """Cameras that move to the right by 0.1 a frame."""
    pose = "1 0 0 {:.2f} 0 1 0 0 0 0 1 0"
    return [f"{33367 * i} 0.5 0.888 0.5 0.5 0 0 {pose.format(-0.1 * i)}" for i in range(count)]


@pytest.fixture
def published(tmp_path: Path) -> Path:
    """RealEstate10K's layout: three good clips, and one for each reason to leave one out."""
    names = ["a", "b", "c", "few", "cut", "unscaled", "gone", "broken", "torn", "zero"]
    for name in names:
        text = lines(10 if name == "few" else LINES)
        caption = "a room with as many words as a line of cameras has numbers in it , which are nineteen in all"
        body = "\n".join([*text[:-1], "1 2 three"] if name == "torn" else text)
        (tmp_path / "cameras").mkdir(exist_ok=True)
        (tmp_path / "cameras" / f"{name}.txt").write_text(HEADER.format(name=name, caption=caption) + body)
        video = tmp_path / "videos" / "QShWPZxTDoE" / f"{name}.mp4"
        if name == "broken":
            video.write_bytes(b"no video")
        elif name != "gone":
            film(video, LINES - (name == "cut"))
    scales = {f"{name}.txt": np.full(10 if name == "few" else LINES, 2.5) for name in names if name != "unscaled"}
    scales["zero.txt"][3] = 0.0
    np.savez(tmp_path / "per_frame_scale.npz", scales)
    (tmp_path / "list.txt").write_text("\n".join(f"QShWPZxTDoE/{name}.mp4" for name in names) + "\n")
    return tmp_path


def settings(root: Path, **changes: Any) -> DataSettings:
    made = DataSettings(
        train=str(root / "cameras"),
        layout="realestate10k",
        videos=str(root / "videos"),
        names=str(root / "list.txt"),
        scales=str(root / "per_frame_scale.npz"),
    )
    return msgspec.structs.replace(made, **changes)


def test_realestate10k_as_published(published: Path) -> None:
    clips = open_clips(settings(published), 16, published / "run")
    assert [clip.name for clip in clips.clips] == ["a", "b", "c"]
    assert {reason: [name.partition(":")[0] for name in names] for reason, names in clips.left_out.items()} == {
        "frames that cannot be used": ["broken"],
        "fewer frames than poses": ["cut"],
        "fewer than 16 poses": ["few"],
        "no video": ["gone"],
        "cameras that cannot be used": ["torn"],
        "no scale": ["unscaled"],
        "a scale that is not above zero": ["zero"],
    }
    clip = clips[0]
    assert clip.caption.split()[-3:] == ["nineteen", "in", "all"]
    assert (clip.size, clip.fps, clip.frame_count) == ((64, 36), 30.0, 16)
    np.testing.assert_allclose(clip.camera_to_world[:, 0, 3], 0.1 * np.arange(16))
    np.testing.assert_allclose(clip.intrinsics[0], [[32, 0, 32], [0, 31.968, 18], [0, 0, 1]])
    assert clip.scales is not None
    assert (clip.scales == 2.5).all()
    relative = open_clips(settings(published, scale="relative"), 16, published / "run")
    assert [found.name for found in relative.clips] == ["a", "b", "c"]
    assert (relative[0].scales == np.ones(16)).all(), "in the camera files' own unit"
    assert next(iter(report(clips))) == "3 clips; left out: 7"
    assert any("broken: The video cannot be read" in line for line in report(clips, all_names=True))


def test_what_was_found_is_remembered_until_a_file_changes(published: Path) -> None:
    first = open_clips(settings(published), 16, published / "run")
    video = published / "videos" / "QShWPZxTDoE" / "a.mp4"
    facts = video.stat()
    video.write_bytes(b"\0" * facts.st_size)
    os.utime(video, ns=(facts.st_atime_ns, facts.st_mtime_ns))
    assert [c.name for c in open_clips(settings(published), 16, published / "run").clips] == ["a", "b", "c"]
    os.utime(video, ns=(facts.st_atime_ns, facts.st_mtime_ns + 1))
    again = open_clips(settings(published), 16, published / "run")
    assert [clip.name for clip in again.clips] == ["b", "c"]
    assert len(first) == 3


def test_scales_and_their_filter_come_from_records(published: Path) -> None:
    records = published / "records"
    records.mkdir()
    summary = CollectionSummary(kept=["a", "cut"], dropped=["b"], refused={"c": "12 points, 30 are needed"})
    (records / SUMMARY).write_bytes(msgspec.json.encode(summary))
    for name in summary.kept:
        made = msgspec.structs.replace(failed_record(name, "", ""), scale=3.0, frame_scales=[3.3, *[None] * 15])
        (records / f"{name}.json").write_bytes(msgspec.json.encode(made))
    clips = open_clips(settings(published, records=str(records)), 16, published / "run")
    assert [clip.name for clip in clips.clips] == ["a"]
    assert clips[0].scales is not None
    np.testing.assert_allclose(clips[0].scales, [3.3, *[3.0] * 15], rtol=1e-6)
    assert clips.left_out["a scale apart from the others'"] == ("b",)
    assert clips.left_out["no accepted scale"] == ("c: 12 points, 30 are needed",)


def test_the_tails_of_both_ends_are_dropped(published: Path) -> None:
    clips = open_clips(settings(published, names="", tails=0.13), 16, published / "run")
    assert clips.refused["a scale apart from the others'"] >= 1
    with pytest.raises(DataError, match="no scales"):
        open_clips(settings(published, scales=""), 16, published / "run")


def test_one_clip_that_is_damaged_leaves_the_others(published: Path) -> None:
    """Its camera file, its record, or its part of a table."""
    (published / "cameras" / "a.txt").write_bytes(b"caf\xe9")
    (published / "cameras" / "b.txt").unlink()
    film(published / "videos" / "b.mp4", LINES)
    clips = open_clips(settings(published), 16, published / "run")
    assert [clip.name for clip in clips.clips] == ["c"]
    assert [name.partition(":")[0] for name in clips.left_out["cameras that cannot be used"]] == ["a", "b", "torn"]

    records = published / "records"
    records.mkdir()
    summary = CollectionSummary(kept=["a", "b", "c"], dropped=[], refused={})
    (records / SUMMARY).write_bytes(msgspec.json.encode(summary))
    made = msgspec.structs.replace(failed_record("c", "", ""), scale=3.0, frame_scales=[None] * LINES)
    (records / "c.json").write_bytes(msgspec.json.encode(made))
    (records / "b.json").write_text('{"clip":')
    clips = open_clips(settings(published, records=str(records)), 16, published / "run")
    assert [clip.name for clip in clips.clips] == ["c"]
    first, other = clips.left_out["a record that cannot be used"]
    assert (first[:2], other[:2]) == ("a:", "b:")
    (records / SUMMARY).write_text('{"kept":')
    with pytest.raises(DataError, match="no summary that can be used"):
        open_clips(settings(published, records=str(records)), 16, published / "run")

    np.savez(published / "words.npz", {"a": "none", "b": [[1.0], [2.0, 3.0]], "c": np.full(LINES, 2.5)})
    clips = open_clips(settings(published, scales=str(published / "words.npz")), 16, published / "run")
    assert [clip.name for clip in clips.clips] == ["c"]


def test_a_list_of_clips_in_another_encoding(published: Path) -> None:
    names = published / "list.txt"
    names.write_bytes("a\r\nc\r\n".encode("utf-16"))
    assert [clip.name for clip in open_clips(settings(published), 16, published / "run").clips] == ["a", "c"]
    names.write_bytes(b"caf\xe9\nc\n")
    with pytest.raises(DataError, match=r"list of clips cannot be read: .*list\.txt: byte 3 is not UTF-8"):
        open_clips(settings(published), 16, published / "run")


def test_rows_of_realcam_vid_that_are_no_clips(tmp_path: Path) -> None:
    """They are counted and named; the others are clips all the same."""
    poses = np.tile(np.eye(4), (LINES, 1, 1))
    good = {"camera_intrinsics": np.array([0.5, 0.888, 0.5, 0.5]), "camera_extrinsics": poses, "align_factor": 4.0}
    broken = {
        "words": {"camera_extrinsics": "none"},
        "ragged": {"camera_extrinsics": [[1.0], [1.0, 2.0]]},
        "flat": {"camera_extrinsics": np.eye(4)},
        "nan": {"camera_extrinsics": poses * np.nan},
        "lens": {"camera_intrinsics": None},
        "zero": {"camera_intrinsics": np.zeros(4)},
        "factor": {"align_factor": "four"},
    }
    rows: list[Any] = [good | {"video_path": "good.mp4"}, "no row"]
    rows += [good | {"video_path": f"{name}.mp4"} | change for name, change in broken.items()]
    film(tmp_path / "good.mp4", LINES)
    for name in broken:
        shutil.copy(tmp_path / "good.mp4", tmp_path / f"{name}.mp4")
    np.savez(tmp_path / "table.npz", np.array(rows, dtype=object))
    clips = open_clips(DataSettings(train=str(tmp_path / "table.npz"), layout="realcam-vid"), 16, tmp_path / "run")
    assert [clip.name for clip in clips.clips] == ["good.mp4"]
    left_out = {reason: {name.partition(":")[0] for name in names} for reason, names in clips.left_out.items()}
    assert left_out == {
        "no video": {"row 1"},
        "a scale that is not above zero": {"factor.mp4"},
        "cameras that cannot be used": {f"{name}.mp4" for name in broken if name != "factor"},
    }
    np.savez(tmp_path / "none.npz", np.array([good | {"camera_extrinsics": None}], dtype=object))
    with pytest.raises(DataError, match="have no cameras"):
        open_clips(DataSettings(train=str(tmp_path / "none.npz"), layout="realcam-vid"), 16, tmp_path / "run")


def test_realcam_vid(tmp_path: Path) -> None:
    poses = np.tile(np.eye(4), (LINES, 1, 1))
    poses[:, 0, 3] = -0.1 * np.arange(LINES)
    row = {"short_caption": "a room", "long_caption": "", "camera_intrinsics": np.array([0.5, 0.888, 0.5, 0.5])}
    rows = [
        row | {"video_path": f"set/{name}.mp4", "camera_extrinsics": poses, "align_factor": factor}
        for name, factor in (("metric", 4.0), ("unknown", None), ("zero", 0.0))
    ]
    for made in rows:
        film(tmp_path / made["video_path"], LINES)
    np.savez(tmp_path / "RealCam-Vid_train.npz", np.array(rows, dtype=object))
    data = DataSettings(train=str(tmp_path / "RealCam-Vid_train.npz"), layout="realcam-vid")
    for _ in range(2):
        clips = open_clips(data, 16, tmp_path / "run")
        assert [clip.name for clip in clips.clips] == ["set/metric.mp4"]
        assert clips.refused == {"no scale": 1, "a scale that is not above zero": 1}
    np.testing.assert_allclose(clips[0].camera_to_world[:, 0, 3], 0.4 * np.arange(LINES))
    np.testing.assert_allclose(clips[0].intrinsics[0, [0, 1], [0, 1]], [32, 31.968])
    assert clips[0].caption == "a room"
    (relative,) = open_clips(msgspec.structs.replace(data, scale="relative"), 16, tmp_path / "run").clips
    assert relative.scales is not None
    np.testing.assert_allclose((relative.camera_to_world[:, 0, 3] * relative.scales), 0.1 * np.arange(LINES))


class Evil:
    """What a pickle may do when it is loaded."""

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[str]]:
        return os.system, ("echo ran",)


def test_a_table_cannot_run_anything(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    np.savez(tmp_path / "evil.npz", np.array([{"a": Evil()}], dtype=object))
    with pytest.raises(DataError, match="system, which is neither"):
        read_pickled_array(tmp_path / "evil.npz")
    (tmp_path / "none.npz").write_bytes(pickle.dumps({}))
    with pytest.raises(DataError, match="cannot be read"):
        read_pickled_array(tmp_path / "none.npz")
    assert "ran" not in capfd.readouterr().out


def test_frames_of_a_video_are_those_of_the_whole(tmp_path: Path) -> None:
    video = film(tmp_path / "clip.mp4", 20)
    whole = read_frames(video)
    for indices in ([0, 1, 2], [7, 11, 19], [19], [13, 3]):
        np.testing.assert_array_equal(read_video_frames(video, indices), whole[indices])
    with pytest.raises(ClipError, match=r"has 20, frame 20 is wanted"):
        read_video_frames(video, [20])


@dataclass(frozen=True)
class Sequence3d:
    """A real sequence with its poses in another convention."""

    files: tuple[Path, ...]
    camera_to_world: Any
    intrinsics: Any
    size: tuple[int, int]
    name: str = "clip"
    caption: str = ""
    fps: float = 30.0
    scales: Any = None
    fingerprint: str = ""

    @property
    def frame_count(self) -> int:
        return len(self.files)

    def depth_of(self, index: int) -> None:
        del index

    def read(self, indices: Sequence[int]) -> Any:
        return np.stack([read_picture(self.files[i]) for i in indices])


@pytest.mark.parametrize("name", ["sevenscenes_redkitchen", "fox"])
def test_real_frames_tell_in_which_convention_their_poses_are(shared_data: Path, name: str) -> None:
    folder = shared_data / "sequences" / name
    clip = open_posed_clip(folder, folder / "transforms_360x640.json" if name == "fox" else None)
    poses, shown = clip.trajectory.camera_to_world, (clip.trajectory.width, clip.trajectory.height)
    opengl, inverted, both = CONVENTIONS
    for given, expected in ((poses, GIVEN), (poses @ OPENGL, opengl), (inverse(poses), inverted)):
        assert fitting_convention(Sequence3d(clip.files, given, clip.trajectory.intrinsics, shown)) == expected
    wrong = Sequence3d(clip.files, inverse(poses @ OPENGL), clip.trajectory.intrinsics, shown)
    (said,) = [line for line in report(ClipSet((wrong,), {})) if "suspected" in line]
    assert both in said


def test_a_camera_that_flies_is_suspected() -> None:
    poses = np.tile(np.eye(4), (16, 1, 1))
    poses[:, 2, 3] = np.arange(16.0)
    clip = Sequence3d((), poses, np.eye(3), (64, 36), scales=np.full(16, 1.5))
    assert suspicion(clip, ()) == FAST
    assert suspicion(Sequence3d((), poses * 0.1, np.eye(3), (64, 36), scales=np.full(16, 1.5)), ()) == ""
    assert "inverse" in suspicion(clip, ("Suspected: camera-to-world matrices stand where ...",))
