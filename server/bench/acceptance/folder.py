"""The folder of an acceptance run: acceptance.json, README.md, and a folder for each clip. It is sent back as it is.

A clip's record is written last, so that a folder with one is whole: a run that was stopped goes on after it.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
from PIL import Image

from blender_addon.core.arrays import UInt8
from blender_addon.core.atomic_file import write_atomic
from blender_addon.core.errors import RealCamError
from blender_addon.core.payloads.clip import Clip, ClipSidecar
from blender_addon.core.payloads.shot import Shot
from server.demo.contact_sheet import contact_sheet
from server.evaluation.records import ClipEvaluation
from server.service.workers.clip_files import encode_mp4

from .clips import Truth
from .records import Asked, ClipRecord, RunRecord

RUN_FILE, READ_FIRST, CLIPS_FOLDER, CLIP_FILE = "acceptance.json", "README.md", "clips", "clip.json"
JPEG_QUALITY = 90


class AcceptanceError(RealCamError):
    """A folder in which the run cannot be kept."""


@dataclass(frozen=True, eq=False)
class ClipPictures:
    """What is drawn of a clip.

    Attributes:
        shot: what it was made of.
        clip: the engine's own.
        kept: [F, H, W, 3] the same with the photo laid back over it.
        truth: what it should show, where that is known.
        evaluation: of the camera that it shows, where there is one.
    """

    shot: Shot
    clip: Clip
    kept: UInt8
    truth: Truth | None
    evaluation: ClipEvaluation | None


def open_folder(folder: Path, asked: Asked) -> None:
    """Make the folder, or take one in which the same was asked for.

    Raises:
        AcceptanceError: it holds a run of something else.
    """
    folder.mkdir(parents=True, exist_ok=True)
    try:
        run = msgspec.json.decode((folder / RUN_FILE).read_bytes(), type=RunRecord)
    except FileNotFoundError:
        return
    except msgspec.MsgspecError as error:
        raise AcceptanceError(
            "The folder's run cannot be read", f"{folder / RUN_FILE}: {error}", "Name another folder with --out."
        ) from error
    if run.asked != asked:
        changed = [name for name in asked.__struct_fields__ if getattr(run.asked, name) != getattr(asked, name)]
        was = ", ".join(f"{name} {getattr(run.asked, name)!r}, now {getattr(asked, name)!r}" for name in changed)
        raise AcceptanceError("The folder holds another run", was, "Name another folder with --out.")


def read_clip(folder: Path, name: str) -> ClipRecord | None:
    """The record of a clip; None where there is none."""
    try:
        return msgspec.json.decode((folder / CLIPS_FOLDER / name / CLIP_FILE).read_bytes(), type=ClipRecord)
    except (FileNotFoundError, msgspec.MsgspecError):
        return None


def write_clip(folder: Path, record: ClipRecord, pictures: ClipPictures | None) -> None:
    """Write a clip's files, the record last.

    Args:
        folder: of the run.
        record: of the clip.
        pictures: None where none was made.
    """
    place = folder / CLIPS_FOLDER / record.name
    place.mkdir(parents=True, exist_ok=True)
    if pictures is not None:
        _write_pictures(place, pictures)
    write_atomic(place / CLIP_FILE, _readable(record))


def write_run(folder: Path, run: RunRecord, text: str) -> None:
    """Write the run's record and what people read."""
    write_atomic(folder / RUN_FILE, _readable(run))
    write_atomic(folder / READ_FIRST, text.encode())


def _write_pictures(place: Path, pictures: ClipPictures) -> None:
    shot, clip = pictures.shot, pictures.clip
    fps = shot.trajectory.fps
    comment = msgspec.json.encode(ClipSidecar(metadata=clip.metadata, notes=clip.notes))
    (place / "engine.mp4").write_bytes(encode_mp4(clip.frames, fps, comment.decode()))
    (place / "kept.mp4").write_bytes(encode_mp4(pictures.kept, fps))
    sheet = contact_sheet(shot.photo, shot.preview, clip.frames)
    (place / "sheet.jpg").write_bytes(_jpeg(sheet))
    if pictures.truth is not None:
        chosen = list(pictures.truth.frames)
        columns = (clip.frames[chosen], pictures.kept[chosen], pictures.truth.pictures)
        rows = np.concatenate([np.concatenate(list(column), axis=0) for column in columns], axis=1)
        (place / "truth.jpg").write_bytes(_jpeg(Image.fromarray(rows)))
    if pictures.evaluation is not None:
        (place / "evaluation.json").write_bytes(_readable(pictures.evaluation))


def _jpeg(picture: Image.Image) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, "JPEG", quality=JPEG_QUALITY)
    return stream.getvalue()


def _readable(record: msgspec.Struct) -> bytes:
    return msgspec.json.format(msgspec.json.encode(record), indent=1)
