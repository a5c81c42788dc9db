"""The nano network that ships: it follows a camera, and a preview helps it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed: the model tests were not run")
pytest.importorskip("diffusers", reason="diffusers is not installed: the model tests were not run")
pytest.importorskip("accelerate", reason="accelerate is not installed: the training was not run")
pytest.importorskip("embreex", reason="embreex has no wheel for this machine: worlds cannot be rendered")


from server.model.config import NANO  # noqa: E402
from server.model.model import RealCamModel  # noqa: E402
from server.model.tokenizer import ClipTokenizer  # noqa: E402
from server.model.weights.load import load_model  # noqa: E402
from server.model.weights.own_networks import SHIPPED  # noqa: E402
from server.model.weights.tensor_files import open_tensors  # noqa: E402
from server.training.comparison.comparison import held_out  # noqa: E402
from server.training.comparison.rows import Row  # noqa: E402
from server.training.comparison.settings import ComparisonSettings  # noqa: E402
from server.training.comparison.shots import FilmedClip, filmed_clip, made_clip  # noqa: E402
from server.training.comparison.takes import Take, TakeKey, measured  # noqa: E402
from server.training.draws import sample_generator  # noqa: E402
from server.training.trained_set import initialise  # noqa: E402
from tests.support.worlds.small_set import render_small_set  # noqa: E402

SETTINGS = ComparisonSettings(steps=12, guidance=1.0, camera_guidance=2.0)
CLIPS = 4


@pytest.fixture(scope="module")
def worlds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return render_small_set(tmp_path_factory.mktemp("worlds"), CLIPS)


@dataclass(frozen=True)
class Following:
    """How far clips follow their cameras, means over the clips.

    Attributes:
        degrees, metres: of the frames whose camera was found, from the asked one.
        placed: share of the frames whose camera was found.
        way: see `way`.
    """

    degrees: float
    metres: float
    placed: float
    way: float


def following(takes: Sequence[Take]) -> Following:
    return Following(
        degrees=float(np.mean([take.degrees for take in takes if take.degrees is not None])),
        metres=float(np.mean([take.metres for take in takes if take.metres is not None])),
        placed=sum(take.placed for take in takes) / sum(take.frames for take in takes),
        way=float(np.mean([take.way for take in takes if take.way is not None])),
    )


def shipped(camera: bool) -> RealCamModel:
    """The network that ships, or its base."""
    tokenizer = ClipTokenizer(SHIPPED.folder(NANO.name))
    model = load_model(NANO, open_tensors(SHIPPED.model_file(NANO.name)), tokenizer, NANO.name)
    if not camera:
        initialise(model, sample_generator(0))
    return model


@pytest.fixture(scope="module")
def filmed(worlds: Path, tmp_path_factory: pytest.TempPathFactory) -> list[FilmedClip]:
    clips = held_out(worlds / "test", NANO.frames, tmp_path_factory.mktemp("held-out"), CLIPS)
    return [clip for own in clips if (clip := filmed_clip(own, NANO, NANO.size)) is not None]


def takes(
    model: RealCamModel, clips: Sequence[FilmedClip], shaped: bool = False, settings: ComparisonSettings = SETTINGS
) -> list[Take]:
    row, made = Row("made", shaped=shaped), []
    for clip in clips:
        key = TakeKey(row="made", network="", base="", settings="", clip=clip.name)
        made.append(measured(key, 0, row, clip, made_clip(model, clip, row, settings), (), 0.0))
    return made


def test_it_follows_the_camera_and_a_preview_helps(filmed: list[FilmedClip]) -> None:
    assert len(filmed) == CLIPS
    network = shipped(camera=True)
    # Guidance towards a camera that a network has no modules for changes nothing and takes as long again.
    unguided = msgspec.structs.replace(SETTINGS, camera_guidance=1.0)
    base = following(takes(shipped(camera=False), filmed, settings=unguided))
    own = following(takes(network, filmed))
    shaped = following(takes(network, filmed, shaped=True))
    # Measured: 1.20 degrees and 0.70 m without a camera, 0.93 and 0.35 with one, 1.13 and 0.34 shaped, which go 0.00,
    # 0.78 and 0.86 of the way. Nine in sixteen frames are placed or more.
    assert own.degrees < 0.9 * base.degrees
    assert own.metres < min(0.45, 0.65 * base.metres)
    assert base.way < 0.1
    assert own.way > 0.6
    assert own.placed > 0.5
    assert shaped.metres < 0.65 * base.metres
    assert shaped.way > own.way
