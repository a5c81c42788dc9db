"""A camera that hangs on a simulation is where a render has it, however often and whenever it is sampled."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

pytestmark = pytest.mark.blender
pytest.importorskip("bpy")

from blender_addon.shot import sample_camera  # noqa: E402
from blender_addon.shot.camera_sample import camera_slices, to_the_end  # noqa: E402
from blender_addon.shot.simulation import Stepping, _is_baked, stepping  # noqa: E402

FRAMES = np.array([1.0, 10.5, 24.0])


def linked(bpy: ModuleType, name: str, data: Any = None) -> Any:
    made = bpy.data.objects.new(name, data)
    bpy.context.scene.collection.objects.link(made)
    return made


@pytest.fixture
def camera(blender: ModuleType) -> Any:
    made = linked(blender, "camera", blender.data.cameras.new("camera"))
    blender.context.scene.camera = made
    return made


@pytest.fixture
def origin(blender: ModuleType) -> Any:
    return linked(blender, "origin")


def triangle(bpy: ModuleType, name: str) -> Any:
    mesh = bpy.data.meshes.new(name)
    mesh.from_pydata([(0, 0, 0), (0.2, 0, 0), (0, 0.2, 0)], [], [(0, 1, 2)])
    return linked(bpy, name, mesh)


def falling(bpy: ModuleType) -> Any:
    """A rigid body that falls."""
    body = triangle(bpy, "body")
    with bpy.context.temp_override(object=body, active_object=body, selected_objects=[body]):
        bpy.ops.rigidbody.world_add()
        bpy.ops.rigidbody.object_add()
    bpy.context.scene.gravity = (0, 0, -2)
    return body


def rising(bpy: ModuleType) -> Any:
    """A mesh that a simulation zone of Geometry Nodes moves up by 0.1 a frame."""
    group = bpy.data.node_groups.new("rises", "GeometryNodeTree")
    for side in ("INPUT", "OUTPUT"):
        group.interface.new_socket("Geometry", in_out=side, socket_type="NodeSocketGeometry")
    nodes = [
        group.nodes.new(kind)
        for kind in (
            "NodeGroupInput",
            "GeometryNodeSimulationInput",
            "GeometryNodeSetPosition",
            "GeometryNodeSimulationOutput",
            "NodeGroupOutput",
        )
    ]
    nodes[1].pair_with_output(nodes[3])
    nodes[2].inputs["Offset"].default_value = (0, 0, 0.1)
    for left, right in pairwise(nodes):
        sockets = (next(s for s in sockets if s.type == "GEOMETRY") for sockets in (left.outputs, right.inputs))
        group.links.new(*sockets)
    subject = triangle(bpy, "rising")
    subject.modifiers.new("rises", "NODES").node_group = group
    return subject


def heights(camera: Any, origin: Any) -> Any:
    import bpy

    return -sample_camera(bpy.context.scene, camera, FRAMES, origin).centres[:, 2]


def rendered_heights(bpy: ModuleType, camera: Any) -> Any:
    """Where a render has the camera at whole frames: every frame before was evaluated."""
    scene, found = bpy.context.scene, []
    for frame in range(1, 25):
        scene.frame_set(frame)
        evaluated = camera.evaluated_get(bpy.context.evaluated_depsgraph_get())
        found.append(evaluated.matrix_world.translation.z)
    return np.interp(FRAMES, np.arange(1, 25), found)


@pytest.mark.parametrize(
    ("make", "tie"), [(falling, "parent"), (falling, "constraint"), (falling, "driver"), (rising, "vertex")]
)
def test_every_press_gives_what_a_render_gives(
    blender: ModuleType, camera: Any, origin: Any, make: Callable[[ModuleType], Any], tie: str
) -> None:
    scene = blender.context.scene
    subject = make(blender)
    if tie in ("parent", "vertex"):
        camera.parent = subject
        if tie == "vertex":
            camera.parent_type, camera.parent_vertices = "VERTEX", (0, 0, 0)
    elif tie == "constraint":
        # Through an object in between.
        between = linked(blender, "between")
        between.constraints.new("COPY_LOCATION").target = subject
        camera.constraints.new("COPY_LOCATION").target = between
    else:
        driver = camera.driver_add("location", 2).driver
        variable = driver.variables.new()
        variable.type, variable.name = "TRANSFORMS", "z"
        variable.targets[0].id, variable.targets[0].transform_type = subject, "LOC_Z"
        driver.expression = "z"
    scene.frame_set(15)
    assert stepping(scene, (camera, origin)) == Stepping(1, "Simulation")
    first = heights(camera, origin)
    assert (scene.frame_current, scene.frame_subframe) == (15, 0)
    assert abs(first[-1]) > 0.5
    np.testing.assert_allclose(heights(camera, origin), first, atol=1e-6)
    np.testing.assert_allclose(rendered_heights(blender, camera), first, atol=1e-4)


def test_a_simulation_that_the_camera_does_not_hang_on_takes_no_time(
    blender: ModuleType, camera: Any, origin: Any
) -> None:
    falling(blender)
    assert stepping(blender.context.scene, (camera, origin)) is None


def test_a_baked_simulation_is_read(blender: ModuleType, camera: Any, origin: Any) -> None:
    scene = blender.context.scene
    camera.parent = falling(blender)
    scene.frame_end = 24
    cache = scene.rigidbody_world.point_cache
    cache.frame_end = 24
    with blender.context.temp_override(point_cache=cache):
        blender.ops.ptcache.bake(bake=True)
    assert stepping(scene, (camera, origin)) is None
    np.testing.assert_allclose(heights(camera, origin), rendered_heights(blender, camera), atol=2e-3)


def test_a_script_that_counts_frames_sees_each_of_them(
    blender: ModuleType, camera: Any, origin: Any, frame_script: list[Any]
) -> None:
    def rises(scene: Any, *_graph: Any) -> None:
        camera.location.z = 0.0 if scene.frame_current == 1 else camera.location.z + 0.1

    frame_script.append(rises)
    np.testing.assert_allclose(heights(camera, origin), [0, 0.95, 2.3], atol=1e-5)
    rises.__module__ = "bl_ext.user_default.shaker.handlers"
    scene = blender.context.scene
    assert stepping(scene, (camera, origin)) == Stepping(scene.frame_start, "Frames, for scripts of shaker")


@pytest.mark.parametrize(
    ("kind", "cache", "baked", "is_baked"),
    [
        ("GAS", "REPLAY", ("data",), False),
        ("GAS", "ALL", (), False),
        ("GAS", "ALL", ("data",), True),
        ("LIQUID", "MODULAR", ("data",), False),
        ("LIQUID", "MODULAR", ("data", "mesh"), True),
    ],
)
def test_a_baked_fluid_is_read(kind: str, cache: str, baked: tuple[str, ...], is_baked: bool) -> None:
    """Told by what the domain says of its cache: Blender as a module cannot bake one."""
    fluid = SimpleNamespace(
        domain_type=kind,
        cache_type=cache,
        use_mesh=True,
        has_cache_baked_data="data" in baked,
        has_cache_baked_mesh="mesh" in baked,
    )
    assert _is_baked(fluid) is is_baked  # type: ignore[arg-type]


def test_the_window_is_given_back_meanwhile_and_a_scrub_does_no_harm(
    blender: ModuleType, camera: Any, origin: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from blender_addon.shot import camera_sample

    scene = blender.context.scene
    camera.parent = falling(blender)
    whole = sample_camera(scene, camera, FRAMES, origin)
    scene.rigidbody_world.point_cache.frame_end = 100  # forgets what was cached
    monkeypatch.setattr(camera_sample, "SLICE_SECONDS", 0.0)
    slices = camera_slices(scene, camera, FRAMES, origin)
    for done in range(1, 7):
        assert (next(slices).done, scene.frame_current) == (done, done)
        scene.frame_set(3)
    np.testing.assert_allclose(to_the_end(slices).trajectory.centres, whole.centres, atol=1e-5)
    assert scene.frame_current == 3
    closed = camera_slices(scene, camera, FRAMES, origin)
    scene.frame_set(9)
    next(closed)
    closed.close()
    assert scene.frame_current == 9


def test_the_artists_camera_stays_theirs_meanwhile(
    blender: ModuleType, camera: Any, origin: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever is made active between two slices is active then and afterwards, and is no cut of the shot."""
    from blender_addon.shot import camera_sample

    scene = blender.context.scene
    other = linked(blender, "other", blender.data.cameras.new("other"))
    camera.parent = falling(blender)
    monkeypatch.setattr(camera_sample, "SLICE_SECONDS", 0.0)
    slices = camera_slices(scene, camera, FRAMES, origin)
    next(slices)
    scene.camera = other
    next(slices)
    assert scene.camera == other
    assert to_the_end(slices).active is True
    assert scene.camera == other
    stopped = camera_slices(scene, camera, FRAMES, origin)
    next(stopped)
    scene.camera = camera
    stopped.close()
    assert scene.camera == camera


def cloth(bpy: ModuleType, subject: Any) -> None:
    subject.modifiers.new("cloth", "CLOTH").point_cache.frame_start = 7


def soft_body(bpy: ModuleType, subject: Any) -> None:
    subject.modifiers.new("soft", "SOFT_BODY").point_cache.frame_start = 7


def particles(bpy: ModuleType, subject: Any) -> None:
    subject.modifiers.new("dust", "PARTICLE_SYSTEM").particle_system.point_cache.frame_start = 7


def hair_that_moves(bpy: ModuleType, subject: Any) -> None:
    system = subject.modifiers.new("hair", "PARTICLE_SYSTEM").particle_system
    system.settings.type, system.use_hair_dynamics = "HAIR", True
    system.point_cache.frame_start = 7


def paint(bpy: ModuleType, subject: Any) -> None:
    modifier = subject.modifiers.new("paint", "DYNAMIC_PAINT")
    with bpy.context.temp_override(object=subject, active_object=subject):
        bpy.ops.dpaint.type_toggle(type="CANVAS")
    modifier.canvas_settings.canvas_surfaces[0].point_cache.frame_start = 7


def fluid(bpy: ModuleType, subject: Any) -> None:
    modifier = subject.modifiers.new("water", "FLUID")
    modifier.fluid_type = "DOMAIN"
    modifier.domain_settings.cache_frame_start = 7


def nodes(bpy: ModuleType, subject: Any) -> None:
    """In a group inside the modifier's own."""
    inner = rising(bpy).modifiers[0].node_group
    outer = bpy.data.node_groups.new("outer", "GeometryNodeTree")
    outer.nodes.new("GeometryNodeGroup").node_tree = inner
    subject.modifiers.new("nodes", "NODES").node_group = outer
    bpy.context.scene.use_custom_simulation_range, bpy.context.scene.simulation_frame_start = True, 7


SIMULATIONS = [cloth, soft_body, particles, hair_that_moves, paint, fluid, nodes]


@pytest.mark.parametrize("simulate", SIMULATIONS, ids=lambda simulate: simulate.__name__)
def test_every_simulation_counts_from_its_first_frame_while_it_is_shown(
    blender: ModuleType, camera: Any, simulate: Callable[[ModuleType, Any], None]
) -> None:
    subject = triangle(blender, "simulated")
    camera.parent = subject
    simulate(blender, subject)
    assert stepping(blender.context.scene, [camera]) == Stepping(7, "Simulation")
    for modifier in subject.modifiers:
        modifier.show_viewport = False
    assert stepping(blender.context.scene, [camera]) is None


def test_still_hair_and_empty_nodes_are_no_simulation(blender: ModuleType, camera: Any) -> None:
    subject = triangle(blender, "still")
    camera.parent = subject
    subject.modifiers.new("hair", "PARTICLE_SYSTEM").particle_system.settings.type = "HAIR"
    subject.modifiers.new("nodes", "NODES")
    subject.modifiers.new("subdivided", "SUBSURF")
    subject.modifiers.new("water", "FLUID").fluid_type = "FLOW"
    assert stepping(blender.context.scene, [camera]) is None


def test_bones_of_the_solver_that_simulates(blender: ModuleType, camera: Any) -> None:
    rig = linked(blender, "rig", blender.data.armatures.new("rig"))
    camera.parent = rig
    blender.context.view_layer.update()
    rig.pose.ik_solver = "ITASC"
    rig.pose.ik_param.mode = "SIMULATION"
    blender.context.scene.frame_start = 3
    assert stepping(blender.context.scene, [camera]) == Stepping(3, "Simulation")
    rig.pose.ik_param.mode = "ANIMATION"
    assert stepping(blender.context.scene, [camera]) is None
