"""A separate scene to render the preview in, so that the artist's is never touched."""

from __future__ import annotations

from typing import Literal

import bpy
import numpy as np
from mathutils import Matrix

from ..blender_versions import eevee, set_exr, set_png
from ..colour_spaces import give_standard_view
from ..core.arrays import Float32
from ..core.camera.lens import lens_of
from ..core.camera.trajectory import Trajectory
from ..datablocks import B
from ..scene.importing.material import photo_material
from ..scene.photo_scene import PhotoScene
from ..scene.textured_mesh import textured_mesh
from .axes import flipped
from .preview_layers import PaintedLayer, painted_layers
from .preview_mesh import preview_mesh
from .preview_texture import bilinear_material, preview_image

Method = Literal["eevee", "workbench"]
"""The render engine of the preview."""

NAME = ".RealCam preview"
"""Of everything made here: Blender leaves names that begin with a point out of its menus."""
MARK = "realcam_preview"
"""Custom property of everything made here, by which the leftovers of a crash are found."""


def make_preview_scene(
    photo_scene: PhotoScene, depth: Float32, trajectory: Trajectory, method: Method
) -> bpy.types.Scene:
    """A scene with the photo's mesh at the origin and a camera, ready for `place_camera` and rendering.

    The mesh has a material of its own, whatever the artist put on the photo's, and none of the artist's modifiers; see
    preview_mesh.
    Of everything else in the artist's scene, only what is painted on the photo's background layers is seen.
    Nothing of it is written into a .blend, by Save, Save Copy or auto-save.

    Args:
        photo_scene: The photo.
        depth: [h, w] float32 metres of the photo's scene; sets the texture's resolution and the clipping planes.
        trajectory: The cameras that will be rendered.
        method: The render engine.

    Raises:
        PhotoError: The photo's file is gone.
    """
    scene = _marked(bpy.data.scenes.new(NAME))
    as_data = not give_standard_view(scene)
    data = preview_mesh(photo_scene)
    if data != photo_scene.mesh.data:
        _marked(data)
    mesh = _marked(bpy.data.objects.new(NAME, data))
    mesh.matrix_basis = photo_scene.frame.inverted()
    image = _marked(preview_image(NAME, photo_scene, depth, trajectory, as_data=as_data))
    material = _marked((bilinear_material if method == "eevee" else photo_material)(NAME, image))
    camera = _marked(bpy.data.objects.new(NAME, _marked(bpy.data.cameras.new(NAME))))
    for slot in mesh.material_slots:
        slot.link, slot.material = "OBJECT", material
    scene.collection.objects.link(mesh)
    scene.collection.objects.link(camera)
    for layer in painted_layers(photo_scene):
        scene.collection.objects.link(_layer_object(layer, method, as_data))
    scene.camera = camera
    _set_pixels(scene, as_data)
    _set_clipping(camera.data, depth)
    (_set_eevee if method == "eevee" else _set_workbench)(scene)
    return scene


def _layer_object(layer: PaintedLayer, method: Method, as_data: bool) -> bpy.types.Object:
    """The painted part of a background layer, its own pixels, seen from both sides."""
    mesh = _marked(textured_mesh(NAME, layer.points, layer.triangles, layer.places))
    image = _copy_as_data(layer.image) if as_data else layer.image
    material = _marked((bilinear_material if method == "eevee" else photo_material)(NAME, image))
    material.use_backface_culling = False
    mesh.materials.append(material)
    return _marked(bpy.data.objects.new(NAME, mesh))


def _copy_as_data(image: bpy.types.Image) -> bpy.types.Image:
    """An image with the same numbers and no colour space."""
    copy = _marked(bpy.data.images.new(NAME, *image.size, alpha=image.channels == 4, is_data=True))
    pixels = np.empty(len(image.pixels), dtype=np.float32)
    image.pixels.foreach_get(pixels)
    copy.pixels.foreach_set(pixels)
    copy.update()
    return copy


def _marked(block: B) -> B:
    """The datablock, marked as the preview's, and as one that is not saved. An undo step keeps the first mark alone."""
    block[MARK] = True
    block.is_runtime_data = True
    return block


def remove_preview_scenes() -> None:
    """Remove every preview scene and all that was made for it, including what an undo or an older version left."""
    data = bpy.data
    for collection in (data.scenes, data.objects, data.meshes, data.cameras, data.materials, data.images, data.worlds):
        for block in [block for block in collection if MARK in block]:
            collection.remove(block)


def place_camera(scene: bpy.types.Scene, trajectory: Trajectory, index: int) -> None:
    """Set the preview scene's camera and render to the pose, lens and size of one frame.

    Args:
        scene: Made by make_preview_scene.
        trajectory: Relative to the photo's camera.
        index: Of the trajectory's frame.

    Raises:
        CameraError: The frame's intrinsics have skew.
    """
    lens, frame = lens_of(trajectory.intrinsics[index], trajectory.width, trajectory.height)
    camera = scene.camera
    # Nested lists would be read column by column; a Matrix is read by rows, as NumPy has them.
    camera.matrix_world = Matrix(flipped(trajectory.camera_to_world[index]).tolist())
    data = camera.data
    data.sensor_fit, data.sensor_width, data.lens = lens.sensor_fit, lens.sensor_width, lens.focal
    data.shift_x, data.shift_y = lens.shift_x, lens.shift_y
    render = scene.render
    render.resolution_x, render.resolution_y, render.resolution_percentage = frame.width, frame.height, 100
    render.pixel_aspect_x, render.pixel_aspect_y = frame.aspect_x, frame.aspect_y


def _set_pixels(scene: bpy.types.Scene, as_data: bool) -> None:
    """Render the texture's own pixels: no view transform, no filter, no dither; alpha where visible.

    Args:
        scene: The preview's, whose view is Blender's Standard, or any other with `as_data`.
        as_data: Whether the pixels pass as numbers without a colour space, in a file that no view transform touches.
            In a configuration without Blender's own views there need not be one that shows colours as they are.
    """
    scene.view_settings.look = "None"
    scene.view_settings.exposure, scene.view_settings.gamma = 0.0, 1.0
    render = scene.render
    render.film_transparent = True
    render.filter_size, render.dither_intensity = 0.0, 0.0
    render.use_compositing = render.use_sequencer = False
    if as_data:
        set_exr(render.image_settings)
        return
    set_png(render.image_settings)
    render.image_settings.color_mode, render.image_settings.color_depth = "RGBA", "8"
    render.image_settings.compression = 0


def _set_clipping(camera: bpy.types.Camera, depth: Float32) -> None:
    camera.clip_start = float(np.clip(np.nanmedian(depth) / 500, 1e-3, 0.1))
    camera.clip_end = max(10 * float(np.nanmax(depth)), 100.0)


def _set_eevee(scene: bpy.types.Scene) -> None:
    scene.render.engine = eevee()
    settings = scene.eevee
    # One sample is taken in the pixel's middle: nothing is blended across an edge.
    settings.taa_render_samples = 1
    settings.use_shadows = settings.use_raytracing = settings.use_fast_gi = False
    settings.shadow_pool_size = settings.gi_irradiance_pool_size = "16"
    # Nothing is lit: of a world's light the least is baked, which without a GPU took longer than the frame.
    scene.world = _marked(bpy.data.worlds.new(NAME))
    scene.world.probe_resolution = "128"


def _set_workbench(scene: bpy.types.Scene) -> None:
    scene.render.engine = "BLENDER_WORKBENCH"
    scene.display.render_aa = "OFF"
    shading = scene.display.shading
    shading.light, shading.color_type = "FLAT", "TEXTURE"
    shading.show_backface_culling = True
    shading.show_object_outline = shading.show_cavity = shading.show_shadows = False
