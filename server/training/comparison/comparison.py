"""Makes and measures the clips of a table, clip by clip, where an earlier run left off; then the table."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from blender_addon.core.arrays import UInt8
from server.training.config import ConfigError, DataSettings
from server.training.data.aligned_clips import AlignedClip
from server.training.data.clip_set import DataError
from server.training.data.opening import open_clips

from . import report
from .bootstrap import median
from .networks import Networks
from .rows import FILMED, Row
from .settings import ComparisonSettings
from .shots import FilmedClip, features_of, filmed_clip, made_clip, path_of, rebuilt_clip
from .summary import JOINS, MEASURES, RowSummary, summary
from .takes import Take, TakeKey, append_take, measured, read_takes


@dataclass(frozen=True)
class Part:
    """Which clips this process makes; others may make the rest.

    Attributes:
        number: from 1.
        of: processes.
    """

    number: int = 1
    of: int = 1


@dataclass(frozen=True, eq=False)
class Comparison:
    """One table.

    Attributes:
        networks: the base and its camera modules.
        rows: of the table.
        settings: of the sampling.
        clips: the held-out clips, in order.
        out: folder of results.
        joined: whether the rows are on how clips join, or on whether they follow the camera.
    """

    networks: Networks
    rows: Sequence[Row]
    settings: ComparisonSettings
    clips: Sequence[AlignedClip]
    out: Path
    joined: bool = False

    def make(self, part: Part) -> Iterator[tuple[int, int, Take]]:
        """Make and measure what is missing, all rows of a clip before the next clip.

        Args:
            part: of the clips.

        Yields:
            How many are done of how many, and what was measured.
        """
        known = read_takes(self.out)
        file = self.out / f"takes-{'joins-' if self.joined else ''}{part.number}.jsonl"
        mine = [clip for index, clip in enumerate(self.clips) if index % part.of == part.number - 1]
        shown = {clip.name for clip in self.clips[: self.settings.shown]}
        done, total = 0, len(mine) * sum(len(row.networks) or 1 for row in self.rows)
        for clip in mine:
            filmed: FilmedClip | None = None
            for row in self.rows:
                for training, place in enumerate(row.networks or ("",)):
                    key, done = self._key(row, place, clip.name), done + 1
                    if key in known:
                        continue
                    filmed = filmed or self._filmed(clip)
                    take, frames = self._take(key, training, place, row, filmed)
                    if clip.name in shown:
                        report.save_strip(self._strip(key), frames)
                    append_take(file, take)
                    yield done, total, take

    def _filmed(self, clip: AlignedClip) -> FilmedClip:
        config = self.networks.model.config
        filmed = filmed_clip(clip, config, config.size)
        if filmed is None:
            raise DataError("A clip has no depth of its first frame", clip.name, "Render the test clips again.")
        return filmed

    def _take(self, key: TakeKey, training: int, place: str, row: Row, clip: FilmedClip) -> tuple[Take, UInt8]:
        started = time.monotonic()
        model = self.networks.model
        filmed = clip.frames[path_of(row.mode, len(clip.frames))]
        if row.source == "filmed":
            frames = filmed
        elif row.source == "rebuilt":
            frames = rebuilt_clip(model, filmed)
        else:
            frames = made_clip(self.networks.with_modules(place), clip, row, self.settings)
        features: list[float] = [] if self.joined else features_of(model, frames).tolist()
        return measured(key, training, row, clip, frames, features, time.monotonic() - started), frames

    def _key(self, row: Row, place: str, clip: str) -> TakeKey:
        untouched = row.source != "network"
        return TakeKey(
            row=row.name,
            network="" if untouched else self.networks.modules(place).digest,
            base=self.networks.base_digest,
            settings="" if untouched else self.settings.digest(),
            clip=clip,
        )

    def _strip(self, key: TakeKey) -> Path:
        row = key.row.replace(" ", "-").replace(",", "")
        return self.out / "clips" / f"{row}-{key.network or 'none'}-{key.settings or 'none'}-{key.clip}.png"

    def takes(self) -> dict[str, list[Take]]:
        """What was measured so far of each row."""
        known = read_takes(self.out)
        keys = {
            row.name: [self._key(row, place, clip.name) for place in row.networks or ("",) for clip in self.clips]
            for row in self.rows
        }
        return {name: [known[key] for key in wanted if key in known] for name, wanted in keys.items()}

    def write(self) -> str:
        """Write the tables of what was measured so far, and a sheet of pictures; the tables."""
        takes = self.takes()
        measures = JOINS if self.joined else MEASURES
        names = {row.name for row in self.rows}
        compared = "" if self.joined else "absolute" if "absolute" in names else "base"
        filmed = takes.get(FILMED, [])
        tables: dict[str, Sequence[RowSummary]] = {
            "Means": summary(takes, measures, compared, filmed),
            "Medians": summary(takes, measures, compared, filmed, median),
        }
        text = "\n".join(report.markdown(rows, f"### {title}", compared) for title, rows in tables.items())
        stem = "joins" if self.joined else "table"
        self.out.mkdir(parents=True, exist_ok=True)
        (self.out / f"{stem}.md").write_text(text, encoding="utf-8")
        report.write_json(self.out / f"{stem}.json", tables)
        self._write_sheet(self.out / f"{stem}.png")
        return text

    def _write_sheet(self, file: Path) -> None:
        groups = []
        width = self.networks.model.config.size[0]
        for clip in self.clips[: self.settings.shown]:
            strips = [self._strip(self._key(row, (row.networks or ("",))[0], clip.name)) for row in self.rows]
            if all(strip.is_file() for strip in strips):
                groups.append([report.read_strip(strip, width) for strip in strips])
        if groups:
            report.sheet(groups).save(file)


def read_part(text: str) -> Part:
    """The part that K/N says.

    Raises:
        ConfigError: it says none.
    """
    number, _, of = text.partition("/")
    if number.isdecimal() and of.isdecimal() and 1 <= int(number) <= int(of):
        return Part(int(number), int(of))
    raise ConfigError("There is no such part", text, "It is K/N, as 1/2: the first of two.")


def held_out(folder: Path, frames: int, out: Path, most: int) -> list[AlignedClip]:
    """The first clips of a split, in the order of their names.

    Args:
        folder: of the clips; their records lie as `realcam data render` puts them.
        frames: of a clip.
        out: folder of results.
        most: clips.

    Raises:
        DataError: there is none.
    """
    found = open_clips(DataSettings(train=str(folder)), frames, out).clips
    return [clip for clip in found if isinstance(clip, AlignedClip)][:most]
