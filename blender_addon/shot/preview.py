"""The preview: what the photo's scene looks like from every camera of a shot, with visibility as alpha."""

from __future__ import annotations

import tempfile
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

import bpy
import numpy as np

from ..core.arrays import Float32, UInt8
from ..core.camera.trajectory import Trajectory
from ..core.errors import ShotError
from ..core.held_files import remove_file
from ..datablocks import in_session
from ..scene.photo_file import image_floats
from ..scene.photo_scene import PhotoScene, find_photo_scene
from .preview_scene import Method, make_preview_scene, place_camera, remove_preview_scenes


class PreviewRenderer:
    """Renders a trajectory frame by frame. Use it as a context manager, which removes all it made.

    Blender blocks for one frame at a time, so a window stays alive between calls of `render`. Only numbers of
    datablocks are held between them: what an undo in between has taken away is made again.
    """

    def __init__(
        self, photo_scene: PhotoScene, depth: Float32, trajectory: Trajectory, method: Method = "eevee"
    ) -> None:
        """Make the preview's scene.

        Args:
            photo_scene: The photo.
            depth: [h, w] float32 metres of the photo's scene, read once a shot.
            trajectory: The cameras to render, relative to the photo's camera.
            method: The render engine.

        Raises:
            RealCamError: The photo's file is gone, or its camera cannot be made.
        """
        self._depth = depth
        self._trajectory = trajectory
        self._method: Method = method
        self._mesh, self._imported_at = photo_scene.mesh.session_uid, photo_scene.record.imported_at
        self._scene = self._make(photo_scene).session_uid
        self._folder = tempfile.TemporaryDirectory(prefix="realcam-preview-", ignore_cleanup_errors=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Remove the preview's scene and files."""
        remove_preview_scenes()
        self._folder.cleanup()

    def __len__(self) -> int:
        return len(self._trajectory)

    def render(self, index: int) -> UInt8:
        """One frame of the preview.

        Args:
            index: Of the trajectory's frame.

        Returns:
            [H, W, 4] uint8 sRGB with straight alpha: 255 where the photo's scene is seen, else 0.

        Raises:
            RealCamError: Blender cannot render now, or the photo was undone or deleted.
        """
        scene = in_session(bpy.data.scenes, self._scene)
        if scene is None or scene.camera is None:
            scene = self._make(self._photo_again())
            self._scene = scene.session_uid
        place_camera(scene, self._trajectory, index)
        suffix = "png" if scene.render.image_settings.file_format == "PNG" else "exr"
        path = Path(self._folder.name) / f"frame.{suffix}"
        remove_file(path)
        scene.render.filepath = str(path)
        try:
            bpy.ops.render.render(write_still=True, scene=scene.name)
        except RuntimeError as error:
            raise ShotError("Blender could not render the preview", str(error).strip()) from error
        if not path.is_file():
            raise ShotError("Blender could not render the preview", "no picture came of it")
        return _read_rgba(path)

    def _make(self, photo_scene: PhotoScene) -> bpy.types.Scene:
        remove_preview_scenes()
        with ExitStack() as undo:
            undo.callback(remove_preview_scenes)
            scene = make_preview_scene(photo_scene, self._depth, self._trajectory, self._method)
            undo.pop_all()
        return scene

    def _photo_again(self) -> PhotoScene:
        """The photo, in whichever scene it is now.

        Raises:
            ShotError: No scene has it.
        """
        scenes = (find_photo_scene(scene, self._imported_at) for scene in bpy.data.scenes)
        found = [photo for photo in scenes if photo is not None]
        if not found:
            raise ShotError(
                "The preview cannot go on",
                "the photo was undone or deleted while it was rendered",
                "Bring the photo back and start again.",
            )
        return next((photo for photo in found if photo.mesh.session_uid == self._mesh), found[0])


def _read_rgba(path: Path) -> UInt8:
    image = bpy.data.images.load(str(path))
    try:
        image.colorspace_settings.is_data = True
        image.alpha_mode = "CHANNEL_PACKED"
        pixels = np.clip(image_floats(image), 0, 1)
        return np.ascontiguousarray(np.rint(pixels * 255).astype(np.uint8))
    finally:
        bpy.data.images.remove(image)
