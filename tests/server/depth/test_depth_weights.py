"""A predictor's weights from the hub to a photo's depth: told, cancelled, resumed, refused where they are others."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed: depth networks cannot run")
transformers = pytest.importorskip("transformers", reason="transformers is not installed: depth networks cannot run")

from typer.testing import CliRunner  # noqa: E402

from blender_addon.core.payloads.depth_request import DepthRequest  # noqa: E402
from blender_addon.core.payloads.shot import ShotSettings  # noqa: E402
from blender_addon.core.progress import JobProgress, unwatched  # noqa: E402
from server.cli import app  # noqa: E402
from server.demo.motorcycle import Motorcycle  # noqa: E402
from server.depth import depth_anything  # noqa: E402
from server.depth.catalogue import CARDS, DEFAULT, load_predictor  # noqa: E402
from server.depth.depth_weights import (  # noqa: E402
    downloaded_weights,
    fetch_weights,
    take_weights,
    verified_weights,
)
from server.depth.predictor import PredictorCard, PredictorError  # noqa: E402
from server.engines.depth.engine import PredictorEngine  # noqa: E402
from server.engines.engine import Cancelled  # noqa: E402
from server.model.weights.weights_sources import WeightsError  # noqa: E402
from server.model.weights.weights_store import WeightsStore  # noqa: E402
from tests.support.network.hub import COMMIT, Hub, serving  # noqa: E402

TINY = (48, 12, 2, 16, (8, 8, 16, 16), (3, 6, 9, 12))
"""A network of the published architecture, see depth_anything.SIZES; two megabytes."""


@dataclass(frozen=True)
class Published:
    """A hub that has a tiny predictor, the card that names it, and the folder of weights in use."""

    hub: Hub
    card: PredictorCard
    store: WeightsStore


@pytest.fixture(scope="module")
def content(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The tiny predictor's model.safetensors, with the tensors' names that the hub has."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(depth_anything.SIZES, "small", TINY)
        torch.manual_seed(0)
        network = transformers.DepthAnythingForDepthEstimation(depth_anything.configuration(CARDS[DEFAULT]))
    folder = tmp_path_factory.mktemp("tiny")
    network.save_pretrained(folder)
    return (folder / "model.safetensors").read_bytes()


@pytest.fixture
def published(content: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Published]:
    monkeypatch.setitem(depth_anything.SIZES, "small", TINY)
    monkeypatch.setenv("REALCAM_WEIGHTS", str(tmp_path / "weights"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    card = msgspec.structs.replace(
        CARDS[DEFAULT],
        weights="org/tiny",
        bytes=len(content),
        revision=COMMIT,
        sha256=hashlib.sha256(content).hexdigest(),
    )
    monkeypatch.setitem(CARDS, DEFAULT, card)
    with serving(Hub({"model.safetensors": content, "README.md": b""})) as hub:
        monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", hub.url)
        template = hub.url + "/{repo_id}/resolve/{revision}/{filename}"
        monkeypatch.setattr("huggingface_hub.constants.HUGGINGFACE_CO_URL_TEMPLATE", template)
        yield Published(hub, card, WeightsStore(tmp_path / "weights"))


def request(bike: Motorcycle) -> DepthRequest:
    return DepthRequest(np.ascontiguousarray(bike.photo[:112, :140]), ShotSettings(engine=DEFAULT), None, None)


def test_an_estimate_downloads_once_and_says_how_far_it_is(published: Published, bike: Motorcycle) -> None:
    engine = PredictorEngine(published.card)
    assert engine.capability.facts is not None
    assert not engine.capability.facts.downloaded
    told: list[JobProgress] = []
    first = engine.estimate(request(bike), told.append)
    assert np.isfinite(first.depth).any()
    megabytes = round(published.card.bytes / 1e6)
    assert f"Downloading {megabytes} of {megabytes} MB" in [progress.stage for progress in told]
    assert [progress.stage for progress in told][-3:] == ["predicting", "cleaning", "done"]
    assert engine.capability.facts.downloaded
    assert published.hub.served == ["model.safetensors whole"]
    published.hub.down = True
    again = PredictorEngine(published.card).estimate(request(bike), told.append)
    np.testing.assert_array_equal(again.depth, first.depth)
    manifest = published.store.manifest(DEFAULT, beside=())
    assert manifest is not None
    assert (manifest.sources[0].revision, manifest.sha256) == (COMMIT, published.card.sha256)
    left = {path.name for path in published.store.root.rglob("*") if path.is_file()}
    assert left == {"model.safetensors", "manifest.json", "lock.json", ".get.lock"}


def test_a_cancel_is_heard_while_nothing_comes_over_the_line(published: Published, bike: Motorcycle) -> None:
    """The hub stops in the middle of the file and keeps the line open; what came is kept."""
    published.hub.stalls_at = published.card.bytes // 2
    cancelled = threading.Event()

    def report(progress: JobProgress) -> None:
        if progress.stage.startswith("Downloading 1 "):
            cancelled.set()
        if cancelled.is_set():
            raise Cancelled

    with pytest.raises(Cancelled):
        PredictorEngine(published.card).estimate(request(bike), report)
    published.hub.go_on.set()
    (part,) = published.store.root.rglob("*.part")
    there = part.stat().st_size
    assert 0 < there <= published.card.bytes // 2
    published.hub.served.clear()
    assert PredictorEngine(published.card).estimate(request(bike), lambda _: None).depth.shape == (112, 140)
    assert published.hub.served == [f"model.safetensors bytes={there}-"]


def test_a_cancel_is_heard_while_the_hub_says_nothing(published: Published, bike: Motorcycle) -> None:
    published.hub.silent = True
    told: list[str] = []

    def report(progress: JobProgress) -> None:
        told.append(progress.stage)
        if told[-3:] == ["Asking the hub"] * 3:
            raise Cancelled

    with pytest.raises(Cancelled):
        PredictorEngine(published.card).estimate(request(bike), report)
    assert published.hub.served == []


KILLED = """
import sys
from pathlib import Path
import huggingface_hub.constants as hub
import msgspec
from server.depth.depth_weights import fetch_weights
from server.depth.predictor import PredictorCard
from server.model.weights.weights_store import WeightsStore
hub.ENDPOINT = sys.argv[1]
hub.HUGGINGFACE_CO_URL_TEMPLATE = sys.argv[1] + "/{repo_id}/resolve/{revision}/{filename}"
card = msgspec.json.decode(sys.argv[3], type=PredictorCard)
def told(progress):
    if progress.done >= card.bytes // 2:
        print("half", flush=True)
fetch_weights(card, told, WeightsStore(Path(sys.argv[2])))
"""


def test_a_killed_download_goes_on_where_it_was(published: Published) -> None:
    published.hub.stalls_at = published.card.bytes * 3 // 4
    card = msgspec.json.encode(published.card).decode()
    command = [sys.executable, "-c", KILLED, published.hub.url, str(published.store.root), card]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "half\n"
        process.kill()
    published.hub.go_on.set()
    (part,) = published.store.root.rglob("*.part")
    there = part.stat().st_size
    assert there >= published.card.bytes // 2
    published.hub.served.clear()
    path = fetch_weights(published.card)
    assert path.read_bytes() == published.hub.contents["model.safetensors"]
    assert published.hub.served == [f"model.safetensors bytes={there}-"]
    assert verified_weights(published.card) == published.card.sha256


def test_what_is_not_the_published_file_is_one_sentence(published: Published, tmp_path: Path) -> None:
    hub, card = published.hub, published.card
    hub.damaged = True
    with pytest.raises(WeightsError, match=r"is not what org/tiny published.*it was deleted"):
        fetch_weights(card)
    hub.damaged = False
    hub.login_page = "listing"
    with pytest.raises(WeightsError, match=r"answers for org/tiny is not the hub.*login page"):
        fetch_weights(card)
    hub.login_page = ""
    with pytest.raises(WeightsError, match=r"is another file now.*--file"):
        fetch_weights(msgspec.structs.replace(card, sha256="0" * 64))
    hub.claims = {"model.safetensors": 1 << 60}
    with pytest.raises(WeightsError, match=r"The disk is too small.*REALCAM_WEIGHTS"):
        fetch_weights(card)
    offline = rf"cannot be asked for its files.*`realcam weights get {DEFAULT} --file PATH`"
    with pytest.raises(WeightsError, match=offline):
        fetch_weights(card, endpoint="http://127.0.0.1:9")
    assert downloaded_weights(card) is None
    with pytest.raises(PredictorError, match=f"Run `realcam weights get {DEFAULT}`"):
        load_predictor()


def test_a_file_of_ones_own_is_checked_and_copied(published: Published, content: bytes, tmp_path: Path) -> None:
    own = tmp_path / "own.safetensors"
    own.write_bytes(content + b"x")
    with pytest.raises(WeightsError, match="is not the one of Depth Anything V2 Metric Indoor Small"):
        take_weights(published.card, own)
    own.write_bytes(content)
    command = ["weights", "get", DEFAULT, "--file", str(own)]
    assert CliRunner().invoke(app, command).exit_code == 0
    assert own.exists()
    assert downloaded_weights(published.card) == published.store.model_file(DEFAULT)
    assert published.hub.served == []
    checked = CliRunner().invoke(app, ["weights", "check", DEFAULT])
    assert published.card.sha256 in checked.output


def test_the_command_shows_size_and_licence_before_it_asks(published: Published) -> None:
    command = ["weights", "get", DEFAULT]
    asked = CliRunner().invoke(app, command, input="n\n", env={"COLUMNS": "200"})
    assert "Apache 2.0, commercial use: yes" in asked.output
    assert "hash known beforehand" in asked.output
    assert published.hub.served == []
    assert CliRunner().invoke(app, command, input="y\n").exit_code == 0
    assert "downloaded already" in CliRunner().invoke(app, command).output


def test_the_hubs_own_cache_counts(published: Published, content: bytes, tmp_path: Path) -> None:
    theirs = tmp_path / "hub" / "models--org--tiny" / "snapshots" / COMMIT / "model.safetensors"
    theirs.parent.mkdir(parents=True)
    theirs.write_bytes(content)
    assert downloaded_weights(published.card) == theirs
    assert load_predictor(device="cpu").card == published.card
    assert fetch_weights(published.card) == theirs
    assert published.hub.served == []


def test_a_file_cut_short_or_of_another_network_is_said(
    published: Published, content: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cut = tmp_path / "cut.safetensors"
    cut.write_bytes(content[:-1000])
    with pytest.raises(PredictorError, match=r"The weights are damaged: .*Check the path that was typed\."):
        load_predictor(DEFAULT, cut, "cpu", typed=True)
    cut.write_bytes(content)
    monkeypatch.setitem(depth_anything.SIZES, "small", (96, *TINY[1:]))
    with pytest.raises(PredictorError, match=r"another network.*has another shape"):
        load_predictor(DEFAULT, cut, "cpu", typed=True)


def test_weights_damaged_on_the_server_are_said_to_an_artist_who_typed_no_path(
    published: Published, bike: Motorcycle
) -> None:
    fetch_weights(published.card)
    file = published.store.model_file(DEFAULT)
    file.write_bytes(bytes(file.stat().st_size))
    remedy = rf"Fetch them again on the machine that estimates depth: `realcam weights get {DEFAULT} --again`\.$"
    with pytest.raises(PredictorError, match=rf"The weights are damaged: .*{remedy}"):
        PredictorEngine(published.card).estimate(request(bike), unwatched)
