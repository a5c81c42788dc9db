"""The predictor as an artist chooses it: by what the photo shows, then by size; what the button then says."""

from __future__ import annotations

from collections.abc import Iterator
from types import ModuleType
from typing import Any

import msgspec
import pytest

from blender_addon.core.protocol.capability import EngineCapability
from server.depth.catalogue import CARDS
from server.engines.depth.engine import PredictorEngine

pytestmark = pytest.mark.blender


@pytest.fixture
def offered(addon: ModuleType) -> Iterator[list[EngineCapability]]:
    """What a server with every package and no weights says, as the add-on's state holds it."""
    from blender_addon.generation.jobs import jobs

    said = [PredictorEngine(card).capability for card in CARDS.values()]
    able = [
        msgspec.structs.replace(
            one, unavailable="", predictor=msgspec.structs.replace(one.facts, downloaded=False, install="")
        )
        for one in said
    ]
    jobs.predictors = tuple(able)
    yield able
    jobs.predictors = ()


def items(shot: Any, which: str) -> list[str]:
    from blender_addon.ui.predictors import predictor_choice

    return [item[1] for item in getattr(predictor_choice, f"{which}_items")(shot, None)]


def test_the_small_network_for_rooms_under_apache_comes_first(
    addon: ModuleType, offered: list[EngineCapability]
) -> None:
    from blender_addon.ui.predictors.estimate_panel import estimate_title
    from blender_addon.ui.predictors.predictor_choice import chosen_predictor, licence_words

    shot = addon.context.scene.realcam
    chosen = chosen_predictor(shot)
    assert chosen is not None
    assert chosen.facts is not None
    assert licence_words(chosen.facts) == "Apache 2.0, commercial use: yes"
    assert estimate_title(chosen) == "Download and Estimate (99 MB)"
    assert items(shot, "scenes") == ["Indoors", "Outdoors", "Both"]
    assert items(shot, "size") == ["Small, 99 MB", "Base, 390 MB", "Large, 1.3 GB"]


def test_scenes_keep_the_size_and_size_keeps_the_scenes(addon: ModuleType, offered: list[EngineCapability]) -> None:
    shot = addon.context.scene.realcam
    shot.predictor_size = "Base"
    assert shot.predictor_name == "depth-anything-indoor-base"
    shot.predictor_scenes = "outdoors"
    assert shot.predictor_name == "depth-anything-outdoor-base"
    shot.predictor_scenes = "any"
    assert (shot.predictor_name, items(shot, "size")) == ("depth-pro", ["One Size, 1.9 GB"])
    shot.predictor_scenes = "indoors"
    assert shot.predictor_name == "depth-anything-indoor-small"
    shot.predictor = "depth-anything-outdoor-large"
    assert (shot.predictor_scenes, shot.predictor_size) == ("outdoors", "Large")


def test_a_server_of_before_is_offered_by_name(addon: ModuleType) -> None:
    from blender_addon.generation.jobs import jobs
    from blender_addon.ui.predictors.estimate_panel import estimate_title
    from blender_addon.ui.predictors.predictor_choice import chosen_predictor

    jobs.predictors = (EngineCapability(name="old", label="Old", description="", sizes=(), frame_counts=()),)
    shot = addon.context.scene.realcam
    chosen = chosen_predictor(shot)
    assert estimate_title(chosen) == "Estimate Depth"
    assert items(shot, "scenes") == items(shot, "size") == ["Connect to choose"]
    shot.predictor_scenes = "-"
    jobs.predictors = ()


def test_without_online_access_nothing_is_downloaded(
    addon: ModuleType, offered: list[EngineCapability], monkeypatch: pytest.MonkeyPatch
) -> None:
    from blender_addon.ui.depth import depth_operator

    addon.context.scene.realcam.photo.photo_path = "/photo.png"
    for allowed in (True, False):
        monkeypatch.setattr(depth_operator, "online_access", lambda allowed=allowed: allowed)
        assert addon.ops.realcam.estimate_depth.poll() == allowed
