"""A set of rendered clips: which maps train, validate and test, and all clips of each, made by several processes."""

from __future__ import annotations

import hashlib
import importlib.metadata
import multiprocessing
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from blender_addon.core.atomic_file import write_atomic
from blender_addon.core.camera.rotation import rotation_log
from blender_addon.core.camera.trajectory import Trajectory
from blender_addon.core.errors import RealCamError
from server.child_processes import end_with_parent
from server.datasets.align_collection import SUMMARY, CollectionSummary

from .captions import caption
from .clip_files import ClipFacts, is_whole, record_of, write_clip
from .film import RAYS, film, film_depth
from .paint import PAINT
from .placement import ANY_MOTION, Placed, Places
from .wad import Wad, WadError
from .world import World, open_world, require_packages

MANIFEST, README, RECORDS = "manifest.json", "README.md", "aligned"
"""Names in the set's folder; each split has a folder of records beside its clips."""
SPLITS = ("train", "validation", "test")
LAYOUT = 1
"""Version of what a set looks like and how it is drawn: another one gives other clips."""
BATCH = 40
"""Clips that a process makes of one map before it looks for other work."""
CONTRAST = 12.0
"""Standard deviation of the first frame's values, of 255: below it too little is seen, and another place is drawn."""
MOST_DRAWS = 50


class SetSettings(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What decides a set's clips, besides their number.

    What has its default is not written: a set that was begun before there was a choice stays the same one.

    Attributes:
        layout: LAYOUT.
        seed: of everything random.
        wads: file name -> SHA-256.
        maps: split -> "WAD MAP" of its maps.
        width, height: pixels.
        frames: of a clip.
        rays: on each side of a pixel.
        painted: whether surfaces are painted, see `paint`; else they have the maps' textures.
        motion: least and most that the picture moves over a clip, see Places; None: any.
        depth: whether every frame has its depth, not the first alone.
        versions: of the packages that decide pixels.
        paint: the numbers of painted surfaces, PAINT; None: they are not painted.
    """

    layout: int
    seed: int
    wads: dict[str, str]
    maps: dict[str, list[str]]
    width: int
    height: int
    frames: int
    rays: int
    depth: bool
    versions: dict[str, str]
    painted: bool = False
    motion: tuple[float, float] | None = None
    paint: dict[str, tuple[float, ...]] | None = None


class SetError(RealCamError):
    """A set cannot be made here."""


@dataclass(frozen=True)
class Task:
    """Clips of one map, for one process.

    Attributes:
        out: folder of the set.
        wad: file.
        map: of it.
        split: that the clips belong to.
        indices: of the clips.
    """

    out: Path
    wad: Path
    map: str
    split: str
    indices: tuple[int, ...]


def split_of(place: int) -> str:
    """The split of a map by its place among its WAD's in alphabetical order.

    Of eight, six train, the fourth validates and the eighth tests.
    """
    return {3: "validation", 7: "test"}.get(place % 8, "train")


def set_settings(
    wads: Sequence[Path],
    seed: int,
    width: int,
    height: int,
    frames: int,
    rays: int = RAYS,
    depth: bool = False,
    painted: bool = False,
    motion: tuple[float, float] | None = None,
) -> SetSettings:
    """The settings of a set.

    Raises:
        WadError: a WAD cannot be read, has no maps, or two have the same name.
        NoWorldsError: a package is missing.
    """
    require_packages()
    if len({wad.name for wad in wads}) < len(wads):
        raise WadError("Two WADs have the same name", ", ".join(wad.name for wad in wads), "Rename one.")
    maps: dict[str, list[str]] = {split: [] for split in SPLITS}
    hashes = {}
    for file in wads:
        wad = Wad(file)
        if not wad.maps:
            raise WadError("The WAD holds no map", str(file), "Name a WAD of Doom's maps.")
        hashes[file.name] = wad.sha256
        for place, name in enumerate(wad.maps):
            maps[split_of(place)].append(f"{file.name} {name}")
    versions = {name: importlib.metadata.version(name) for name in ("embreex", "mapbox_earcut", "numpy", "pillow")}
    return SetSettings(
        layout=LAYOUT,
        seed=seed,
        wads=hashes,
        maps=maps,
        width=width,
        height=height,
        frames=frames,
        rays=rays,
        depth=depth,
        versions=versions,
        painted=painted,
        motion=motion,
        paint=PAINT if painted else None,
    )


def begin_set(out: Path, settings: SetSettings) -> None:
    """Make the set's folder, or make sure that the one there is of the same settings.

    Raises:
        SetError: it holds a set of other settings, the first that differs is named; or its manifest is damaged.
    """
    place = out / MANIFEST
    begun = place.is_file()
    if begun:
        before = _read_manifest(place)
        now = msgspec.json.decode(msgspec.json.encode(settings))
        differs = next((name for name in before | now if before.get(name) != now.get(name)), None)
        if differs is not None:
            raise SetError(
                "The folder holds another set",
                f"{out}: its {differs} is {str(before.get(differs))[:80]}, not {str(now.get(differs))[:80]}",
                "Name another folder, or ask for the same settings.",
            )
    for split in SPLITS:
        (out / split).mkdir(parents=True, exist_ok=True)
        (out / RECORDS / split).mkdir(parents=True, exist_ok=True)
    if not begun:
        write_atomic(out / README, _CREDITS.encode())
        write_atomic(place, msgspec.json.format(msgspec.json.encode(settings), indent=1))


def _read_manifest(file: Path) -> dict[str, Any]:
    try:
        return msgspec.json.decode(file.read_bytes(), type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise SetError(
            "The folder's manifest is damaged",
            f"{file}: {error}",
            "Put it back, or name another folder: without it nobody knows of what settings the clips are.",
        ) from error


def tasks(out: Path, wads: Sequence[Path], settings: SetSettings, counts: Mapping[str, int]) -> list[Task]:
    """What is left to be made: clips that are not there, or lack a file.

    Args:
        out: folder of the set.
        wads: its files.
        settings: of it.
        counts: split -> clips wanted; its maps take turns.

    Raises:
        SetError: clips are wanted of a split without a map.
    """
    files = {wad.name: wad for wad in wads}
    found = []
    for split, count in counts.items():
        maps = settings.maps[split]
        if count and not maps:
            raise SetError(f"No map is left for {split}", f"{len(files)} WADs with few maps", "Ask for 0 of it.")
        for turn, place in enumerate(maps):
            wad, _, name = place.partition(" ")
            left = [i for i in range(turn, count, len(maps)) if not _done(out, split, clip_name(name, i), settings)]
            found += [
                Task(out, files[wad], name, split, tuple(left[at : at + BATCH])) for at in range(0, len(left), BATCH)
            ]
    return found


def clip_name(map_name: str, index: int) -> str:
    """The name of a clip's folder."""
    return f"{index:06d}-{map_name}"


def render(work: Sequence[Task], settings: SetSettings, processes: int) -> Iterator[int]:
    """Do the tasks; a clip's bytes do not depend on the processes.

    Args:
        work: the tasks.
        settings: of the set.
        processes: how many; 1 works in this one.

    Yields:
        How many clips were made, after each task.
    """
    if processes == 1:
        for task in work:
            yield _do(task, settings)
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, context, end_with_parent) as pool:
        waiting = [pool.submit(_do, task, settings) for task in work]
        try:
            for done in as_completed(waiting):
                yield done.result()
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def finish_set(out: Path, split: str, settings: SetSettings) -> int:
    """Write the summary of a split's records, as `realcam data align` does; how many whole clips it names."""
    folder = out / RECORDS / split
    named = sorted(file.stem for file in folder.glob("*.json") if file.name != SUMMARY)
    kept = [name for name in named if _done(out, split, name, settings)]
    summary = CollectionSummary(kept=kept, dropped=[], refused={})
    write_atomic(folder / SUMMARY, msgspec.json.format(msgspec.json.encode(summary), indent=1))
    return len(kept)


def _done(out: Path, split: str, name: str, settings: SetSettings) -> bool:
    record = out / RECORDS / split / f"{name}.json"
    there = record.is_file() and record.stat().st_size > 0
    return there and is_whole(out / split / name, settings.frames, settings.frames if settings.depth else 1)


def _do(task: Task, settings: SetSettings) -> int:
    world = open_world(Wad(task.wad), task.map, settings.painted)
    places = Places(world, settings.motion or ANY_MOTION)
    fingerprint = hashlib.sha256(msgspec.json.encode(settings)).hexdigest()[:32]
    for index in task.indices:
        _make(task, settings, world, places, index, fingerprint)
    return len(task.indices)


def _make(task: Task, settings: SetSettings, world: World, places: Places, index: int, fingerprint: str) -> None:
    """Draw, film and write a clip and its record."""
    random = np.random.default_rng([settings.seed, SPLITS.index(task.split), index])
    for _ in range(MOST_DRAWS):
        placed = places.find(random, settings.frames, settings.width, settings.height)
        filmed = film(world, placed.trajectory.at([0]), settings.rays)
        if filmed.frames[0].std() >= CONTRAST:
            break
    filmed = film(world, placed.trajectory, settings.rays)
    numbers = range(settings.frames) if settings.depth else (0,)
    depth = dict(zip(numbers, film_depth(world, placed.trajectory, numbers), strict=True))
    name = clip_name(task.map, index)
    facts = _facts(task, index, placed, filmed.exposure)
    record = record_of(name, placed.trajectory, fingerprint)
    # The record first: a clip's folder says that all of it is there.
    write_atomic(task.out / RECORDS / task.split / f"{name}.json", msgspec.json.encode(record))
    sentence = caption(world, placed.view)
    write_clip(task.out / task.split / name, filmed.frames, placed.trajectory, depth, sentence, facts)


def _facts(task: Task, index: int, placed: Placed, exposure: float) -> ClipFacts:
    path: Trajectory = placed.trajectory
    turns = np.swapaxes(path.camera_to_world[:-1, :3, :3], 1, 2) @ path.camera_to_world[1:, :3, :3]
    return ClipFacts(
        wad=task.wad.name,
        map=task.map,
        split=task.split,
        index=index,
        kind=placed.drawn.kind,
        speed=float(np.linalg.norm(np.diff(path.centres, axis=0), axis=1).mean()),
        turn=float(np.degrees(np.linalg.norm(rotation_log(turns), axis=1)).mean()),
        field_of_view=float(np.degrees(2 * np.arctan(path.width / (2 * path.intrinsics[0, 0, 0])))),
        pivot=placed.pivot,
        exposure=exposure,
        world=path.camera_to_world[0].tolist(),
    )


FREEDOOM_LICENCE = """Copyright © 2001-2024 Contributors to the Freedoom project. All rights reserved.

Redistribution and use in source and binary forms, with or without modification, are permitted provided that the
following conditions are met:

* Redistributions of source code must retain the above copyright notice, this list of conditions and the following
  disclaimer.
* Redistributions in binary form must reproduce the above copyright notice, this list of conditions and the following
  disclaimer in the documentation and/or other materials provided with the distribution.
* Neither the name of the Freedoom project nor the names of its contributors may be used to endorse or promote products
  derived from this software without specific prior written permission.

THIS SOFTWARE IS PROVIDED BY THE COPYRIGHT HOLDERS AND CONTRIBUTORS "AS IS" AND ANY EXPRESS OR IMPLIED WARRANTIES,
INCLUDING, BUT NOT LIMITED TO, THE IMPLIED WARRANTIES OF MERCHANTABILITY AND FITNESS FOR A PARTICULAR PURPOSE ARE
DISCLAIMED. IN NO EVENT SHALL THE COPYRIGHT OWNER OR CONTRIBUTORS BE LIABLE FOR ANY DIRECT, INDIRECT, INCIDENTAL,
SPECIAL, EXEMPLARY, OR CONSEQUENTIAL DAMAGES (INCLUDING, BUT NOT LIMITED TO, PROCUREMENT OF SUBSTITUTE GOODS OR
SERVICES; LOSS OF USE, DATA, OR PROFITS; OR BUSINESS INTERRUPTION) HOWEVER CAUSED AND ON ANY THEORY OF LIABILITY,
WHETHER IN CONTRACT, STRICT LIABILITY, OR TORT (INCLUDING NEGLIGENCE OR OTHERWISE) ARISING IN ANY WAY OUT OF THE USE OF
THIS SOFTWARE, EVEN IF ADVISED OF THE POSSIBILITY OF SUCH DAMAGE.
"""

_CREDITS = f"""# Rendered worlds

Clips of 3-D worlds with exact cameras in metres, made by `realcam data render`. `manifest.json` says from what.

The maps and textures are Freedoom's, unless the manifest names other WADs. Freedoom is free content under a BSD
licence:

{FREEDOOM_LICENCE}
## What is where

- `train/`, `validation/`, `test/`: a folder a clip, of disjoint maps. `frames/0000.png ...`; `poses.txt` in
  RealEstate10K's layout, world-to-camera relative to frame 0, metres; `depth/0000.png`, 16-bit millimetres along z at
  pixel centres, 0 for the sky and beyond 65 m; `caption.txt`; `clip.json`, what was drawn.
- `aligned/SPLIT/`: the records of the clips as `realcam data align` makes them, scale 1.
"""
