"""What an artist sees first of an imported photo: its own frame, a camera to animate, nothing in the way."""

from __future__ import annotations

import bpy
from mathutils import Matrix, Vector

from ...core.camera.lens import lens_of
from ..editing.current_photo import SHOT_OF, choose_photo, hide
from ..photo_scene import RECORD, PhotoScene, photo_scenes

_DEFAULT_SIZE = (1920, 1080)
"""(width, height) that a new Blender file renders at."""
_CUBE = {(x, y, z) for x in (-1.0, 1.0) for y in (-1.0, 1.0) for z in (-1.0, 1.0)}
"""Corners of the cube in a new Blender file."""


def prepare_first_look(scene: bpy.types.Scene, photo_scene: PhotoScene, add_camera: bool = True) -> list[str]:
    """Make the scene ready to be looked at through the photo's camera.

    What the artist has set up stays: the render's size is changed, and the default cube hidden, only where both are
    still as Blender makes them.

    Args:
        scene: The scene.
        photo_scene: The photo that was imported into it.
        add_camera: Whether the scene gets a camera of the artist's own at the photo's, and films with it.

    Returns:
        A sentence for each change that the artist did not ask for.
    """
    said = []
    if take_photos_shape(scene, photo_scene):
        said.append(f"The render is {scene.render.resolution_x} × {scene.render.resolution_y}, the photo's shape.")
    if hide_default_cube(scene):
        said.append("Blender's default cube, which stood around the camera, is hidden.")
    others = [photo.mesh.name for photo in photo_scenes(scene) if photo.mesh != photo_scene.mesh]
    choose_photo(scene, photo_scene)
    if others:
        said.append(f"{', '.join(others)} of the same scene is hidden: choose it in the Photo panel to see it.")
    if add_camera:
        scene.camera = camera_to_animate(scene, photo_scene)
    return said


def camera_to_animate(scene: bpy.types.Scene, photo_scene: PhotoScene) -> bpy.types.Object:
    """A free camera with the reference camera's pose and lens."""
    reference = photo_scene.camera
    assert reference is not None
    # A scene that is in no window has matrices in its evaluated objects alone.
    layer = scene.view_layers[0]
    layer.update()
    pose = reference.evaluated_get(layer.depsgraph).matrix_world.copy()
    data = reference.data.copy()
    data.name = "Shot Camera"
    camera = bpy.data.objects.new("Shot Camera", data)
    scene.collection.objects.link(camera)
    # The photo's scale is how large its metres are drawn, and no camera's.
    camera.matrix_world = pose @ Matrix.Scale(1 / pose.median_scale, 4)
    camera[SHOT_OF] = photo_scene.record.imported_at
    data.show_background_images = False
    return camera


def take_photos_shape(scene: bpy.types.Scene, photo_scene: PhotoScene) -> bool:
    """Let the scene render in the photo's shape, its longer side kept, where nobody has set up a render yet.

    Args:
        scene: It counts as set up when its size is not Blender's default, it renders a border, another photo is in it
            or one of its cameras is animated.
        photo_scene: The photo.

    Returns:
        Whether the render's size was changed.
    """
    render = scene.render
    size = (render.resolution_x, render.resolution_y)
    if size != _DEFAULT_SIZE or render.resolution_percentage != 100 or render.use_border:
        return False
    if render.pixel_aspect_x != render.pixel_aspect_y or len(photo_scenes(scene)) > 1:
        return False
    if any(_is_animated(o) for o in scene.objects if o.type == "CAMERA"):
        return False
    _, frame = lens_of(photo_scene.intrinsics, *photo_scene.photo_size)
    longest = max(_DEFAULT_SIZE) / max(frame.width * frame.aspect_x, frame.height * frame.aspect_y)
    # Even, as encoders of video need it.
    width, height = (max(round(side * longest / 2) * 2, 4) for side in (frame.width, frame.height))
    render.resolution_x, render.resolution_y = width, height
    render.pixel_aspect_x, render.pixel_aspect_y = frame.aspect_x, frame.aspect_y
    return (width, height) != size


def hide_default_cube(scene: bpy.types.Scene) -> bool:
    """Hide the cube of a new Blender file from view and render. False when there is none, or it was changed."""
    cube = scene.objects.get("Cube")
    if cube is None or not _is_untouched_cube(cube) or cube.hide_render:
        return False
    hide(scene, cube)
    return True


def meshes_around(scene: bpy.types.Scene, photo_scene: PhotoScene) -> list[bpy.types.Object]:
    """The visible meshes that stand around the photo's camera, between it and what it sees.

    Fast enough for a panel's draw: only a mesh whose bounding box holds the camera is looked at.

    Returns:
        Meshes that are hit, nearer than the middle of the photo's depth, along the middle and the corners of the photo.
    """
    place = photo_scene.world
    rays = _rays(photo_scene)
    return [
        o
        for o in scene.objects
        if o.type == "MESH" and RECORD not in o and o.parent != photo_scene.mesh and _hides(o, place, rays)
    ]


def _rays(photo_scene: PhotoScene) -> list[Vector]:
    """Rays of the middle and the corners of the photo, in the mesh's axes, as long as half of the farthest depth."""
    width, height = photo_scene.photo_size
    matrix = photo_scene.intrinsics
    depth = -min(corner[2] for corner in photo_scene.mesh.bound_box) / 2
    places = [(width / 2, height / 2), (0, 0), (width, 0), (0, height), (width, height)]
    focal, centre = matrix[[0, 1], [0, 1]], matrix[:2, 2]
    return [
        Vector(((x - centre[0]) / focal[0], -(y - centre[1]) / focal[1], -1.0)) * max(depth, 0.0) for x, y in places
    ]


def _hides(subject: bpy.types.Object, place: Matrix, rays: list[Vector]) -> bool:
    if not subject.visible_get() or not subject.data.polygons or subject.mode == "EDIT":
        return False
    if abs(subject.matrix_world.determinant()) < 1e-12:
        return False
    into = subject.matrix_world.inverted()
    origin = into @ place.translation
    corners = subject.bound_box
    if not all(min(c[axis] for c in corners) < origin[axis] < max(c[axis] for c in corners) for axis in range(3)):
        return False
    ends = [into @ (place @ ray) - origin for ray in rays]
    return all(subject.ray_cast(origin, end, distance=end.length)[0] for end in ends)


def _is_untouched_cube(cube: bpy.types.Object) -> bool:
    if cube.type != "MESH" or cube.modifiers or cube.constraints or cube.children or cube.parent or cube.animation_data:
        return False
    if cube.matrix_basis != Matrix() or len(cube.data.vertices) != len(_CUBE) or len(cube.data.polygons) != 6:
        return False
    materials = [material.name for material in cube.data.materials if material is not None]
    return {tuple(v.co) for v in cube.data.vertices} == _CUBE and materials in ([], ["Material"])


def _is_animated(camera: bpy.types.Object) -> bool:
    return any(owner.animation_data is not None for owner in (camera, camera.data)) or bool(camera.constraints)
