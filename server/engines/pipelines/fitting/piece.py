"""A part of a shot that a network makes at once."""

from __future__ import annotations

from dataclasses import dataclass

from blender_addon.core.arrays import Bool, UInt8
from blender_addon.core.payloads.shot import Shot


@dataclass(frozen=True, eq=False)
class Piece:
    """A shot, or a segment of a long one, at the size and with the frames that the network makes.

    Attributes:
        shot: with its last frame repeated after `frames`.
        frames: of the artist's that are in it.
        inside: [H, W] where the network's frame shows the artist's; around it is a border that is cut off again.
        given: [n, H, W, 3] uint8, the frames at its start that the segment before made; n is 0 in the first.
        first: whether it begins the shot.
        last: whether it ends the shot.
        seed: of its noise.
    """

    shot: Shot
    frames: int
    inside: Bool
    given: UInt8
    first: bool
    last: bool
    seed: int
