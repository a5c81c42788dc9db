"""A recorded clip of which a file is damaged: it is left out by name and reason, and the others are trained on."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from PIL import Image

pytest.importorskip("torch", reason="torch is not installed: the model tests were not run")
pytest.importorskip("diffusers", reason="diffusers is not installed: the model tests were not run")

from server.datasets.align import AlignRecord
from server.datasets.align_collection import SUMMARY, CollectionSummary
from server.training.config import DataSettings
from server.training.data.aligned_clips import AlignedClip
from server.training.data.clip_set import ClipSet, DataError, report
from server.training.data.opening import open_clips
from server.training.data.suspicions import fitting_convention
from server.training.feeding.sources import SampleSource
from tests.support.model.reduced_model import TINY_256

FRAMES = 6
BAD_FRAMES, BAD_CAMERAS = "frames that cannot be used", "cameras that cannot be used"
BAD_RECORD, BAD_DEPTH = "a record that cannot be used", "a depth that cannot be used"

Damage = Callable[[Path, Path], Any]
"""What is done to a clip's folder and its record."""


def record(name: str) -> AlignRecord:
    poses = np.tile(np.eye(4), (FRAMES, 1, 1))
    poses[:, 0, 3] = 0.05 * np.arange(FRAMES)
    return AlignRecord(
        clip=name, fingerprint="", frames=FRAMES, scale=1.0, spread=0.0, votes=1, inliers=1, refusal="",
        frame_scales=[1.0] * FRAMES, smallest=1.0, largest=1.0, reprojection_error=None,
        camera_to_world=poses.tolist(), intrinsics=[[[30.0, 0, 16], [0, 30.0, 12], [0, 0, 1]]] * FRAMES,
    )  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three clips that can be trained on."""
    draw = np.random.default_rng(0)
    records = tmp_path / "aligned" / "train"
    records.mkdir(parents=True)
    summary = CollectionSummary(kept=["a", "b", "c"], dropped=[], refused={})
    (records / SUMMARY).write_bytes(msgspec.json.encode(summary))
    for name in summary.kept:
        clip = tmp_path / "train" / name
        for place in ("frames", "depth"):
            (clip / place).mkdir(parents=True)
        for i in range(FRAMES):
            Image.fromarray(draw.integers(0, 255, (24, 32, 3), np.uint8)).save(clip / "frames" / f"{i:04d}.png")
        Image.fromarray(np.full((24, 32), 3000, np.uint16)).save(clip / "depth" / "0000.png")
        (clip / "caption.txt").write_text(f"room {name}\n")
        (records / f"{name}.json").write_bytes(msgspec.json.encode(record(name)))
    return tmp_path


def opened(folder: Path, **changes: Any) -> ClipSet:
    return open_clips(DataSettings(train=str(folder / "train"), **changes), FRAMES, folder / "run")


def damaged(folder: Path, damage: Damage, **changes: Any) -> str:
    """Why the damaged one is left out, and how it is named."""
    damage(folder / "train" / "b", folder / "aligned" / "train" / "b.json")
    clips = opened(folder, **changes)
    assert [clip.name for clip in clips.clips] == ["a", "c"]
    ((reason, (named,)),) = clips.left_out.items()
    assert named.partition(":")[0] == "b"
    assert list(report(clips, all_names=True)) == ["2 clips; left out: 1", f"  1: {reason} ({named})"]
    return reason


def first(clip: Path) -> Path:
    return clip / "frames" / "0000.png"


def instead(clip: Path) -> Path:
    return removed(first(clip))


def removed(file: Path) -> Path:
    file.unlink()
    return file


def halved(file: Path) -> int:
    return file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def changed(file: Path, **changes: Any) -> int:
    return file.write_bytes(msgspec.json.encode(msgspec.structs.replace(record("b"), **changes)))


def swapped(file: Path, old: str, new: str) -> int:
    text = file.read_text(encoding="utf-8")
    assert old in text
    return file.write_text(text.replace(old, new, 1), encoding="utf-8")


FRAME_DAMAGES: dict[str, Damage] = {
    "no picture": lambda clip, _: first(clip).write_bytes(b"no picture"),
    "empty": lambda clip, _: first(clip).write_bytes(b""),
    "cut off": lambda clip, _: halved(first(clip)),
    "a link to nothing": lambda clip, _: instead(clip).symlink_to(clip / "nothing"),
    "a folder": lambda clip, _: instead(clip).mkdir(),
    "no frame": lambda clip, _: [removed(file) for file in (clip / "frames").iterdir()],
}


@pytest.mark.parametrize("damage", FRAME_DAMAGES.values(), ids=FRAME_DAMAGES)
def test_frames(folder: Path, damage: Damage) -> None:
    assert damaged(folder, damage) == BAD_FRAMES


RECORD_DAMAGES: dict[str, Damage] = {
    "gone": lambda _, file: removed(file),
    "cut off": lambda _, file: halved(file),
    "no text": lambda _, file: file.write_bytes(file.read_bytes().replace(b'"clip":"b"', b'"clip":"\xff"')),
    "not a number": lambda _, file: swapped(file, '"camera_to_world":[[[1.0', '"camera_to_world":[[[NaN'),
    "nothing": lambda _, file: swapped(file, '"camera_to_world":[[[1.0', '"camera_to_world":[[[null'),
    "a key less": lambda _, file: swapped(file, '"scale":1.0,', ""),
    "three rows": lambda _, file: swapped(file, ",[0.0,0.0,0.0,1.0]]", "]"),
}


@pytest.mark.parametrize("damage", RECORD_DAMAGES.values(), ids=RECORD_DAMAGES)
def test_record(folder: Path, damage: Damage) -> None:
    assert damaged(folder, damage) == BAD_RECORD


FAR = record("b").camera_to_world
FAR[3][0][3] = 1e300


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"scale": 0.0}, "a scale that is not above zero"),
        ({"scale": -1.0, "frame_scales": [None] * FRAMES}, "a scale that is not above zero"),
        ({"intrinsics": record("b").intrinsics[:3]}, "intrinsics for another number of poses"),
        ({"intrinsics": [[[0.0, 0, 0]] * 3] * FRAMES}, BAD_CAMERAS),
        ({"camera_to_world": FAR}, "a camera too far away to compute with"),
        ({"intrinsics": [[[-30.0, 0, 16], [0, 30.0, 12], [0, 0, 1]]] * FRAMES}, BAD_CAMERAS),
    ],
)
def test_numbers(folder: Path, changes: dict[str, Any], reason: str) -> None:
    assert damaged(folder, lambda _, file: changed(file, **changes)) == reason


def test_depth_that_sets_the_scale(folder: Path) -> None:
    damage: Damage = lambda clip, _: (clip / "depth" / "0000.png").write_bytes(b"no depth")  # noqa: E731
    assert damaged(folder, damage, scale="relative") == BAD_DEPTH


def test_words_that_are_no_text(folder: Path) -> None:
    caption = folder / "train" / "c" / "caption.txt"
    caption.write_bytes("ein Café".encode("utf-16"))
    assert opened(folder)[2].caption == "ein Café"
    assert (
        damaged(folder, lambda clip, _: (clip / "caption.txt").write_bytes(b"caf\xe9")) == "a file that cannot be used"
    )


def test_a_clip_that_breaks_after_it_was_looked_at(folder: Path) -> None:
    """Its turn is another's, and it is named; asked for its convention it says nothing."""
    clips = opened(folder)
    (folder / "train" / "b" / "caption.txt").write_bytes(b"caf\xe9")
    source = SampleSource(clips, TINY_256, (64, 64), (1, 1), 7, {"repeat": 1.0}, False, FRAMES)
    drawn = [source(position) for position in range(6)]
    assert {made.sample.clip for made in drawn if made.sample} == {"a", "c"}
    assert all(made.sample for made in drawn)
    (why,) = {why for made in drawn for name, why in made.broken.items() if name == "b"}
    assert "caption" in why
    first(folder / "train" / "a").write_bytes(b"no picture")
    (folder / "aligned" / "train" / "c.json").unlink()
    for name in ("a", "c"):
        place = folder / "train" / ".." / "train" / name  # Not the place that is remembered.
        again = AlignedClip(place, folder / "aligned" / ".." / "aligned" / "train" / f"{name}.json", 30.0)
        assert fitting_convention(again) == ""


def test_a_summary_that_is_cut_off(folder: Path) -> None:
    halved(folder / "aligned" / "train" / SUMMARY)
    with pytest.raises(DataError, match=rf"no summary that can be used: .*{SUMMARY}"):
        opened(folder)


def test_a_folder_that_is_not_there(folder: Path) -> None:
    shutil.rmtree(folder / "train")
    with pytest.raises(DataError, match=r"no such folder of clips: .*train"):
        opened(folder)
    (folder / "train").write_text("no folder")
    with pytest.raises(DataError, match=r"no such folder of clips: .*train"):
        opened(folder)


def test_the_folder_of_the_whole_set(folder: Path) -> None:
    shutil.copytree(folder / "aligned" / "train", folder / "aligned" / "validation")
    shutil.copytree(folder / "train", folder / "validation")
    with pytest.raises(DataError) as error:
        open_clips(DataSettings(train=str(folder)), FRAMES, folder / "run")
    assert "records of train, validation" in error.value.sentence
    assert error.value.sentence.endswith(f"Name one of them: {folder / 'train'}.")
    with pytest.raises(DataError, match="data align"):
        open_clips(DataSettings(train=str(folder / "train" / "a")), FRAMES, folder / "run")
