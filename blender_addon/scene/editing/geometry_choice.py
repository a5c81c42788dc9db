"""Which geometry becomes a photo's depth: what the artist chose, and what is remembered of it on the photo's mesh."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, cast

import bpy

from ...core.errors import PhotoError
from ...datablocks import holds
from ..photo_scene import PhotoScene
from .placed_geometry import has_surface

Source = Literal["SELECTED", "COLLECTION", "VISIBLE"]
"""Which objects: given ones, those of a collection, or all that are visible."""
Rest = Literal["KEEP", "DISTANCE", "UNKNOWN"]
"""What is not covered: the depth that was there, one distance, or no depth."""

GEOMETRY = "realcam_geometry"
"""Custom property of the mesh object: a GeometryChoice, its objects and collection as pointers."""


@dataclass(frozen=True)
class GeometryChoice:
    """What becomes depth.

    Attributes:
        source: Which objects.
        objects: With SELECTED, these; else, once taken, those that were taken.
        collection: With COLLECTION, this one, and those inside it.
        rest: What is not covered.
        distance: Metres, with DISTANCE.
        nearer_only: Keep the depth that was there where it is nearer than the geometry.
    """

    source: Source
    objects: tuple[bpy.types.Object, ...] = ()
    collection: bpy.types.Collection | None = None
    rest: Rest = "KEEP"
    distance: float = 10.0
    nearer_only: bool = False

    def chosen(self, scene: bpy.types.Scene) -> list[bpy.types.Object]:
        """The objects that count, hidden ones included; objects of the scene alone, but for a collection's.

        Raises:
            PhotoError: There are none.
        """
        if self.source == "COLLECTION":
            if self.collection is None:
                raise PhotoError("No collection is chosen", "", "Choose the collection that holds your geometry.")
            chosen, where = list(self.collection.all_objects), f"in the collection {self.collection.name}"
        elif self.source == "VISIBLE":
            chosen, where = list(scene.objects), "in the scene"
        else:
            chosen, where = [o for o in self.objects if holds(scene.objects, o)], "selected"
        found = [subject for subject in chosen if has_surface(subject)]
        if not found:
            raise PhotoError(
                "There is no geometry to take the depth from",
                f"no mesh, curve, text or metaball is {where}; the photos' own meshes do not count",
                "Add boxes and planes where the photo's walls, floor and things stand, or choose others.",
            )
        return found


def stored_choice(photo_scene: PhotoScene) -> GeometryChoice | None:
    """What was chosen the last time; None when no geometry was taken, or the depth was made otherwise since."""
    stored = photo_scene.mesh.get(GEOMETRY)
    if stored is None:
        return None
    objects = stored["objects"].values() if "objects" in stored else ()
    collection = stored.get("collection")
    return GeometryChoice(
        source=cast(Source, stored["source"]),
        objects=tuple(o for o in objects if isinstance(o, bpy.types.Object)),
        collection=collection if isinstance(collection, bpy.types.Collection) else None,
        rest=cast(Rest, stored["rest"]),
        distance=float(stored["distance"]) * photo_scene.record.scale,
        nearer_only=bool(stored["nearer_only"]),
    )


def store_choice(photo_scene: PhotoScene, choice: GeometryChoice) -> None:
    """Remember on the photo's mesh what was chosen. The distance grows with the scene when its scale is calibrated."""
    photo_scene.mesh[GEOMETRY] = {
        "source": choice.source,
        "rest": choice.rest,
        "distance": choice.distance / photo_scene.record.scale,
        "nearer_only": choice.nearer_only,
        **({"objects": {str(i): o for i, o in enumerate(choice.objects)}} if choice.objects else {}),
        **({} if choice.collection is None else {"collection": choice.collection}),
    }
