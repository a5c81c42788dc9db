"""A plan for headless Blender: the whole product in small, on the motorcycle."""

from __future__ import annotations

from pathlib import Path

from blender_addon.core.payloads.headless_plan import HeadlessPlan
from blender_addon.core.payloads.shot import ShotSettings
from blender_addon.core.protocol.server_address import ServerAddress
from server.demo.inputs import motorcycle_input

FIRST, LAST = 5, 40
CLIP_SIZE, CLIP_FRAMES = (256, 256), 8


def small_plan(folder: Path, address: ServerAddress) -> HeadlessPlan:
    """The demo's plan, shorter and smaller, for a server at the given address; everything it makes is in `folder`."""
    bike = motorcycle_input(folder / "input", FIRST, LAST)
    return HeadlessPlan(
        photo=str(bike.photo),
        depth=str(bike.depth),
        blend=str(folder / "shot.blend"),
        preview_frames=str(folder / "preview_frames"),
        title="test shot",
        settings=ShotSettings(engine="draft", seed=7, prompt="a motorcycle"),
        host=address.host,
        control_port=address.control_port,
        data_port=address.data_port,
        moves=bike.moves,
        disparity=bike.disparity,
        intrinsics=bike.intrinsics,
        clip_size=CLIP_SIZE,
        clip_frames=CLIP_FRAMES,
        frame_start=FIRST,
        frame_end=LAST,
    )
