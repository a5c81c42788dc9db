"""The examples run as their first lines say."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from server.datasets.clip_frames import read_frames
from tests.support.servers import PRODUCT_ENGINES, RunningServer, free_address

pytest.importorskip("skimage", reason="scikit-image is not installed: the examples' photo is its motorcycle")
ROOT = Path(__file__).parents[1]


def run(example: str, *arguments: object, **environment: object) -> str:
    """What an example prints."""
    command = [sys.executable, f"examples/{example}.py", *map(str, arguments)]
    variables = {**os.environ, **{name: str(value) for name, value in environment.items()}}
    ran = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True, env=variables)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def test_a_camera_path_from_code_becomes_a_clip_whose_camera_is_measured(tmp_path: Path) -> None:
    assert "the photo sees" in run("trajectory_to_clip", tmp_path)
    assert read_frames(tmp_path / "clip.mp4").shape == (16, 320, 512, 3)
    pytest.importorskip("pycolmap", reason="pycolmap is not installed: no camera can be solved")
    assert "The camera follows" in run("evaluate_clip", tmp_path / "clip.mp4")


def test_a_client_brings_a_clip_from_a_server(tmp_path: Path) -> None:
    config, address = tmp_path / "config", free_address()
    server = RunningServer(tmp_path / "jobs", config, engines=PRODUCT_ENGINES, address=address)
    server.start()
    try:
        said = run("client_against_a_server", address, tmp_path / "files", REALCAM_CONFIG_DIR=config)
    finally:
        server.stop()
    assert said.splitlines()[-2].startswith("done")
    frames = read_frames(tmp_path / "files" / "clip.mp4")
    assert frames.shape == (16, 320, 512, 3)
    assert not np.array_equal(frames[0], frames[-1])
