"""A clip as files."""

from __future__ import annotations

from pathlib import Path

import av
import msgspec
import numpy as np

from blender_addon.core.payloads.clip import Clip, ClipMetadata, ClipSidecar
from blender_addon.core.payloads.shot import ShotSettings
from server.service.workers.clip_files import write_clip_files


def files_of(folder: Path, seconds: float) -> dict[str, bytes]:
    folder.mkdir()
    metadata = ClipMetadata(
        engine="draft",
        engine_version="1",
        settings=ShotSettings(engine="draft", prompt="a lake", seed=7),
        width=64,
        height=40,
        fps=8.0,
        camera_to_world=[np.eye(4).tolist()] * 3,
        intrinsics=[np.eye(3).tolist()] * 3,
        weights_hash="abc",
        seconds=seconds,
    )
    frames = np.random.default_rng(0).integers(0, 256, (3, 40, 64, 3), dtype=np.uint8)
    written = write_clip_files(folder, Clip(frames, metadata, ("a note",)))
    return {file.name: (folder / file.name).read_bytes() for file in written}


def test_the_same_clip_is_the_same_video_byte_for_byte(tmp_path: Path) -> None:
    """However long it took to make, which metadata.json says."""
    first, again = files_of(tmp_path / "first", 1.5), files_of(tmp_path / "again", 90.0)
    assert {name for name in first if first[name] != again[name]} == {"metadata.json"}
    assert msgspec.json.decode(first["metadata.json"], type=ClipSidecar).metadata.seconds == 1.5


def test_the_video_says_what_made_it(tmp_path: Path) -> None:
    files = files_of(tmp_path / "clip", 1.5)
    with av.open(str(tmp_path / "clip" / "clip.mp4")) as video:
        said = msgspec.json.decode(video.metadata["comment"], type=ClipSidecar)
    sidecar = msgspec.json.decode(files["metadata.json"], type=ClipSidecar)
    assert said.notes == sidecar.notes == ("a note",)
    assert msgspec.structs.replace(said.metadata, seconds=1.5) == sidecar.metadata
