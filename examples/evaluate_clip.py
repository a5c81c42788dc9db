"""The camera that a clip really shows, beside the one it was asked to follow: RotErr, TransErr, CamMC and plain words.

    uv run --group blender python examples/trajectory_to_clip.py
    uv run --extra evaluation python examples/evaluate_clip.py out/example/clip.mp4 [poses.txt]

A clip of ours carries its camera; another one needs a camera file in any format that `read_trajectory` knows. Distances
are relative to the path's own size; `EvaluationInput.scene_depth` (the photo's metric depth) makes them metres.
"""

from __future__ import annotations

import sys
from pathlib import Path

from realcam import Trajectory, read_trajectory
from server.datasets.clip_frames import read_frames
from server.evaluation.evaluate import camera_of_clip, evaluate_clip
from server.evaluation.inputs import EvaluationInput
from server.evaluation.records import ClipEvaluation


def main(clip: Path, camera: Path | None = None) -> ClipEvaluation:
    """Solve the clip's camera and print how far it is from the asked one."""
    frames = read_frames(clip)
    height, width = frames.shape[1:3]
    asked: Trajectory = camera_of_clip(clip) if camera is None else read_trajectory(camera, width, height).trajectory
    found = evaluate_clip(EvaluationInput(clip.name, frames, "asked", asked), trials=1)
    if found.errors is None:
        print("no camera could be solved:", *found.findings)
    else:
        print(
            f"RotErr {found.errors.rot_err:.4f} rad  TransErr {found.errors.trans_err_rel:.4f}  "
            f"CamMC {found.errors.cam_mc_rel:.4f}"
        )
        print(*found.findings, sep="\n")
    return found


if __name__ == "__main__":
    # A console that lacks a letter of a folder's name shows an escape instead.
    sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    main(Path(sys.argv[1]), Path(sys.argv[2]) if len(sys.argv) > 2 else None)
