"""The folders of takes on disk: `<folder of the .blend>/realcam/<shot>/take_001/`. No bpy.

A folder holds the job's files (clip.mp4, frames/0000.png ..., metadata.json) and the take's record, take.json.
"""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from ..core.atomic_file import write_atomic
from ..core.errors import TimelineError
from ..core.foreign_files import copied_from, is_foreign
from ..core.held_files import discard, remove_tree
from ..core.payloads.clip import ClipMetadata, ClipSidecar
from .take import PhotoState, ShotPlacement, Take, frame_file

ROOT = "realcam"
RECORD = "take.json"
"""The file of a take's record."""
METADATA = "metadata.json"
"""The file in which the engine says what made the clip."""

_TAKE_FOLDER = re.compile(r"take_(\d{3,})")
_NOT_IN_FILE_NAMES = re.compile(r'[<>:"/\\|?*\x00-\x1f]')
_RESERVED_ON_WINDOWS = re.compile(r"(?i)(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9¹²³])\s*(\..*)?")
_NAME_LETTERS, _NAME_BYTES = 64, 240
"""The longest name of a shot's folder: Linux takes 255 bytes of UTF-8, Windows and macOS 255 letters."""
LONGEST_PATH: int | None = 259 if os.name == "nt" else None
"""UTF-16 units of the longest path that Windows' programs are sure to take; None where there is no such limit."""
_LONGEST_NAME = len("take_0000/frames_in_shot.tmp/00000.png")
"""Letters of the longest name below a shot's folder."""


def shot_folder_name(shot: str) -> str:
    """The shot's name as a folder name that every system accepts; letters of all scripts are kept."""
    name = _NOT_IN_FILE_NAMES.sub("_", unicodedata.normalize("NFC", shot)).strip(" .")[:_NAME_LETTERS]
    name = name.encode("utf-8", "surrogatepass")[:_NAME_BYTES].decode("utf-8", "ignore").rstrip(" .") or "shot"
    return f"_{name}" if _RESERVED_ON_WINDOWS.fullmatch(name) else name


def take_folder_path(blend_folder: Path, shot: str, number: int) -> Path:
    """The folder of a take beside a .blend."""
    return blend_folder / ROOT / shot_folder_name(shot) / f"take_{number:03d}"


def new_take_folder(blend_folder: Path, shot: str, above: int = 0) -> Path:
    """Make the folder of the shot's next take. A number is not used again while its folder is there.

    Args:
        blend_folder: The folder of the .blend.
        shot: The shot's name.
        above: The number is higher than this: the highest of takes whose folders may be elsewhere.

    Returns:
        The folder, empty. Its making shows before a job is sent whether the disk will take the clip.

    Raises:
        TimelineError: The disk refuses, or a path in it would be longer than Windows' programs take.
    """
    parent = take_folder_path(blend_folder, shot, 0).parent
    _check_length(parent)
    try:
        parent.mkdir(parents=True, exist_ok=True)
        number = max(above, *(take_number(path) for path in parent.iterdir()), 0) + 1
        while True:
            folder = take_folder_path(blend_folder, shot, number)
            try:
                folder.mkdir()
            except FileExistsError:
                number += 1
                continue
            return folder
    except OSError as error:
        raise _not_made(parent, error) from error


def make_take_folder(folder: Path) -> None:
    """Make the folder of a take whose number is known, if it is not there.

    Raises:
        TimelineError: See new_take_folder.
    """
    _check_length(folder.parent)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _not_made(folder, error) from error


def _not_made(folder: Path, error: OSError) -> TimelineError:
    return TimelineError(
        "The folder for the clip cannot be made",
        f"{folder}: {error.strerror or error}",
        "Save the .blend in a folder that you may write to.",
    )


def _check_length(shots_folder: Path) -> None:
    """Raise an error where the paths of a take's files would be too long for Windows."""
    longest = len(str(shots_folder).encode("utf-16-le", "surrogatepass")) // 2 + 1 + _LONGEST_NAME
    if LONGEST_PATH is not None and longest > LONGEST_PATH:
        raise TimelineError(
            "The paths of the clip's files would be too long",
            f"{longest} letters below {shots_folder}, and Windows takes {LONGEST_PATH}",
            "Save the .blend in a folder with a shorter path, or give the shot a shorter name.",
        )


def discard_take_folder(folder: Path) -> None:
    """Remove the folder of a take that was not made, if it holds at most what a file manager left there.

    What another program holds stays.
    """
    if folder.is_dir() and all(is_foreign(path.name) and path.is_file() for path in folder.iterdir()):
        discard(folder)


def files_size(folder: Path) -> int:
    """Bytes of all files in a folder; a file with several names in it counts once."""
    found = {(stat.st_dev, stat.st_ino): stat.st_size for stat in map(Path.stat, folder.rglob("*"))}
    return sum(found.values())


def delete_take_folder(folder: Path) -> None:
    """Remove a take's folder with everything in it.

    Raises:
        TimelineError: It is no take's folder, or the disk refuses; what could be removed is gone then.
    """
    if not take_number(folder) or not any((folder / name).is_file() for name in (RECORD, METADATA)):
        raise TimelineError(
            "The take's files are not deleted", f"{folder} is not the folder of a take", "Look at it, then delete it."
        )
    try:
        remove_tree(folder)
    except OSError as error:
        raise TimelineError(
            "The take's files could not all be deleted",
            f"{error.filename or folder}: {error.strerror or error}",
            "Close what uses them, then delete the folder.",
        ) from error


def take_number(folder: Path) -> int:
    """The number in a take folder's name; 0 when it is no take folder."""
    found = _TAKE_FOLDER.fullmatch(folder.name)
    return int(found[1]) if found else 0


def holds_another_take(folder: Path, take: Take) -> bool:
    """Whether a folder's record is that of another take, as of another .blend saved into the same folder."""
    try:
        record = msgspec.json.decode((folder / RECORD).read_bytes(), type=Take)
    except (OSError, msgspec.DecodeError):
        return False
    return (record.job_id, record.created) != (take.job_id, take.created)


def folder_with_picture(folders: Iterable[Path], take: Take) -> Path | None:
    """The first folder that holds the take's middle frame and is not another take's; None when there is none."""
    found = (f for f in folders if (f / take.thumbnail).is_file() and not holds_another_take(f, take))
    return next(found, None)


def make_take(
    folder: Path,
    *,
    blend_folder: Path | None,
    shot: str,
    placement: ShotPlacement,
    camera: str = "",
    camera_library: str = "",
    job_id: str = "",
    photo: PhotoState | None = None,
    last_image: str = "",
) -> Take:
    """The take of a finished clip, whose record is also written into its folder.

    Args:
        folder: Holds the clip's files; what made the clip is read from its metadata.
        blend_folder: The folder of the .blend; None for an unsaved one.
        shot: The shot's name.
        placement: Where the clip belongs in the scene.
        camera: The Blender camera's name.
        camera_library: The file that the camera is linked from, "" for none.
        job_id: The job that made it.
        photo: The photo's scene when the shot was sent, None when unknown.
        last_image: The file that the clip was to end at, "" for none.

    Raises:
        TimelineError: The clip's files are not whole or the disk refuses.
    """
    sidecar = _sidecar(folder)
    metadata = sidecar.metadata
    frames = len(metadata.camera_to_world)
    if missing := _missing_frames(folder, sidecar):
        raise TimelineError(
            "The clip is not whole", f"{missing} of {frames} frames are missing in {folder}", "Fetch it again."
        )
    take = Take(
        shot=shot,
        number=take_number(folder) or 1,
        folder=blender_path(folder, blend_folder),
        folder_when_made=str(folder),
        frames=frames,
        width=metadata.width,
        height=metadata.height,
        **msgspec.structs.asdict(placement),
        settings=metadata.settings,
        engine_version=metadata.engine_version,
        draft=metadata.draft,
        seconds=metadata.seconds,
        camera=camera,
        camera_library=camera_library,
        job_id=job_id,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        photo=photo,
        last_image=last_image,
        notes=sidecar.notes,
    )
    write_record(folder, take)
    return take


def found_takes(
    blend_folder: Path, *, frame_start: int, artist_size: tuple[int, int], pixel_aspect: float = 1.0
) -> tuple[Take, ...]:
    """The takes in the folders beside a .blend that lost its list, sorted by folder.

    A folder without take.json (a clip fetched by hand) is read from its metadata: it is then taken to begin at
    `frame_start`, to show one frame a scene frame, and to have been made for a render of `artist_size`. A folder in
    which neither can be read, or whose clip lacks frames, is left out.

    Args:
        blend_folder: The folder of the .blend.
        frame_start: See above.
        artist_size: (width, height) of the render in pixels, after its percentage.
        pixel_aspect: x / y of the render's pixels.

    Raises:
        TimelineError: A record cannot be written.
    """
    takes = []
    # Not its copies: a file manager calls them "take_001 copy", and they hold the record of the first.
    for folder in filter(take_number, sorted((blend_folder / ROOT).glob("*/take_*"))):
        take = _read_record(folder, blend_folder)
        if take is not None and _in_copied_shot(folder, take):
            continue
        sidecar = _read_sidecar(folder) if take is None else None
        if sidecar is not None and not _missing_frames(folder, sidecar):
            take = make_take(
                folder,
                blend_folder=blend_folder,
                shot=folder.parent.name,
                placement=ShotPlacement(
                    artist_width=artist_size[0],
                    artist_height=artist_size[1],
                    pixel_aspect=pixel_aspect,
                    frame_start=frame_start,
                    frame_end=frame_start + len(sidecar.metadata.camera_to_world) - 1,
                ),
            )
        if take is not None:
            takes.append(take)
    return tuple(takes)


def _in_copied_shot(folder: Path, take: Take) -> bool:
    """Whether a take's folder lies in a copy of its shot's folder, beside that."""
    place, original = folder.parent, shot_folder_name(take.shot)
    return place.name != original == copied_from(place.name) and place.with_name(original).is_dir()


def _read_record(folder: Path, blend_folder: Path) -> Take | None:
    """The take in a folder's record, pointing to where the folder is now; None when none can be read."""
    try:
        take = msgspec.json.decode((folder / RECORD).read_bytes(), type=Take)
    except (OSError, msgspec.DecodeError):
        return None
    return msgspec.structs.replace(take, folder=blender_path(folder, blend_folder), folder_when_made=str(folder))


def clip_metadata(folder: Path) -> ClipMetadata:
    """What made the clip in a take's folder.

    Raises:
        TimelineError: Its metadata cannot be read.
    """
    return _sidecar(folder).metadata


def _sidecar(folder: Path) -> ClipSidecar:
    """The metadata file of a clip.

    Raises:
        TimelineError: It cannot be read.
    """
    sidecar = _read_sidecar(folder)
    if sidecar is None:
        raise TimelineError("The clip has no metadata", f"{folder / METADATA} cannot be read", "Fetch the clip again.")
    return sidecar


def _read_sidecar(folder: Path) -> ClipSidecar | None:
    try:
        return msgspec.json.decode((folder / METADATA).read_bytes(), type=ClipSidecar)
    except (OSError, msgspec.DecodeError):
        return None


def _missing_frames(folder: Path, sidecar: ClipSidecar) -> int:
    """How many of a clip's frames are not in its folder."""
    return sum(not (folder / frame_file(index)).is_file() for index in range(len(sidecar.metadata.camera_to_world)))


def write_record(folder: Path, take: Take) -> None:
    """Write a take's record into its folder.

    Raises:
        TimelineError: The disk refuses.
    """
    try:
        write_atomic(folder / RECORD, msgspec.json.format(msgspec.json.encode(take)))
    except OSError as error:
        raise TimelineError(
            "The take cannot be written down", f"{folder}: {error.strerror or error}", "Free some space and try again."
        ) from error


def blender_path(folder: Path, blend_folder: Path | None) -> str:
    """The folder as Blender writes it: `//` and the path from the .blend's folder if it lies below, else absolute."""
    if blend_folder is not None and folder.is_relative_to(blend_folder):
        return "//" + folder.relative_to(blend_folder).as_posix()
    return str(folder)
