"""Tracks: pixels of several frames that show one point, joined from the verified matches of a COLMAP database."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from blender_addon.core.arrays import Bool, Float64, Int64

from .colmap import load_pycolmap

SHORTEST = 3
"""Frames that a track must be seen in. Two say nothing of how far one move goes compared with the next."""


@dataclass(frozen=True, eq=False)
class Tracks:
    """T tracks with M observations, sorted by track.

    Observation m: frame[m] saw track[m] at pixel[m].

    Attributes:
        frame: [M] int64 index of the frame.
        track: [M] int64 index of the track, 0 to T - 1.
        pixel: [M, 2] float64 (x, y); the centre of the top-left pixel is (0.5, 0.5).
        count: T.
        frames: F, of the clip.
    """

    frame: Int64
    track: Int64
    pixel: Float64
    count: int
    frames: int

    def only(self, wanted: Bool) -> Tracks:
        """The tracks with those observations alone that a [M] mask keeps; their numbers stay."""
        return Tracks(self.frame[wanted], self.track[wanted], self.pixel[wanted], self.count, self.frames)

    def thinned(self, most: int, seed: int) -> Tracks:
        """At most so many of the tracks, drawn at random, numbered anew."""
        if self.count <= most:
            return self
        chosen = np.zeros(self.count, np.bool_)
        chosen[np.random.default_rng(seed).choice(self.count, most, replace=False)] = True
        kept = chosen[self.track]
        numbers, track = np.unique(self.track[kept], return_inverse=True)
        return Tracks(self.frame[kept], track, self.pixel[kept], len(numbers), self.frames)


def joined_tracks(database: Path, names: Sequence[str]) -> Tracks:
    """The tracks of SHORTEST frames and more that a database's verified matches make.

    A track that is at two places of one frame is left out: one of its matches is wrong.

    Args:
        database: with the two-view geometries of `matching.verify`.
        names: [F] picture names, which become frames 0 to F - 1.
    """
    load_pycolmap()
    import pycolmap

    with pycolmap.Database.open(database) as opened:
        image_of = {image.name: image.image_id for image in opened.read_all_images()}
        pixels = [opened.read_keypoints(image_of[name])[:, :2].astype(np.float64) for name in names]
        first = dict(zip((image_of[name] for name in names), _starts(pixels), strict=True))
        matches = [np.empty((0, 2), np.int64)]
        for pair, geometry in zip(*opened.read_two_view_geometries(), strict=True):
            left, right = pycolmap.pair_id_to_image_pair(pair)
            pairs = geometry.inlier_matches.astype(np.int64).reshape(-1, 2)
            matches.append(pairs + np.array([first[left], first[right]]))
    return tracks_of_matches(pixels, np.concatenate(matches))


def tracks_of_matches(pixels: Sequence[Float64], matches: Int64) -> Tracks:
    """Tracks from matched features.

    Args:
        pixels: F arrays [N, 2], the features of each frame.
        matches: [P, 2] pairs of features, counted through all frames.
    """
    frame = np.repeat(np.arange(len(pixels)), [len(mine) for mine in pixels])
    label = _joined(len(frame), matches)
    matched = np.zeros(len(frame), np.bool_)
    matched[matches.ravel()] = True
    seen = np.bincount(label[matched], minlength=len(frame))
    places, times = np.unique(label[matched] * len(pixels) + frame[matched], return_counts=True)
    usable = seen >= SHORTEST
    usable[places[times > 1] // len(pixels)] = False
    kept = np.flatnonzero(matched & usable[label])
    kept = kept[np.argsort(label[kept], kind="stable")]
    numbers, track = np.unique(label[kept], return_inverse=True)
    return Tracks(frame[kept], track, np.concatenate(pixels)[kept], len(numbers), len(pixels))


def _starts(pixels: Sequence[Float64]) -> Int64:
    """[F] int64 number of each frame's first feature, counted through all frames."""
    return np.asarray(np.cumsum([0, *(len(mine) for mine in pixels[:-1])]), dtype=np.int64)


def _joined(count: int, matches: Int64) -> Int64:
    """[count] int64, the smallest feature number that each feature is connected with by matches."""
    label = np.arange(count)
    while True:
        lower = label.copy()
        np.minimum.at(lower, matches[:, 0], label[matches[:, 1]])
        np.minimum.at(lower, matches[:, 1], label[matches[:, 0]])
        lower = lower[lower]
        if np.array_equal(lower, label):
            return label
        label = lower
