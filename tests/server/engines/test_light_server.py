"""A server of few packages: what the draft engine, the service and cleaning import is what an extension can carry."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]

SCRIPT = '''
import sys

CARRIED = {"numpy", "msgspec", "zmq", "av", "PIL", "psutil", "platformdirs", "prometheus_client"}
ALLOWED = {*sys.stdlib_module_names, *CARRIED, "server", "blender_addon"}


class Carried:
    """A finder that finds nothing beside what is allowed."""

    def __init__(self, finder):
        self.finder = finder

    def find_spec(self, name, path=None, target=None):
        return self.finder.find_spec(name, path, target) if name.partition(".")[0] in ALLOWED else None


sys.meta_path[:] = [Carried(finder) for finder in sys.meta_path]

import numpy as np

import server.service.metrics
import server.service.service
import server.terminal.local_service
from blender_addon.core.camera.trajectory import Trajectory
from blender_addon.core.depth.cleaning.clean import clean_depth
from blender_addon.core.depth.depth_mesh import depth_mesh
from blender_addon.core.payloads.shot import Shot, ShotSettings
from server.geometry.preview import PreviewRenderer
from server.service.workers.worker import load_makers

engines = {name: make() for name, make in load_makers("server.engines.registry:served").items()}
print(*(name for name, engine in engines.items() if not engine.capability.unavailable))

photo = np.full((40, 64, 3), 90, np.uint8)
depth = np.full((40, 64), 2.0, np.float32)
photo[10:30, 24:40], depth[10:30, 24:40], depth[10:30, 40:44] = 200, 1.0, np.nan
lens = np.array([[60.0, 0, 32], [0, 60.0, 20], [0, 0, 1]])
poses = np.repeat(np.eye(4)[None], 2, axis=0)
poses[1, 0, 3] = 0.2
trajectory = Trajectory(poses, lens, 64, 40)
preview = np.stack(list(PreviewRenderer(photo, depth_mesh(depth, lens, (64, 40))).frames(trajectory)))
shot = Shot(trajectory, preview, photo, lens, depth, ShotSettings(engine="draft"))
print(engines["draft"].generate(shot, lambda _: None).frames.shape)
print(clean_depth(depth, photo, lens).depth.shape)
'''
"""Everything else is as if it were not installed, also to those who only ask whether it is."""


def test_it_makes_a_clip_and_cleans_a_depth_map() -> None:
    told = subprocess.run([sys.executable, "-c", SCRIPT], cwd=ROOT, capture_output=True, text=True, check=False)
    assert told.stderr == ""
    assert told.stdout.splitlines() == ["draft", "(2, 40, 64, 3)", "(40, 64)"]


def test_the_panel_assumes_what_the_draft_engine_offers() -> None:
    """Until a server has answered: sizes and counts must not read "not offered" then."""
    from blender_addon.generation.jobs import ASSUMED_ENGINES
    from server.engines.draft.engine import CAPABILITY

    (assumed,) = ASSUMED_ENGINES
    assert (assumed.sizes, assumed.frame_counts) == (CAPABILITY.sizes, CAPABILITY.frame_counts)
