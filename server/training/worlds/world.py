"""A map that rays can be cast into: which surface they meet, how far away, and in what colour."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from blender_addon.core.arrays import Bool, Float32, Float64, UInt8
from blender_addon.core.errors import RealCamError
from server.packages import absent_packages

from .atlas import Atlas, atlas_of
from .paint import painted_picture, painted_surfaces
from .pictures import Pictures
from .surfaces import SKY, Surfaces, surfaces_of
from .wad import Wad

PACKAGES = ("embreex", "mapbox_earcut")
"""What worlds are built and rendered with."""
WADS_FROM = "vizdoom"
"""The package that carries Freedoom's WADs."""

AMBIENT = 0.4
"""Brightness of a surface in a sector of light 0, as a share of its picture's sRGB values; at light 255 it is 1."""
GREY = np.full((64, 64, 4), (112, 112, 112, 255), np.uint8)
"""Stands for a picture that the WAD lacks."""
SKY_PICTURES = ("RSKY1", "SKY1")
SKY_TURN = 1024
"""Texels around the horizon; the sky repeats."""
SKY_HORIZON = 128
"""Texel row of the horizon, of the 128 above it that a sky picture has."""
NUDGE = 1e-5
"""Radians by which a ray is turned that slipped between two triangles."""


class NoWorldsError(RealCamError):
    """A package or file that worlds need is not there."""


def require_packages() -> None:
    """Raise NoWorldsError, with how to install them, when the packages of worlds are missing."""
    absent = absent_packages(PACKAGES, "worlds")
    if absent:
        raise NoWorldsError("Worlds cannot be rendered on this machine", absent)


def carried_wads() -> tuple[Path, ...]:
    """Freedoom's two WADs, as the package vizdoom carries them; it is not imported.

    Raises:
        NoWorldsError: it is not installed.
    """
    found = importlib.util.find_spec(WADS_FROM)
    folders = [] if found is None else [Path(place) for place in found.submodule_search_locations or ()]
    wads = tuple(folder / f"freedoom{i}.wad" for folder in folders for i in (1, 2))
    if not wads or not all(file.is_file() for file in wads):
        raise NoWorldsError(
            "There are no maps to render",
            absent_packages((WADS_FROM,), "worlds") or "vizdoom carries no freedoom1.wad and freedoom2.wad",
            "Or name WAD files with --wad.",
        )
    return wads


@dataclass(frozen=True, eq=False)
class Hits:
    """Where rays meet the world.

    Attributes:
        triangle: [N], -1 where a ray meets nothing.
        distance: [N] float64, as a multiple of the ray's direction; of the sky, to the surface that shows it.
        sky: [N] bool.
    """

    triangle: NDArray[np.int64]
    distance: Float64
    sky: Bool


class World:
    """The surfaces of a map, their pictures, and the tree that finds which one a ray meets.

    Args:
        surfaces: of the map.
        atlas: its pictures in the order of `surfaces.names`; the last one is the sky's.

    Raises:
        NoWorldsError: embreex is not installed.
    """

    def __init__(self, surfaces: Surfaces, atlas: Atlas) -> None:
        require_packages()
        from embreex.mesh_construction import TriangleMesh
        from embreex.rtcore_scene import EmbreeScene

        self.surfaces = surfaces
        self._atlas = atlas
        self._sky_material = surfaces.names.index(SKY) if SKY in surfaces.names else -1
        a, b, c = (surfaces.corners[:, i] for i in range(3))
        normal = np.cross(b - a, c - a)
        self._normal = normal / np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-12)
        self._offset = np.einsum("ti,ti->t", self._normal, a)
        self._gain = _gain(surfaces.light)[:, None] * surfaces.tint
        self._scene: Any = EmbreeScene()
        # Vertices that neighbours share are one vertex, so that no ray slips between them.
        vertices, index = np.unique(surfaces.corners.reshape(-1, 3).astype(np.float32), axis=0, return_inverse=True)
        TriangleMesh(self._scene, vertices, index.reshape(-1, 3).astype(np.int32))

    def cast(self, origins: Float64, directions: Float64) -> Hits:
        """The nearest surface along each ray. The tree says which one, in float32; where, its plane, in float64.

        Args:
            origins, directions: [N, 3], world.
        """
        triangle = self._nearest(origins, directions)
        lost = np.flatnonzero(triangle < 0)
        if len(lost):
            turned = directions[lost] + NUDGE * np.linalg.norm(directions[lost], axis=1, keepdims=True)
            triangle[lost] = self._nearest(origins[lost], turned)
        normal = self._normal[triangle]
        ahead = np.einsum("ni,ni->n", normal, directions)
        sky = (triangle < 0) | (self.surfaces.material[triangle] == self._sky_material)
        with np.errstate(divide="ignore", invalid="ignore"):
            distance = (self._offset[triangle] - np.einsum("ni,ni->n", normal, origins)) / ahead
        distance[triangle < 0] = np.inf
        return Hits(triangle, distance, sky)

    def materials(self, hits: Hits) -> list[str]:
        """The name of the picture that each ray meets."""
        names = self.surfaces.names
        return [
            SKY if sky else names[number]
            for number, sky in zip(self.surfaces.material[hits.triangle], hits.sky, strict=True)
        ]

    def colours(self, hits: Hits, origins: Float64, directions: Float64, spread: Float64) -> Float32:
        """Colours of what rays meet.

        Args:
            hits: of these rays.
            origins, directions: [N, 3], world.
            spread: [N] radians between neighbouring rays.

        Returns:
            [N, 3] float32, linear light.
        """
        if not hits.sky.any():
            return self._surface_colours(hits.triangle, hits.distance, origins, directions, spread)
        found = np.empty((len(hits.triangle), 3), np.float32)
        seen, far = np.flatnonzero(~hits.sky), np.flatnonzero(hits.sky)
        found[seen] = self._surface_colours(
            hits.triangle[seen], hits.distance[seen], origins[seen], directions[seen], spread[seen]
        )
        found[far] = self._sky(directions[far], spread[far])
        return found

    def _surface_colours(
        self, triangle: NDArray[np.int64], distance: Float64, origins: Float64, ways: Float64, spread: Float64
    ) -> Float32:
        points = origins + ways * distance[:, None]
        matrix = self.surfaces.texture[triangle]
        at = np.einsum("nij,nj->ni", matrix[:, :, :3], points) + matrix[:, :, 3]
        # Of a ray with the length l along a unit of depth: what a sample covers is l * distance * spread wide, and
        # longer by 1 / slant one way. Between the two: the samples beside it cover the rest.
        along = np.abs(np.einsum("ni,ni->n", self._normal[triangle], ways))
        length = np.sqrt(np.einsum("ni,ni->n", ways, ways))
        slant = np.maximum(along / length, 0.05)
        footprint = distance * length * spread / (self.surfaces.texel * np.sqrt(slant))
        return self._atlas.sample(self.surfaces.material[triangle], at, footprint) * self._gain[triangle]

    def _nearest(self, origins: Float64, directions: Float64) -> NDArray[np.int64]:
        found = self._scene.run(origins.astype(np.float32), directions.astype(np.float32))
        return np.asarray(found, dtype=np.int64)

    def _sky(self, directions: Float64, spread: Float64) -> Float32:
        """The sky by direction alone: it is infinitely far."""
        turn = np.arctan2(directions[:, 0], directions[:, 2])
        rise = np.arctan2(-directions[:, 1], np.hypot(directions[:, 0], directions[:, 2]))
        scale = SKY_TURN / (2 * np.pi)
        at = np.stack([turn * scale, np.clip(SKY_HORIZON - np.abs(rise) * scale, 1, SKY_HORIZON - 1)], axis=1)
        picture = np.full(len(directions), len(self._atlas.first) - 1, dtype=np.int64)
        return self._atlas.sample(picture, at, spread * scale)


def open_world(wad: Wad, name: str, painted: bool = False) -> World:
    """A map of a WAD, ready to be filmed.

    Args:
        wad: holds it.
        name: of the map.
        painted: see `paint`; else it has its own textures.

    Raises:
        WadError: the WAD has no such map, or it cannot be read.
        NoWorldsError: a package is missing.
    """
    require_packages()
    pictures = Pictures(wad)
    surfaces = surfaces_of(wad.read_map(name), pictures.texture_sizes)
    sky = next((found for sky in SKY_PICTURES if (found := pictures.texture(sky)) is not None), GREY)
    walls = [_picture(pictures, material) for material in surfaces.names]
    if painted:
        surfaces, walls = painted_surfaces(surfaces), [painted_picture(picture) for picture in walls]
    return World(surfaces, atlas_of([*walls, sky]))


def _picture(pictures: Pictures, material: str) -> UInt8:
    kind, _, name = material.partition(" ")
    found = pictures.flat(name) if kind == "flat" else pictures.texture(name)
    return GREY if found is None else found


def _gain(light: Float64) -> Float32:
    """Factors on linear light: brightness of sRGB values is linear in a sector's light, as in the game's tables."""
    value = AMBIENT + (1 - AMBIENT) * np.clip(light, 0, 255) / 255
    return np.asarray(value**2.2, dtype=np.float32)
