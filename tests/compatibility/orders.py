"""What the fixtures' jobs ask for, very small: cut from the motorcycle photo, the same at every run."""

from __future__ import annotations

import numpy as np

from blender_addon.core.camera.trajectory import Trajectory
from blender_addon.core.payloads.check_request import CHECKER, CheckRequest
from blender_addon.core.payloads.depth_request import DepthRequest
from blender_addon.core.payloads.shot import Shot, ShotSettings
from blender_addon.core.protocol.capability import SettingValue
from server.demo.motorcycle import Motorcycle
from tests.support.engines.depth import Wall

WIDTH, HEIGHT = 32, 20
PREDICTOR = Wall.card.name


def path(frames: int) -> Trajectory:
    """Sideways by 2 cm a frame."""
    poses = np.repeat(np.eye(4)[None], frames, axis=0)
    poses[:, 0, 3] = 0.02 * np.arange(frames)
    return Trajectory(poses, np.array([[40.0, 0, WIDTH / 2], [0, 40.0, HEIGHT / 2], [0, 0, 1]]), WIDTH, HEIGHT)


def shot(bike: Motorcycle, engine: str, frames: int = 4, last_image: bool = False, **options: SettingValue) -> Shot:
    """A corner of the photo, of which the preview shows all but a strip at the right."""
    preview = np.full((frames, HEIGHT, WIDTH, 4), 255, dtype=np.uint8)
    for index in range(frames):
        preview[index, ..., :3] = bike.photo[200 + index : 200 + index + HEIGHT, 300 : 300 + WIDTH]
        preview[index, :, WIDTH - index :] = 0
    settings = ShotSettings(
        engine=engine, prompt="ein Motorrad, grün", negative_prompt="blur", seed=2**31 - 1, options=options
    )
    return Shot(
        trajectory=path(frames),
        preview=preview,
        photo=np.ascontiguousarray(bike.photo[190:222, 290:338]),
        photo_intrinsics=np.array([[60.0, 0, 24.0], [0, 60.0, 16.0], [0, 0, 1]]),
        depth=np.ascontiguousarray(bike.depth[190:222:2, 290:338:2]),
        settings=settings,
        depth_edge=0.07,
        last_image=np.ascontiguousarray(bike.photo[100:110, 100:116]) if last_image else None,
    )


def depth_request(bike: Motorcycle) -> DepthRequest:
    """A photo of 96 x 64 pixels, with both focal lengths told."""
    photo = np.ascontiguousarray(bike.photo[180:244, 280:376])
    return DepthRequest(photo, ShotSettings(engine=PREDICTOR), typed_mm=35.0, exif_mm=28.5)


def check_request(bike: Motorcycle) -> CheckRequest:
    """A clip of four frames with the depth of its scene."""
    made = shot(bike, "copy")
    return CheckRequest(
        frames=np.ascontiguousarray(made.preview[..., :3]),
        trajectory=made.trajectory,
        depth=made.depth,
        depth_intrinsics=np.array([[30.0, 0, 12.0], [0, 30.0, 8.0], [0, 0, 1]]),
        settings=ShotSettings(engine=CHECKER),
    )
