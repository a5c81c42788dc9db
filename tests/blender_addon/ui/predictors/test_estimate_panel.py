"""What the panel offers a photo without depth, by what the server says of itself."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import msgspec
import pytest

from blender_addon.core.protocol.capability import EngineCapability
from server.depth.catalogue import CARDS, DEFAULT
from server.engines.depth.engine import PredictorEngine

pytestmark = pytest.mark.blender


class Drawn:
    """A layout that notes the words of what is drawn: labels as one text, and the title of each button."""

    def __init__(self) -> None:
        self.words = ""
        self.buttons: dict[str, str] = {}

    def label(self, text: str = "", icon: str = "NONE") -> None:
        self.words += f"{text} "

    def operator(self, name: str, text: str = "", icon: str = "NONE") -> Any:
        self.buttons[name.removeprefix("realcam.")] = text
        return SimpleNamespace()

    def prop(self, _owner: Any, name: str, **_how: object) -> None:
        self.buttons[name] = ""

    def separator(self) -> None:
        self.words += "\n"

    def row(self, align: bool = False) -> Drawn:
        return self

    def column(self, align: bool = False) -> Drawn:
        return self

    def panel(self, _name: str, default_closed: bool) -> tuple[Drawn, None]:
        return self, None


@pytest.fixture
def predictor(addon: ModuleType) -> Iterator[EngineCapability]:
    """What a server says that has every package and no weights."""
    from blender_addon.generation.jobs import jobs

    said = PredictorEngine(CARDS[DEFAULT]).capability
    assert said.facts is not None
    facts = msgspec.structs.replace(said.facts, downloaded=False, install="", install_bytes=0)
    yield msgspec.structs.replace(said, unavailable="", predictor=facts)
    jobs.predictors = ()


def drawn(bpy: ModuleType, *predictors: EngineCapability) -> Drawn:
    from blender_addon.generation.jobs import jobs
    from blender_addon.ui.predictors.estimate_panel import draw_estimate

    jobs.predictors = predictors
    layout = Drawn()
    draw_estimate(layout, bpy.context)
    return layout


def test_nothing_is_offered_to_be_downloaded_before_the_server_was_asked(addon: ModuleType) -> None:
    assert drawn(addon).buttons == {"connect": "Estimate Depth: Ask the Server"}


def test_size_licence_and_what_is_in_the_way_stand_at_the_button(
    addon: ModuleType, predictor: EngineCapability, monkeypatch: pytest.MonkeyPatch
) -> None:
    from blender_addon.ui.predictors import estimate_panel

    for allowed in (True, False):
        monkeypatch.setattr(estimate_panel, "online_access", lambda allowed=allowed: allowed)
        shown = drawn(addon, predictor)
        assert shown.buttons["estimate_depth"] == "Download and Estimate (99 MB)"
        assert "Licence of the weights: Apache 2.0, commercial use: yes." in shown.words
        assert ("Allow Online Access is off" in shown.words) is not allowed
    here = msgspec.structs.replace(predictor, predictor=msgspec.structs.replace(predictor.facts, downloaded=True))
    assert drawn(addon, here).buttons["estimate_depth"] == "Estimate Depth"


def test_a_card_that_the_server_cannot_use_is_said_with_the_line_that_mends_it(
    addon: ModuleType, predictor: EngineCapability
) -> None:
    shown = drawn(addon, msgspec.structs.replace(predictor, notice="NVIDIA card found, but run `uv tool install x`"))
    assert "NVIDIA card found, but run the line below." in " ".join(shown.words.split())
    assert {"copy_command", "estimate_depth"} <= set(shown.buttons)


def test_a_server_without_pytorch_says_what_installing_it_downloads(
    addon: ModuleType, predictor: EngineCapability, monkeypatch: pytest.MonkeyPatch
) -> None:
    from blender_addon.ui import preferences

    lacks = msgspec.structs.replace(predictor.facts, install="uv tool install", install_bytes=2_900_000_000)
    without = msgspec.structs.replace(predictor, unavailable="no torch", predictor=lacks)
    monkeypatch.delenv(preferences.ADDRESS_VARIABLE, raising=False)
    monkeypatch.setattr(preferences, "installed_realcam", lambda: None)
    shown = drawn(addon, without)
    assert shown.words.strip() == (
        "Depth networks need the installed server: PyTorch, 2.9 GB to download, then 99 MB of weights (Apache 2.0, "
        "commercial use: yes)."
    )
    assert list(shown.buttons) == ["copy_command"]
    monkeypatch.setattr(preferences, "installed_realcam", lambda: Path("/home/me/.local/bin/realcam"))
    assert list(drawn(addon, without).buttons) == ["use_installed_server"]
    used = SimpleNamespace(server_place=preferences.HERE, use_installed=True)
    monkeypatch.setattr(preferences, "_chosen", lambda: used)
    shown = drawn(addon, without)
    assert shown.words.startswith("Depth networks need more packages on the server: PyTorch, 2.9 GB")
    assert list(shown.buttons) == ["copy_command"]


def test_a_photo_that_waits_has_its_ways_in_one_place_those_that_work_here_first(
    addon: ModuleType, predictor: EngineCapability, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from blender_addon.generation.jobs import jobs
    from blender_addon.ui.depth.depth_operator import DepthPanel
    from blender_addon.ui.photo import photo_panel
    from blender_addon.ui.predictors import estimate_panel

    fields = addon.context.scene.realcam.photo
    fields.photo_path, fields.waits = str(tmp_path / "photo.png"), True
    assert not DepthPanel.poll(addon.context)
    fields.depth_path = str(tmp_path / "depth.png")
    assert DepthPanel.poll(addon.context), "the ways are drawn no more"
    monkeypatch.setattr(estimate_panel, "online_access", lambda: True)
    lacks = msgspec.structs.replace(predictor.facts, install="uv tool install", install_bytes=2_900_000_000)
    for said, first in (
        (None, "ground_and_walls"),
        (predictor, "estimate_depth"),
        (msgspec.structs.replace(predictor, unavailable="no torch", predictor=lacks), "ground_and_walls"),
    ):
        jobs.predictors = () if said is None else (said,)
        layout = Drawn()
        photo_panel._ways_to_depth(layout, addon.context)
        assert next(name for name in layout.buttons if not name.startswith("predictor")) == first
