"""A camera path made in code becomes a clip: a photo and its depth, half an orbit to the right, the engine `draft`.

    uv run --group blender python examples/trajectory_to_clip.py [FOLDER]

Writes clip.mp4 and the camera file poses.txt into FOLDER (out/example by default). The photo is scikit-image's
motorcycle; put your own photo, metric depth and intrinsics in its place. No GPU, no Blender, no server to start.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from PIL import Image

from realcam import DepthFile, GenerateRequest, ImportSettings, Trajectory, generate, move_at, write_trajectory
from server.demo.motorcycle import motorcycle


def main(folder: Path) -> Path:
    """Make the clip. Returns its path."""
    folder.mkdir(parents=True, exist_ok=True)
    photo, _, depth, intrinsics = motorcycle()
    Image.fromarray(photo).save(folder / "photo.png")
    np.save(folder / "depth.npy", depth)

    # The photo's camera stands at the identity; poses are camera-to-world in metres, x right, y down, z forward.
    start = Trajectory(np.eye(4)[None], intrinsics, width=photo.shape[1], height=photo.shape[0], fps=8.0)
    path = move_at("orbit", start, {"angle": 12.0, "pivot": 2.5}, progress=np.linspace(0.0, 1.0, 16))
    write_trajectory(folder / "poses.txt", path)

    request = GenerateRequest(
        photo=folder / "photo.png",
        depth=DepthFile(folder / "depth.npy"),
        trajectory=folder / "poses.txt",
        out=folder / "clip.mp4",
        import_settings=ImportSettings(intrinsics=intrinsics.tolist()),
        engine="draft",
    )
    result = generate(request, lambda told: print(f"{told.stage} {told.done}/{told.total}", flush=True))
    print(f"{result.clip}: the photo sees {min(result.coverage):.0%} to {max(result.coverage):.0%} of each frame")
    return result.clip


if __name__ == "__main__":
    # A console that lacks a letter of a folder's name shows an escape instead.
    sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "out/example"))
