"""Weights are installed while a server has the old ones mapped, which Windows then refuses to replace."""

from __future__ import annotations

from pathlib import Path

from server.model.weights.weights_store import MODEL_FILE, Manifest, WeightsStore
from tests.support.systems.refused_calls import FOREVER, refused_first


def put(store: WeightsStore, folder: Path, content: bytes) -> Manifest:
    """Install weights that were made in a folder beside."""
    model, vocabulary = folder / MODEL_FILE, folder / "vocab.json"
    folder.mkdir(exist_ok=True)
    model.write_bytes(content)
    vocabulary.write_bytes(b"{}")
    return store.put(Manifest(variant="tiny", sha256="0" * 64, bytes=len(content), sources=()), model, [vocabulary])


def installed(store: WeightsStore) -> bytes:
    manifest = store.manifest("tiny", beside=("vocab.json",))
    return b"" if manifest is None else store.model_file("tiny").read_bytes()


def test_new_weights_are_installed_beside_those_that_a_server_has_mapped(tmp_path: Path) -> None:
    store = WeightsStore(tmp_path / "weights")
    put(store, tmp_path / "new", b"old weights")
    old = store.model_file("tiny")
    assert old == store.folder("tiny") / MODEL_FILE
    with refused_first(FOREVER, old):
        put(store, tmp_path / "new", b"new weights")
        assert installed(store) == b"new weights"
        assert old.read_bytes() == b"old weights"
    copies = ["model - Copy.safetensors", "model-of-may.safetensors"]
    for name in copies:
        (store.folder("tiny") / name).write_bytes(b"somebody's own")
    put(store, tmp_path / "new", b"newer")
    assert installed(store) == b"newer"
    kept = {path.name for path in store.folder("tiny").iterdir()}
    assert kept == {"manifest.json", MODEL_FILE, "vocab.json", *copies}


def test_everything_is_installed_though_it_is_held_for_a_moment(tmp_path: Path) -> None:
    store = WeightsStore(tmp_path / "weights")
    with refused_first(2, tmp_path):
        for content in (b"old weights", b"new"):
            put(store, tmp_path / "new", content)
    assert installed(store) == b"new"
