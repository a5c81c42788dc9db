"""Camera, preview, photo and settings become the Shot that goes to an engine."""

from __future__ import annotations

from ..core.arrays import Float32, UInt8
from ..core.camera.trajectory import Trajectory
from ..core.payloads.coverage import check_seen, coverage
from ..core.payloads.shot import Shot, ShotSettings
from ..scene.photo_scene import PhotoScene


def assemble_shot(
    photo_scene: PhotoScene,
    depth: Float32,
    trajectory: Trajectory,
    preview: UInt8,
    settings: ShotSettings,
    last_image: UInt8 | None = None,
) -> Shot:
    """The shot that is sent to an engine.

    Args:
        photo_scene: The photo, its lens and its depth edge.
        depth: [h, w] float32 metres of the photo's scene.
        trajectory: The camera at the engine's size, F frames.
        preview: [F, H, W, 4] uint8 rendered along it, alpha = visible.
        settings: What the artist chose.
        last_image: [h, w, 3] uint8 of what the last frame shall show, None for none; see Shot.

    Raises:
        ShotError: The parts do not fit each other, or the camera never sees the mesh.
        PhotoError: The photo's file is gone.
    """
    shot = Shot(
        trajectory=trajectory,
        preview=preview,
        photo=photo_scene.photo(),
        photo_intrinsics=photo_scene.intrinsics,
        depth=depth,
        settings=settings,
        depth_edge=photo_scene.depth_edge,
        last_image=last_image,
    )
    check_seen(coverage(preview))
    return shot
