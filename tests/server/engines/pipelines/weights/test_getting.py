"""`realcam weights` for a pipeline, as typed, against a hub: what it says before it begins, and what can go wrong."""

from __future__ import annotations

import errno
import logging
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("huggingface_hub", reason="huggingface_hub is not installed")
pytest.importorskip("filelock", reason="filelock is not installed")

from typer.testing import CliRunner

from server.cli import app
from server.engines.pipelines.weights import getting, pins
from server.engines.pipelines.weights.catalogue import (
    PIPELINE_WEIGHTS,
    PublishedWeights,
    WeightsPart,
)
from server.engines.pipelines.weights.installed import installed_weights, weights_absence
from server.engines.pipelines.weights.pins import Pin, PinnedFile, write_pin
from server.model.weights.weights_store import WeightsStore
from tests.support.network.hub import COMMIT, Hub, serving

PARTS = (
    WeightsPart("network", ("transformer",), 3000, "Apache-2.0", "yes", "the card says so"),
    WeightsPart("text encoder", ("text_encoder",), 2000, "Words Terms", "with conditions", "its policy may change"),
)
SMALL = frozenset({"model_index.json", "transformer/config.json"})
NEEDED = {
    "model_index.json": b'{"_class_name": "Tiny"}',
    "transformer/config.json": b"{}",
    "transformer/weights.safetensors": b"t" * 3000,
    "text_encoder/weights.safetensors": b"w" * 2000,
}
UNUSED = {
    "README.md": b"read me",
    "other/weights.safetensors": b"other",
    "transformer/weights.bin": b"pickle",
    "../outside.json": b"outside",
}


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Hub]:
    """The hub that is asked; it has a pipeline and another one with the same text encoder. No pins are known."""
    for name in ("tiny", "twin"):
        monkeypatch.setitem(PIPELINE_WEIGHTS, name, PublishedWeights(name, name.title(), "org/tiny", PARTS))
    monkeypatch.setattr(pins, "PACKAGED", tmp_path / "packaged")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))
    with serving(Hub({**NEEDED, **UNUSED}, in_git=SMALL)) as state:
        monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", state.url)
        template = state.url + "/{repo_id}/resolve/{revision}/{filename}"
        monkeypatch.setattr("huggingface_hub.constants.HUGGINGFACE_CO_URL_TEMPLATE", template)
        yield state


@pytest.fixture
def store(tmp_path: Path) -> WeightsStore:
    return WeightsStore(tmp_path / "weights")


def run(store: WeightsStore, *words: str, answer: str = "") -> Any:
    command = ["weights", *words, "--into", str(store.root)]
    return CliRunner().invoke(app, command, input=answer, env={"COLUMNS": "200"})


def files(store: WeightsStore, name: str = "tiny") -> dict[str, bytes]:
    folder = store.folder(name)
    found = {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    return {name: content for name, content in found.items() if name != "realcam-weights.json"}


def served(hub: Hub) -> list[str]:
    return [asked.split()[0] for asked in hub.served]


def test_what_it_is_and_who_may_use_it_is_said_before_anything_is_fetched(hub: Hub, store: WeightsStore) -> None:
    result = run(store, "get", "tiny", answer="n\n")
    assert result.exit_code == 1
    for said in ("3.0 kB", "5.0 kB", "Words Terms", "with conditions", "its policy may change", COMMIT):
        assert said in result.output
    assert "later downloads are held to the files of this one" in result.output
    assert "Download? [y/N]" in result.output
    assert hub.served == []
    assert "not on the server: run `realcam weights get tiny` there (5.0 kB)" in weights_absence("tiny", store=store)


def test_weights_lie_in_the_layout_of_the_repository(hub: Hub, store: WeightsStore) -> None:
    """Without pickles, what else is in it, and paths that lead outside."""
    result = run(store, "get", "tiny", answer="y\n")
    assert result.exit_code == 0, result.output
    assert files(store) == NEEDED
    assert not (store.downloads / "org" / "tiny").exists()
    assert not list(store.root.parent.rglob("outside.json"))
    here = installed_weights("tiny", store)
    assert here is not None
    assert here.revision == COMMIT
    assert weights_absence("tiny", store=store) == ""
    hub.down = True
    assert "installed already" in run(store, "get", "tiny").output
    assert "every hash as it was" in run(store, "check", "tiny").output


def test_an_interrupted_download_goes_on_where_it_was(hub: Hub, store: WeightsStore) -> None:
    hub.cut_at = 10
    result = run(store, "get", "tiny", "--yes")
    assert result.exit_code == 1
    assert "Start it again: it goes on where it was." in result.output
    assert "are not on the server" in weights_absence("tiny", store=store)
    hub.down = False
    hub.commit = "f" * 40
    assert run(store, "get", "tiny", "--yes").exit_code == 0
    assert "bytes=10-" in " ".join(hub.served), "the commit that it began with"
    assert files(store) == NEEDED


def test_later_downloads_are_held_to_the_first(hub: Hub, store: WeightsStore) -> None:
    run(store, "get", "tiny", "--yes")
    run(store, "remove", "tiny")
    assert not store.folder("tiny").exists()
    hub.contents["transformer/weights.safetensors"] = b"T" * 3000
    hub.served.clear()
    result = run(store, "get", "tiny", "--yes")
    assert result.exit_code == 1
    assert "The hub lists other files of org/tiny than those known here: 1 of 4" in result.output
    assert "transformer/weights.safetensors" in result.output
    assert hub.served == []
    assert "is pinned at commit" in run(store, "pin", "tiny").output
    assert run(store, "get", "tiny", "--yes").exit_code == 0
    assert files(store)["transformer/weights.safetensors"] == b"T" * 3000


def test_a_pin_of_the_program_that_the_hub_contradicts_is_said_beforehand(
    hub: Hub, store: WeightsStore, tmp_path: Path
) -> None:
    wrong = {"transformer/weights.safetensors": PinnedFile(bytes=3000, sha256="0" * 64)}
    pin = Pin(repo="org/tiny", revision=COMMIT, known_by="by other programs", files=wrong)
    write_pin(tmp_path / "packaged" / "tiny.toml", pin)
    result = run(store, "get", "tiny", "--yes")
    assert "those known here are by other programs" in result.output
    assert hub.served == []


def test_weights_of_another_commit_are_said(hub: Hub, store: WeightsStore) -> None:
    run(store, "get", "tiny", "--yes")
    run(store, "pin", "tiny", "--revision", "e" * 40)
    assert weights_absence("tiny", store=store) == (
        "the weights of Tiny are of commit 01234567, not of eeeeeeee, which is pinned: "
        "run `realcam weights get tiny --again`"
    )
    assert run(store, "get", "tiny", "--again", "--yes").exit_code == 0
    assert weights_absence("tiny", store=store) == ""
    (store.root / "pins" / "tiny.toml").write_text("revision =")
    assert weights_absence("tiny", store=store).startswith("The pin of tiny cannot be read: ")


def test_of_weights_that_are_there_in_part_the_missing_files_are_fetched(hub: Hub, store: WeightsStore) -> None:
    run(store, "get", "tiny", "--yes")
    (store.folder("tiny") / "text_encoder" / "weights.safetensors").unlink()
    absence = weights_absence("tiny", store=store)
    assert absence.startswith("1 of 4 files of the weights of Tiny are missing or not whole, text_encoder/weights")
    assert "in part" in run(store, "list").output
    hub.served.clear()
    assert run(store, "get", "tiny", "--yes").exit_code == 0
    assert served(hub) == ["text_encoder/weights.safetensors"]


def test_a_file_that_changed_is_found_and_fetched_again(hub: Hub, store: WeightsStore) -> None:
    run(store, "get", "tiny", "--yes")
    (store.folder("tiny") / "transformer" / "weights.safetensors").write_bytes(b"x" * 3000)
    result = run(store, "check", "tiny")
    assert result.exit_code == 1
    assert "The weights changed on the disk: transformer/weights.safetensors" in result.output
    hub.served.clear()
    assert run(store, "get", "tiny", "--again", "--yes").exit_code == 0
    assert served(hub) == ["transformer/weights.safetensors"]
    assert files(store) == NEEDED


def test_a_small_file_is_held_to_its_id_in_git(hub: Hub, store: WeightsStore) -> None:
    hub.damaged = True
    result = run(store, "get", "tiny", "--yes")
    assert result.exit_code == 1
    assert "model_index.json is not what org/tiny published: git's id of it is not" in result.output
    hub.damaged = False
    assert run(store, "get", "tiny", "--yes").exit_code == 0
    assert files(store) == NEEDED


def test_a_gated_repository_says_what_to_do_and_the_token_is_not_told(
    hub: Hub, store: WeightsStore, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    hub.gated = "hf_secret"
    monkeypatch.delenv("HF_TOKEN", raising=False)
    monkeypatch.setattr("huggingface_hub.constants.HF_TOKEN_PATH", str(store.root / "no-token"))
    result = run(store, "get", "tiny", "--yes")
    assert result.exit_code == 1
    assert "org/tiny is given only to those who accept its terms" in result.output
    assert "Open https://huggingface.co/org/tiny in a browser" in result.output
    assert "set HF_TOKEN" in result.output
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    with caplog.at_level(logging.DEBUG):
        result = run(store, "get", "tiny", "--yes")
    assert result.exit_code == 0, result.output
    assert files(store) == NEEDED
    assert "hf_secret" not in result.output + caplog.text
    assert not [path for path in store.root.rglob("*") if path.is_file() and b"hf_secret" in path.read_bytes()]


def test_a_disk_too_small_is_said_before_anything_is_fetched(hub: Hub, store: WeightsStore) -> None:
    hub.claims = {"transformer/weights.safetensors": 10**18}
    result = run(store, "get", "tiny", "--yes")
    assert "The disk is too small for the weights: " in result.output
    assert hub.served == []


def test_a_file_that_another_pipeline_has_is_not_downloaded_again(hub: Hub, store: WeightsStore) -> None:
    run(store, "get", "tiny", "--yes")
    hub.served.clear()
    result = run(store, "get", "twin", "--yes")
    assert result.exit_code == 0, result.output
    assert "5.0 kB of it are on this machine already, by their hash." in result.output
    assert set(served(hub)) == SMALL
    run(store, "remove", "tiny")
    assert files(store, "twin") == NEEDED


def folder_of(path: Path, contents: dict[str, bytes]) -> Path:
    for name, content in contents.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(content)
    return path


def test_a_folder_that_somebody_has_is_checked_and_taken(hub: Hub, store: WeightsStore, tmp_path: Path) -> None:
    """As the hub's client leaves it: links to files by their hash. It takes no room a second time."""
    run(store, "pin", "tiny")
    blobs = folder_of(tmp_path / "blobs", NEEDED)
    snapshot = tmp_path / "snapshots" / COMMIT
    for name in NEEDED:
        (snapshot / name).parent.mkdir(parents=True, exist_ok=True)
        (snapshot / name).symlink_to(blobs / name)
    result = run(store, "add", str(snapshot), "--variant", "tiny")
    assert result.exit_code == 0, result.output
    assert files(store) == NEEDED
    kept = store.folder("tiny") / "transformer" / "weights.safetensors"
    assert kept.samefile(blobs / "transformer" / "weights.safetensors")
    assert not kept.is_symlink()
    assert hub.served == []


def test_a_disk_that_fills_while_a_folder_is_copied_leaves_nothing(
    hub: Hub, store: WeightsStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On another disk files are copied; the reason has no file's name then, and the copies so far are removed."""
    run(store, "pin", "tiny")

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(getting.os, "link", full)
    monkeypatch.setattr(getting.shutil, "copyfile", full)
    result = run(store, "add", str(folder_of(tmp_path / "copy", NEEDED)), "--variant", "tiny")
    assert result.exit_code == 1
    assert os.strerror(errno.ENOSPC) in result.output
    assert "Make room there" in result.output
    assert installed_weights("tiny", store) is None
    assert not list(store.root.glob(".new-*"))


def test_a_folder_that_is_not_the_pinned_one_is_refused(hub: Hub, store: WeightsStore, tmp_path: Path) -> None:
    run(store, "pin", "tiny")
    folder = folder_of(tmp_path / "copy", NEEDED)
    (folder / "transformer" / "weights.safetensors").write_bytes(b"x" * 3000)
    assert "its hash is another" in run(store, "add", str(folder), "--variant", "tiny").output
    (folder / "transformer" / "weights.safetensors").unlink()
    assert "1 of 4 files are missing" in run(store, "add", str(folder), "--variant", "tiny").output
    other = folder_of(tmp_path / ("b" * 40), NEEDED)
    assert "The folder is of another commit" in run(store, "add", str(other), "--variant", "tiny").output
    assert installed_weights("tiny", store) is None


def test_without_a_pin_a_folder_is_taken_only_on_trust(hub: Hub, store: WeightsStore, tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "copy", NEEDED)
    result = run(store, "add", str(folder), "--variant", "tiny")
    assert result.exit_code == 1
    assert "take the folder as it is, with --trust" in result.output
    assert run(store, "add", str(folder), "--variant", "tiny", "--trust").exit_code == 0
    assert files(store) == NEEDED
    hub.contents["transformer/weights.safetensors"] = b"T" * 3000
    result = run(store, "get", "tiny", "--again", "--yes")
    assert "those known here are those of a folder that was taken on trust, copy" in result.output
