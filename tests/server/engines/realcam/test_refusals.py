"""Shots, settings and machines that the engine `realcam` must refuse in words."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from blender_addon.core.errors import EngineError
from server.engines.realcam.engine import RealCamEngine
from server.engines.realcam.settings import OPTIONS, PUBLISHED_ONLY, read_settings
from server.engines.realcam.sources import InstalledWeights, RandomWeights
from server.model.config import TINY
from server.model.weights import own_networks
from server.model.weights.weights_store import WeightsStore


def test_options_have_defaults_and_limits() -> None:
    defaults = read_settings({})
    assert (defaults.steps, defaults.guidance, defaults.shaping, defaults.shaping_until) == (25, 5.5, "noisy", 900)
    assert {option.name for option in (PUBLISHED_ONLY, *OPTIONS)} == set(defaults.__dataclass_fields__)
    assert read_settings({"steps": 3.0}).steps == 3


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"step": 3}, r"no option step.*steps"),
        ({"steps": 0}, r"Steps is out of range.*0, allowed 1 to 100"),
        ({"guidance": float("nan")}, "Prompt guidance is not a number"),
        ({"shaping": "hard"}, r"cannot be 'hard'.*noisy, clean, off"),
        ({"eta": "much"}, "not a number"),
    ],
)
def test_bad_options(options: dict[str, float | str], words: str) -> None:
    with pytest.raises(EngineError, match=words):
        read_settings(options)


def test_without_weights_the_panel_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("torch", reason="torch is not installed: the model tests were not run")
    monkeypatch.setattr(own_networks, "SHIPPED", WeightsStore(tmp_path / "none"))
    capability = RealCamEngine(InstalledWeights(WeightsStore(tmp_path))).capability
    assert "realcam weights get realcam-512" in capability.unavailable
    assert str(tmp_path) in capability.unavailable
    assert capability.sizes[0] == (512, 320)
    assert capability.needs_weights


def test_without_torch_the_panel_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("server.engines.realcam.sources.MODEL_PACKAGES", ("no_such_package",))
    capability = RealCamEngine(RandomWeights("tiny")).capability
    command = "uv sync --inexact --extra models"
    assert capability.unavailable == f"no_such_package not installed with the server: run `{command}` there"
    assert capability.draft


def test_random_weights_say_so() -> None:
    capability = RealCamEngine(RandomWeights("tiny")).capability
    assert "random weights" in capability.label
    assert capability.draft


class TestShots:
    """What cannot be made of a shot."""

    @pytest.fixture(autouse=True)
    def _torch(self) -> None:
        pytest.importorskip("torch", reason="torch is not installed: the model tests were not run")

    def test_sizes(self) -> None:
        from server.engines.realcam.shot_inputs import check_size

        check_size(512, 320)
        with pytest.raises(EngineError, match=r"multiples of 64.*nearest that fits is 512 x 320"):
            check_size(500, 333)

    def test_intrinsics_without_inverse(self) -> None:
        from server.engines.realcam.shot_inputs import check_invertible

        good = np.array([[100.0, 0, 64], [0, 100, 64], [0, 0, 1]])
        flat = good.copy()
        flat[2, 2] = 0.0
        check_invertible(good[None])
        with pytest.raises(EngineError, match=r"no inverse.*frame 1"):
            check_invertible(np.stack([good, flat]))

    def test_nothing_to_hold_to(self) -> None:
        from server.engines.realcam.shot_inputs import checked_preview

        preview = np.zeros((3, 64, 64, 4), np.uint8)
        preview[:, ::3, ::3, 3] = 255  # specks that erosion removes
        with pytest.raises(EngineError, match="shows nothing of the photo to hold to"):
            checked_preview(preview, read_settings({}), TINY)

    def test_nothing_left_to_make(self) -> None:
        from server.engines.realcam.shot_inputs import checked_preview

        preview = np.full((3, 64, 64, 4), 255, np.uint8)
        assert checked_preview(preview, read_settings({}), TINY) is preview
        for held_throughout in ({"shaping_until": 0}, {"shaping_until": 39, "steps": 25}, {"shaping_noise": 0.05}):
            with pytest.raises(EngineError, match="Nothing is left for the model to make"):
                checked_preview(preview, read_settings(held_throughout), TINY)
        assert checked_preview(preview, read_settings({"shaping_until": 40, "steps": 25}), TINY) is preview

    def test_one_frame(self) -> None:
        from server.engines.realcam.shot_inputs import chosen_mode

        assert chosen_mode("auto", 16, 16) == "basic"
        assert chosen_mode("auto", 17, 16) == "continuation"
        with pytest.raises(EngineError, match="no motion"):
            chosen_mode("auto", 1, 16)
