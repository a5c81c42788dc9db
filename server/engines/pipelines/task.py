"""A shot at the size of the network that makes it, and the segments that it is made in."""

from __future__ import annotations

from dataclasses import dataclass, replace

from blender_addon.core.arrays import UInt8
from blender_addon.core.payloads.shot import Shot

from .adapter import Adapter
from .fitting.clip_rule import ClipFit, padded_in_time
from .fitting.piece import Piece
from .fitting.segments import Segment, segments
from .memory.plans import Demand


@dataclass(frozen=True, eq=False)
class Task:
    """A shot to be made.

    Attributes:
        shot: the artist's.
        fitted: the same at the network's size.
        fit: how the one lies in the other.
        parts: its segments.
        counts: the frames that the network makes for each segment.
        demand: the largest of them, the frames before the shot's first counted with it.
    """

    shot: Shot
    fitted: Shot
    fit: ClipFit
    parts: tuple[Segment, ...]
    counts: tuple[int, ...]
    demand: Demand

    def piece(self, number: int, before: UInt8) -> Piece:
        """The segment of that number.

        Args:
            number: from 0.
            before: [F, H, W, 3] the frames of the segments before.
        """
        part = self.parts[number]
        camera = self.fitted.trajectory
        cut = slice(part.first, part.first + part.frames)
        shot = replace(
            self.fitted,
            trajectory=replace(camera, camera_to_world=camera.camera_to_world[cut], intrinsics=camera.intrinsics[cut]),
            preview=self.fitted.preview[cut],
        )
        return Piece(
            shot=padded_in_time(shot, self.counts[number]),
            frames=part.frames,
            inside=self.fit.inside,
            given=before[part.first : part.first + part.given],
            first=number == 0,
            last=number == len(self.parts) - 1,
            seed=(self.shot.settings.seed + number) % 2**63,
        )


def task_of(shot: Shot, adapter: Adapter) -> Task:
    """The shot as a task for an engine.

    Args:
        shot: the artist's.
        adapter: of the engine.

    Raises:
        EngineError: its last image is of quite another shape.
    """
    rule = adapter.rule
    fit = rule.fit((shot.trajectory.width, shot.trajectory.height))
    fitted = fit.shot(shot)
    parts = segments(len(shot.trajectory), rule.most_frames, adapter.shared)
    counts = tuple(rule.frames(part.frames) for part in parts)
    with_lead_in = rule.frames(counts[0] + adapter.lead_in(fitted))
    return Task(shot, fitted, fit, parts, counts, Demand(*fit.engine_size, max(with_lead_in, *counts)))
