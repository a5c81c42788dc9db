"""`realcam weights get` as typed, against a hub: what it says beforehand, what it leaves, what it does not begin."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="torch is not installed: the model tests were not run")
pytest.importorskip("transformers", reason="transformers is not installed: the model tests were not run")
pytest.importorskip("diffusers", reason="diffusers is not installed: the model tests were not run")
pytest.importorskip("huggingface_hub", reason="huggingface_hub is not installed: the model tests were not run")

from click.testing import Result  # noqa: E402
from safetensors.torch import save  # noqa: E402
from typer.testing import CliRunner  # noqa: E402

from server.cli import app  # noqa: E402
from server.model.config import TINY, VARIANTS  # noqa: E402
from server.model.model import random_model  # noqa: E402
from server.model.tokenizer import ByteTokenizer  # noqa: E402
from server.model.weights import checkpoint  # noqa: E402
from server.model.weights.load import part_sources  # noqa: E402
from server.model.weights.weights_fetch import in_units  # noqa: E402
from server.model.weights.weights_sources import WEIGHTS_SOURCES, HubFile, WeightsSource  # noqa: E402
from server.model.weights.weights_store import WeightsStore  # noqa: E402
from tests.support.network.hub import Hub, serving  # noqa: E402

FILES = ("base.safetensors", "camera.safetensors", "vocab.json", "merges.txt")


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """A hub that has realcam-512, here as small as a test's model, and is the one that is asked."""
    base, camera, *words = (HubFile("org/tiny", name) for name in FILES)
    monkeypatch.setitem(WEIGHTS_SOURCES, "realcam-512", WeightsSource(base, camera, tuple(words)))
    monkeypatch.setitem(VARIANTS, "realcam-512", replace(TINY, name="realcam-512"))
    model = random_model(TINY, ByteTokenizer(TINY.clip.vocabulary), seed=1)
    file = {}
    for name, found in part_sources(model.parts(), TINY).items():
        file |= checkpoint.to_published(found, model.parts()[name].state_dict())
    parts: tuple[dict[str, torch.Tensor], ...] = ({}, {})
    for key, tensor in file.items():
        parts[bool(checkpoint.CAMERA_KEY.search(key))][key] = tensor.clone().contiguous()
    contents = [*map(save, parts), b'{"<|startoftext|>": 0, "<|endoftext|>": 1}', b"#version: 0.2\n"]
    with serving(Hub(dict(zip(FILES, contents, strict=True)))) as state:
        monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", state.url)
        template = state.url + "/{repo_id}/resolve/{revision}/{filename}"
        monkeypatch.setattr("huggingface_hub.constants.HUGGINGFACE_CO_URL_TEMPLATE", template)
        yield state


def get(folder: Path, *words: str, answer: str = "") -> Result:
    command = ["weights", "get", "realcam-512", "--into", str(folder), *words]
    return CliRunner().invoke(app, command, input=answer, env={"COLUMNS": "200"})


def test_sizes_are_shown_and_asked_about_before_anything_is_fetched(hub: Hub, tmp_path: Path) -> None:
    result = get(tmp_path, answer="n\n")
    assert result.exit_code == 1
    assert "base.safetensors" in result.output
    for size in (len(hub.contents["base.safetensors"]), sum(map(len, hub.contents.values()))):
        assert in_units(size) in result.output
    assert "Download? [y/N]" in result.output
    assert hub.served == []


def test_what_is_left_is_the_converted_model_alone(hub: Hub, tmp_path: Path) -> None:
    result = get(tmp_path, answer="y\n")
    assert result.exit_code == 0, result.output
    assert "realcam-512: 21.2 MB in" in result.output
    manifest = WeightsStore(tmp_path).manifest("realcam-512")
    assert manifest is not None
    assert sorted(source.name for source in manifest.sources) == sorted(FILES)
    left = sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file())
    names = ("manifest.json", "merges.txt", "model.safetensors", "vocab.json")
    assert left == [".get.lock", "lock.json", *(f"realcam-512/{name}" for name in names)]
    hub.down = True
    assert "installed already" in get(tmp_path).output


def test_a_disk_too_small_for_all_of_it_is_said_before_anything_is_fetched(hub: Hub, tmp_path: Path) -> None:
    """Two files that would each fit, and what is made of them: counted together."""
    hub.claims = dict.fromkeys(FILES[:2], shutil.disk_usage(tmp_path).free // 3)
    result = get(tmp_path, "--yes")
    assert result.exit_code == 1
    assert "The disk is too small for the weights: " in result.output
    assert "to download and" in result.output
    assert hub.served == []


def test_a_file_of_ones_own_that_is_not_there_is_said_before_anything_is_fetched(hub: Hub, tmp_path: Path) -> None:
    result = get(tmp_path, "--yes", "--base", str(tmp_path / "nowhere.ckpt"))
    assert result.exit_code == 1
    assert result.output.startswith(f"The file is not there: {tmp_path / 'nowhere.ckpt'}")
    result = get(tmp_path, "--yes", "--base", str(tmp_path))
    assert result.exit_code == 1
    assert result.output.startswith(f"A folder is named where a file is meant: {tmp_path}")
    assert hub.served == []


def test_what_comes_with_the_server_is_not_fetched(hub: Hub, tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["weights", "get", "nano", "--into", str(tmp_path / "weights")])
    assert (result.exit_code, hub.served) == (0, [])
    assert result.output == "nano comes with the server: there is nothing to fetch.\n"


def test_with_the_camera_file_at_hand_the_base_is_fetched_all_the_same(hub: Hub, tmp_path: Path) -> None:
    """RealCam's own file holds nothing but its modules; one that holds the base too needs none."""
    own = tmp_path / "own.safetensors"
    own.write_bytes(hub.contents["camera.safetensors"])
    result = get(tmp_path / "weights", "--yes", "--camera", str(own))
    assert result.exit_code == 0, result.output
    assert [asked.split()[0] for asked in hub.served] == ["base.safetensors", "vocab.json", "merges.txt"]
