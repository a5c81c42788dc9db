"""RealCamPipeline, called as diffusers' pipelines are: a photo, its depth and a camera path become frames.

    uv run --extra models --group blender python examples/pipeline.py [FOLDER] [PIPELINE]

PIPELINE is an installed network (realcam-512, ...), a folder that `save_pretrained` wrote, or a hub id. Without it, a
tiny network with random weights makes noise, to see that everything runs. Writes clip.gif and the pipeline itself into
FOLDER (out/pipeline by default).
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from realcam import RealCamPipeline, Trajectory, intrinsics_matrix, render_preview
from server.demo.motorcycle import motorcycle

FRAMES = 16


def loaded(name: str) -> RealCamPipeline:
    """The pipeline of that name; on a card with half the memory: `torch_dtype=torch.bfloat16`, then `.to("cuda")`."""
    if name == "tiny":
        return RealCamPipeline.from_config("tiny")
    if Path(name).is_dir() or "/" in name:
        return RealCamPipeline.from_pretrained(name)
    return RealCamPipeline.from_published(name)


def told(pipe: RealCamPipeline, step: int, timestep: int, tensors: dict[str, Any]) -> None:
    """Called after each step. An exception from here ends the call; so does `pipe._interrupt = True`."""
    print(f"step {step + 1}, timestep {timestep}, latents {list(tensors['latents'].shape)}", flush=True)


def main(folder: Path, name: str = "tiny", frames: int = FRAMES, steps: int = 25) -> list[Image.Image]:
    """Make the clip. Returns its frames."""
    # The package `models` brings it, and RealCamPipeline says so where it is not there.
    pipe = loaded(name)
    import torch

    photo, _, depth, photo_lens = motorcycle()
    width, height = pipe.config.size
    # The photo's camera stands at the identity; poses are camera-to-world in metres, x right, y down, z forward.
    poses = np.repeat(np.eye(4)[None], frames, axis=0)
    poses[:, 0, 3] = np.linspace(0.0, 0.2, frames)
    # The clip's own lens, in the clip's pixels: as wide as the photo is.
    focal = photo_lens[0, 0] * width / photo.shape[1]
    lens = intrinsics_matrix(focal, focal, width / 2, height / 2)
    output = pipe(
        Image.fromarray(photo),
        camera_to_world=poses,
        intrinsics=lens,
        image_intrinsics=photo_lens,
        preview=render_preview(photo, depth, photo_lens, Trajectory(poses, lens, width, height)),
        prompt="a motorcycle in a garage",
        num_inference_steps=steps,
        generator=torch.Generator().manual_seed(0),
        callback_on_step_end=told,
    )
    (pictures,) = output.frames
    folder.mkdir(parents=True, exist_ok=True)
    pictures[0].save(folder / "clip.gif", save_all=True, append_images=pictures[1:], duration=125, loop=0)
    pipe.save_pretrained(folder / "pipeline")
    return list(pictures)


if __name__ == "__main__":
    # A console that lacks a letter of a folder's name shows an escape instead.
    sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "out/pipeline"), sys.argv[2] if len(sys.argv) > 2 else "tiny")
