"""Colour configurations (OCIO) with other names than Blender's: colours and depth stay, or the artist is told."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.blender
pytest.importorskip("bpy")

OWN = """
ocio_profile_version: 2
roles:
  default: numbers
  data: numbers
  scene_linear: light
  default_byte: paper
file_rules:
  - !<Rule> {name: Default, colorspace: default}
displays:
  wall:
    - !<View> {name: projected, colorspace: dimmed}
    - !<View> {name: burnt, colorspace: burning}
active_displays: [wall]
active_views: [projected, burnt]
colorspaces:
  - !<ColorSpace> {name: numbers, isdata: true}
  - !<ColorSpace> {name: light}
  - !<ColorSpace>
    name: paper
    to_scene_reference: !<ExponentWithLinearTransform> {gamma: [2.4, 2.4, 2.4, 1], offset: [0.055, 0.055, 0.055, 0]}
  - !<ColorSpace>
    name: dimmed
    to_scene_reference: !<ExponentTransform> {value: [3, 3, 3, 1]}
  - !<ColorSpace>
    name: burning
    from_scene_reference: !<MatrixTransform> {matrix: [9, 9, 9, 0, 9, 9, 9, 0, 9, 9, 9, 0, 0, 0, 0, 1]}
"""
"""Without a view that shows a picture as it is. One can be undone by its own colour space, the other by none."""


def trial(folder: Path, configuration: str, *methods: str) -> dict[str, Any]:
    """What tests.blender_addon.colour_trial prints."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.blender_addon.colour_trial", str(folder), *methods],
        cwd=Path(__file__).parents[2],
        env={**os.environ, "OCIO": configuration},
        check=False,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    found: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return found


def is_exact(found: dict[str, Any], *previews: str) -> bool:
    """Whether depth, photos and previews are as the files are."""
    return found["depth"] < 1e-6 and max(found[name] for name in ("photo", "photo of 16 bits", *previews)) < 0.5


@pytest.mark.parametrize(("kind", "method"), [("cg", "eevee"), ("studio", "workbench")])
def test_aces(tmp_path: Path, kind: str, method: str) -> None:
    found = trial(tmp_path, f"ocio://{kind}-config-latest", method)
    assert is_exact(found, method)
    shown = found["shown"]
    assert shown["Un-tone-mapped"] < 0.5
    assert found["warned"] == [view for view, off in shown.items() if off > 2]
    assert found["warned"] == [view for view in shown if view.startswith("ACES")], "tone mapping: no space undoes it"


def test_a_studios_own(tmp_path: Path) -> None:
    configuration = tmp_path / "config.ocio"
    configuration.write_text(OWN)
    found = trial(tmp_path, str(configuration), "workbench")
    assert is_exact(found, "workbench")
    assert found["shown"]["projected"] < 2
    assert found["warned"] == ["burnt"]
