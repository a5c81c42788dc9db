"""Whether a camera depends on the frames before: simulations that are not baked, and scripts that keep state."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import bpy

_EXPANDED = ("Object", "Collection", "Camera", "NodeTree", "Curve", "Armature", "Key", "Mesh", "Lattice")
"""Kinds of datablocks that an object's place may depend on another object through."""


_NAMED = 2
"""How many scripts' modules are named."""


@dataclass(frozen=True)
class Stepping:
    """Why every frame is gone through in turn.

    Attributes:
        first: The frame that it begins at.
        why: In a few words, for a progress bar.
    """

    first: int
    why: str


def stepping(scene: bpy.types.Scene, subjects: Iterable[bpy.types.Object]) -> Stepping | None:
    """From where objects are stepped through, as they depend on a simulation that is not baked; None when on none.

    What is simulated is right at a frame only when the frames before it were evaluated one by one, as a render does.
    The same holds for scripts that Blender calls at each frame: these count from the scene's first frame on.

    Args:
        scene: The scene.
        subjects: The objects whose places are wanted.
    """
    scripts = _frame_scripts()
    starts = [scene.frame_start] if scripts else []
    simulated = {o: found for o in scene.objects if (found := list(_starts(scene, o)))}
    if simulated:
        needed = _needed_by(subjects)
        of_simulations = [start for subject, found in simulated.items() if subject in needed for start in found]
        if of_simulations:
            return Stepping(min([*starts, *of_simulations]), "Simulation")
    return Stepping(starts[0], _for_scripts(scripts)) if starts else None


def _frame_scripts() -> list[Callable[..., Any]]:
    return [*bpy.app.handlers.frame_change_pre, *bpy.app.handlers.frame_change_post]


def _for_scripts(scripts: Iterable[Callable[..., Any]]) -> str:
    """Whose scripts want each frame, for example "Frames, for scripts of camera_shakify"."""
    modules = list(dict.fromkeys(_module(script) for script in scripts))
    more = f" and {len(modules) - _NAMED} more" if len(modules) > _NAMED else ""
    return f"Frames, for scripts of {', '.join(modules[:_NAMED])}{more}"


def _module(script: Any) -> str:
    """The add-on, the module or the text of the file that a script belongs to."""
    name = str(getattr(script, "__module__", None) or type(script).__module__)
    # An extension's is bl_ext.REPOSITORY.ADDON.
    parts = name.split(".")
    return parts[2] if parts[0] == "bl_ext" and len(parts) > 2 else parts[0]


def _needed_by(subjects: Iterable[bpy.types.Object]) -> set[bpy.types.ID]:
    """The objects and everything that they refer to: parents, targets, drivers, modifiers and what these refer to."""
    uses: dict[bpy.types.ID, list[bpy.types.ID]] = {}
    for block, users in bpy.data.user_map().items():
        for user in users:
            uses.setdefault(user, []).append(block)
    needed: set[bpy.types.ID] = set()
    waiting: list[bpy.types.ID] = list(subjects)
    while waiting:
        block = waiting.pop()
        if block not in needed and any(isinstance(block, getattr(bpy.types, kind)) for kind in _EXPANDED):
            needed.add(block)
            waiting += uses.get(block, ())
    return needed


def _starts(scene: bpy.types.Scene, subject: bpy.types.Object) -> Iterator[int]:
    """The first frame of each of an object's own simulations that is not baked."""
    for cache in _caches(scene, subject):
        if not cache.is_baked:
            yield cache.frame_start
    for modifier in subject.modifiers:
        if not modifier.show_viewport:
            continue
        if modifier.type == "NODES" and _simulates(modifier.node_group, set()):
            yield scene.simulation_frame_start if scene.use_custom_simulation_range else scene.frame_start
        elif modifier.type == "FLUID" and modifier.fluid_type == "DOMAIN" and not _is_baked(modifier.domain_settings):
            yield modifier.domain_settings.cache_frame_start
    if subject.type == "ARMATURE" and _keeps_state(subject.pose):
        yield scene.frame_start


def _caches(scene: bpy.types.Scene, subject: bpy.types.Object) -> Iterator[bpy.types.PointCache]:
    world = scene.rigidbody_world
    body = subject.rigid_body
    if body is not None and body.type == "ACTIVE" and world is not None and world.enabled:
        yield world.point_cache
    for modifier in subject.modifiers:
        if not modifier.show_viewport:
            continue
        match modifier.type:
            case "CLOTH" | "SOFT_BODY":
                yield modifier.point_cache
            case "PARTICLE_SYSTEM":
                system = modifier.particle_system
                if system.settings.type != "HAIR" or system.use_hair_dynamics:
                    yield system.point_cache
            case "DYNAMIC_PAINT" if modifier.canvas_settings is not None:
                yield from (surface.point_cache for surface in modifier.canvas_settings.canvas_surfaces)


def _is_baked(fluid: bpy.types.FluidDomainSettings) -> bool:
    """Whether all that is seen of a fluid is baked. A Replay cache never is: it holds what happened to be played."""
    if fluid.cache_type == "REPLAY" or not fluid.has_cache_baked_data:
        return False
    return bool(fluid.has_cache_baked_mesh) if fluid.domain_type == "LIQUID" and fluid.use_mesh else True


def _simulates(group: bpy.types.NodeTree | None, seen: set[bpy.types.NodeTree]) -> bool:
    """Whether a node group, or one inside it, has a simulation zone."""
    if group is None or group in seen:
        return False
    seen.add(group)
    return any(
        node.bl_idname == "GeometryNodeSimulationOutput" or (node.type == "GROUP" and _simulates(node.node_tree, seen))
        for node in group.nodes
    )


def _keeps_state(pose: bpy.types.Pose | None) -> bool:
    """Whether bones are placed by iTaSC's simulation."""
    return pose is not None and pose.ik_solver == "ITASC" and pose.ik_param.mode == "SIMULATION"
