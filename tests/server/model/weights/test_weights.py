"""Weights from a hub to a folder that the engine runs from, and what can go wrong on the way."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed: the model tests were not run")
pytest.importorskip("transformers", reason="transformers is not installed: the model tests were not run")
pytest.importorskip("diffusers", reason="diffusers is not installed: the model tests were not run")
pytest.importorskip("huggingface_hub", reason="huggingface_hub is not installed: the model tests were not run")

from safetensors.torch import load_file, save_file  # noqa: E402
from typer.testing import CliRunner  # noqa: E402

from blender_addon.core.progress import JobProgress  # noqa: E402
from server.cli import app  # noqa: E402
from server.model.config import TINY  # noqa: E402
from server.model.errors import CheckpointError  # noqa: E402
from server.model.model import RealCamModel, random_model  # noqa: E402
from server.model.tokenizer import ByteTokenizer  # noqa: E402
from server.model.weights import checkpoint  # noqa: E402
from server.model.weights.load import CheckpointFiles, load_model, open_checkpoint, part_sources  # noqa: E402
from server.model.weights.weights_fetch import discard, fetch, local_source  # noqa: E402
from server.model.weights.weights_install import install, require_camera_effect, verified_hash  # noqa: E402
from server.model.weights.weights_lock import WeightsLock  # noqa: E402
from server.model.weights.weights_sources import (  # noqa: E402
    WEIGHTS_SOURCES,
    HubFile,
    WeightsError,
    check_variant,
    manual_install_hint,
    resolve,
)
from server.model.weights.weights_store import SourceFile, WeightsStore  # noqa: E402
from tests.support.network.hub import COMMIT, Hub, serving  # noqa: E402

TOKENIZER = ByteTokenizer(TINY.clip.vocabulary)


def quiet(told: JobProgress) -> None:
    assert told.done <= told.total, told.stage


@pytest.fixture(scope="module")
def model() -> RealCamModel:
    return random_model(TINY, TOKENIZER, seed=1)


def published(model: RealCamModel) -> dict[str, Any]:
    parts = model.parts()
    file: dict[str, Any] = {}
    for name, found in part_sources(parts, TINY).items():
        file |= checkpoint.to_published(found, parts[name].state_dict())
    return {key: tensor.clone().contiguous() for key, tensor in file.items()}


@pytest.fixture
def files(model: RealCamModel, tmp_path: Path) -> dict[str, Path]:
    everything = published(model)
    camera = {k: t for k, t in everything.items() if checkpoint.CAMERA_KEY.search(k)}
    folder = tmp_path / "published"
    folder.mkdir()
    torch.save({"state_dict": {k: t for k, t in everything.items() if k not in camera}}, folder / "model.ckpt")
    save_file(camera, folder / "tiny_camera.safetensors")
    (folder / "vocab.json").write_text('{"<|startoftext|>": 0, "<|endoftext|>": 1}')
    (folder / "merges.txt").write_text("#version: 0.2\n")
    return {path.name: path for path in folder.iterdir()}


@pytest.fixture
def hub(files: dict[str, Path]) -> Iterator[Hub]:
    with serving(Hub({name: path.read_bytes() for name, path in files.items()})) as state:
        yield state


def test_resolve_names_commit_size_and_hash(hub: Hub) -> None:
    source = resolve(HubFile("org/tiny", "*camera*.safetensors"), hub.url)
    content = hub.contents["tiny_camera.safetensors"]
    assert (source.name, source.revision, source.bytes) == ("tiny_camera.safetensors", COMMIT, len(content))
    assert source.sha256 == hashlib.sha256(content).hexdigest()
    with pytest.raises(WeightsError, match=r"has 0 files like \*1024\*.*tiny_camera\.safetensors.*by hand"):
        resolve(HubFile("org/tiny", "*1024*"), hub.url)


def test_fetch_once_and_only_what_was_published(hub: Hub, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    source = resolve(HubFile("org/tiny", "model.ckpt"), hub.url)
    path = fetch(source, cache, quiet, hub.url).path
    assert path.read_bytes() == hub.contents["model.ckpt"]
    count = len(hub.served)
    fetch(source, cache, quiet, hub.url)
    assert len(hub.served) == count, "the second time it is on the disk"
    hub.damaged = True
    merges = resolve(HubFile("org/tiny", "merges.txt"), hub.url)
    with pytest.raises(WeightsError, match=r"merges\.txt is not what org/tiny published.*it was deleted"):
        fetch(merges, cache, quiet, hub.url)
    hub.damaged = False
    assert fetch(merges, cache, quiet, hub.url).path.read_bytes() == hub.contents["merges.txt"]


def test_a_damaged_file_of_the_hubs_own_cache_is_left_alone(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is another program's: the sound file comes from the hub, into our own folder."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    source = resolve(HubFile("org/tiny", "merges.txt"), hub.url)
    theirs = tmp_path / "hub" / "models--org--tiny" / "snapshots" / source.revision / "merges.txt"
    theirs.parent.mkdir(parents=True)
    theirs.write_bytes(b"something else")
    ours = fetch(source, tmp_path / "ours", quiet, hub.url).path
    assert ours.is_relative_to(tmp_path / "ours")
    assert theirs.read_bytes() == b"something else"
    theirs.write_bytes(hub.contents["merges.txt"])
    second = fetch(source, tmp_path / "ours", quiet, hub.url)
    assert second.path == theirs
    discard([replace(second, path=ours), second], tmp_path / "ours")
    assert (ours.exists(), theirs.exists()) == (False, True)


def test_a_download_goes_on_where_the_line_broke(hub: Hub, tmp_path: Path) -> None:
    source = resolve(HubFile("org/tiny", "model.ckpt"), hub.url)
    hub.cut_at = source.bytes * 3 // 4
    with pytest.raises(WeightsError, match=r"model\.ckpt of org/tiny could not be fetched.*it goes on where it was"):
        fetch(source, tmp_path, quiet, hub.url)
    hub.down = False
    hub.served.clear()
    (part,) = tmp_path.rglob("*.part")
    there = part.stat().st_size
    assert there == source.bytes * 3 // 4
    assert fetch(source, tmp_path, quiet, hub.url).path.read_bytes() == hub.contents["model.ckpt"]
    assert hub.served == [f"model.ckpt bytes={there}-"], "only what was missing came over the line"


def test_a_part_that_is_too_long_is_begun_again(hub: Hub, tmp_path: Path) -> None:
    source = resolve(HubFile("org/tiny", "merges.txt"), hub.url)
    part = tmp_path / source.repo / source.revision / "merges.txt.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(b"x" * (source.bytes + 1))
    assert fetch(source, tmp_path, quiet, hub.url).path.read_bytes() == hub.contents["merges.txt"]


def test_a_login_page_is_not_taken_for_the_file(hub: Hub, tmp_path: Path) -> None:
    """What there was of the file stays, and none of the page is put behind it."""
    source = resolve(HubFile("org/tiny", "model.ckpt"), hub.url)
    part = tmp_path / source.repo / source.revision / "model.ckpt.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(hub.contents["model.ckpt"][:1000])
    hub.login_page = "files"
    with pytest.raises(WeightsError, match=r"what came has 33 bytes, the hub lists \d+. Check .* login page"):
        fetch(source, tmp_path, quiet, hub.url)
    assert part.read_bytes() == hub.contents["model.ckpt"][:1000]
    hub.login_page = "listing"
    with pytest.raises(WeightsError, match=r"answers for org/tiny is not the hub.*login page"):
        resolve(HubFile("org/tiny", "model.ckpt"), hub.url)


@pytest.mark.parametrize("proxy", ["foo://127.0.0.1:9", "socks9://127.0.0.1:9"])
def test_a_proxy_that_cannot_be_used_is_said(proxy: str) -> None:
    """In a process of its own: the hub's client keeps what it once made."""
    program = "from server.model.weights.weights_sources import HubFile, resolve; resolve(HubFile('org/tiny', 'x'))"
    environment = {**os.environ, "HTTPS_PROXY": proxy}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=environment, check=False)
    assert "WeightsError: The proxy cannot be used: " in done.stderr
    assert "Mend HTTPS_PROXY, HTTP_PROXY or ALL_PROXY" in done.stderr


def test_how_far_a_download_is_can_be_seen(hub: Hub, tmp_path: Path) -> None:
    source = resolve(HubFile("org/tiny", "model.ckpt"), hub.url)
    told: list[tuple[str, int, int]] = []
    fetch(source, tmp_path, lambda now: told.append((now.stage, now.done, now.total)), hub.url)
    fetching = [done for what, done, of in told if what == "Fetching model.ckpt" and of == source.bytes]
    assert fetching == sorted(fetching)
    assert fetching[-1] == source.bytes
    assert told[-1] == ("Checking model.ckpt", source.bytes, source.bytes)


def test_another_file_than_the_known_one_is_not_downloaded(hub: Hub) -> None:
    with pytest.raises(WeightsError, match=r"model\.ckpt of org/tiny is another file now.*--base"):
        resolve(HubFile("org/tiny", "model.ckpt", sha256="0" * 64), hub.url)
    assert hub.served == []


def test_what_was_first_downloaded_is_held_to(hub: Hub, tmp_path: Path) -> None:
    """The commit and the hash of the first download are asked for ever after, whatever the newest is."""
    file = HubFile("org/tiny", "*camera*.safetensors")
    lock = WeightsLock(tmp_path / "lock.json")
    assert not lock.holds(file)
    assert lock.pinned(file) == file
    first = fetch(resolve(file, hub.url), tmp_path / "cache", quiet, hub.url)
    lock.remember(file, first.source)
    hub.commit = "f" * 40
    again = WeightsLock(tmp_path / "lock.json")
    assert again.holds(file)
    source = resolve(again.pinned(file), hub.url)
    assert (source.revision, source.sha256) == (COMMIT, first.source.sha256)
    hub.contents["tiny_camera.safetensors"] += b"more"
    with pytest.raises(WeightsError, match="another file now"):
        resolve(again.pinned(file), hub.url)
    again.remember(file, msgspec.structs.replace(source, sha256="1"))
    assert again.pinned(file).sha256 == first.source.sha256, "the first one stays"


def test_the_commit_is_held_to_before_the_download_is_whole(hub: Hub, tmp_path: Path) -> None:
    file = HubFile("org/tiny", "*camera*.safetensors")
    source = resolve(file, hub.url)
    WeightsLock(tmp_path / "lock.json").remember_commit(file, source)
    hub.commit = "f" * 40
    again = WeightsLock(tmp_path / "lock.json")
    assert not again.holds(file), "no hash is trusted yet"
    assert resolve(again.pinned(file), hub.url).revision == COMMIT
    again.remember(file, source)
    assert WeightsLock(tmp_path / "lock.json").pinned(file).sha256 == source.sha256
    assert [path.name for path in tmp_path.glob("lock*")] == ["lock.json"]


def test_a_lock_that_cannot_be_read_is_said(tmp_path: Path) -> None:
    (tmp_path / "lock.json").write_text("half of it")
    with pytest.raises(WeightsError, match=r"not known.*Mend or delete"):
        WeightsLock(tmp_path / "lock.json")


def test_every_published_file_is_named_and_most_are_pinned() -> None:
    """The pins that can be known without the hub: all hashes but the camera weights', all commits but two."""
    for variant, origin in WEIGHTS_SOURCES.items():
        for file in (origin.base, *origin.tokenizer):
            assert len(file.sha256) == 64, (variant, file)
            assert "*" not in file.name
        assert origin.camera.repo == "MuteApo/CamI2V"
        assert origin.camera.name.startswith(variant.removeprefix("realcam-") + "_realcam-i2v")


def test_offline_is_said() -> None:
    """With every file that is missing, where it comes from and which option takes it."""
    origin = WEIGHTS_SOURCES["realcam-512"]
    wanted = {"camera": origin.camera, "base": origin.base} | {file.name: file for file in origin.tokenizer}
    with pytest.raises(WeightsError) as error:
        resolve(origin.camera, "http://127.0.0.1:9", manual_install_hint(wanted))
    assert error.value.what == "MuteApo/CamI2V cannot be asked for its files"
    assert error.value.remedy == (
        "Check the network and start it again. Or fetch on another computer and give here: "
        "--camera 512_realcam-i2v_50k.safetensors of MuteApo/CamI2V, "
        "--base model.ckpt of Doubiiu/DynamiCrafter_512, "
        "--tokenizer the folder with vocab.json and merges.txt of openai/clip-vit-large-patch14."
    )


def installed(tmp_path: Path, files: dict[str, Path]) -> WeightsStore:
    store = WeightsStore(tmp_path / "weights")
    checkpoint_files = CheckpointFiles(files["tiny_camera.safetensors"], files["model.ckpt"])
    sources = (local_source(files["tiny_camera.safetensors"], quiet), local_source(files["model.ckpt"], quiet))
    install(store, TINY, checkpoint_files, (files["vocab.json"], files["merges.txt"]), sources, quiet)
    return store


def test_install_and_run(tmp_path: Path, files: dict[str, Path], model: RealCamModel) -> None:
    store = installed(tmp_path, files)
    manifest = store.manifest("tiny")
    assert manifest is not None
    assert {s.name for s in manifest.sources} == {"model.ckpt", "tiny_camera.safetensors"}
    digest = verified_hash(store, "tiny")
    loaded = load_model(TINY, open_checkpoint(CheckpointFiles(store.model_file("tiny"))), TOKENIZER, digest)
    assert torch.equal(loaded.unet.conv_out.weight, model.unet.conv_out.weight)


def test_another_variants_folder_is_not_taken_for_this_one(tmp_path: Path, files: dict[str, Path]) -> None:
    """The 512's keys and shapes are the 1024's as well: only the manifest tells."""
    store = installed(tmp_path, files)
    store.folder("tiny").rename(store.folder("realcam-512"))
    assert store.manifest("realcam-512") is None
    result = CliRunner().invoke(app, ["weights", "check", "realcam-512", "--into", str(store.root)])
    assert result.exit_code == 1
    assert result.output.startswith("realcam-512 is not installed: nothing whole of it in")


def test_another_variants_base_is_told_by_its_hash() -> None:
    base = WEIGHTS_SOURCES["realcam-512"].base
    file = SourceFile(name="model.ckpt", sha256=base.sha256, bytes=10)
    check_variant(file, "realcam-512")
    check_variant(msgspec.structs.replace(file, sha256="0" * 64), "realcam-1024")
    with pytest.raises(WeightsError, match=r"another resolution: model\.ckpt is the one of realcam-512.*_1024\."):
        check_variant(file, "realcam-1024")


def test_half_an_installation_is_none(tmp_path: Path, files: dict[str, Path]) -> None:
    store = installed(tmp_path, files)
    with store.model_file("tiny").open("r+b") as file:
        file.seek(-4, 2)
        file.write(b"else")
    with pytest.raises(WeightsError, match="changed on the disk"):
        verified_hash(store, "tiny")
    store.model_file("tiny").write_bytes(b"short")
    assert store.manifest("tiny") is None
    with pytest.raises(WeightsError, match="not installed"):
        verified_hash(store, "tiny")


def test_base_without_camera_is_not_installed(tmp_path: Path, files: dict[str, Path]) -> None:
    store = WeightsStore(tmp_path / "weights")
    words = (files["vocab.json"], files["merges.txt"])
    with pytest.raises(CheckpointError, match="do not control the camera"):
        install(store, TINY, CheckpointFiles(files["model.ckpt"]), words, (), quiet)
    assert store.manifest("tiny") is None


def test_a_tensor_of_another_shape_is_not_installed(tmp_path: Path, files: dict[str, Path]) -> None:
    """Found before ten gigabytes are written, not when they are first loaded."""
    path = files["tiny_camera.safetensors"]
    camera = load_file(path)
    key = next(key for key in camera if key.endswith("pluker_projection.weight"))
    save_file(camera | {key: torch.zeros(7, 7)}, path)
    with pytest.raises(CheckpointError, match=r"do not fit.*pluker_projection\.weight: \[7, 7\]"):
        installed(tmp_path, files)
    assert not list((tmp_path / "weights").glob("*/*"))


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("vocab.json", "<html>", r"vocabulary cannot be read.*openai/clip-vit-large-patch14"),
        ("vocab.json", '{"a": 1}', r"vocabulary is not CLIP's.*has no <\|startoftext\|>"),
        ("merges.txt", "a b\n", r"merges are not CLIP's.*begins with b'a b"),
    ],
)
def test_another_tokenizer_is_not_installed(
    tmp_path: Path, files: dict[str, Path], name: str, text: str, words: str
) -> None:
    files[name].write_text(text)
    with pytest.raises(CheckpointError, match=words):
        installed(tmp_path, files)


def test_the_server_may_be_another_user(tmp_path: Path, files: dict[str, Path]) -> None:
    store = installed(tmp_path, files)
    modes = {path.stat().st_mode for path in store.folder("tiny").iterdir()}
    assert len(modes) == 1, "all files are as readable as any the user makes"


def test_a_disk_that_fills_while_it_is_written_leaves_nothing_half(tmp_path: Path, files: dict[str, Path]) -> None:
    """Here the system lets no file of this process grow beyond a megabyte."""
    resource = pytest.importorskip("resource", reason="this system limits no files: a full disk was not tried")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, before[1]))
    try:
        with pytest.raises(WeightsError, match=r"converted weights cannot be written: .*too large.*Make room there"):
            installed(tmp_path, files)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    store = WeightsStore(tmp_path / "weights")
    assert store.manifest("tiny") is None
    assert not list(store.root.rglob("*.safetensors"))
    assert installed(tmp_path, files).manifest("tiny") is not None


def test_every_missing_key_is_told_and_the_sentence_last(tmp_path: Path, files: dict[str, Path]) -> None:
    """The sentence names four of them; the list is whole."""
    base, words, into = str(files["model.ckpt"]), str(files["vocab.json"].parent), str(tmp_path / "weights")
    given = ["--base", base, "--camera", base, "--tokenizer", words]
    result = CliRunner().invoke(app, ["weights", "get", "realcam-512", "--into", into, *given])
    assert result.exit_code == 1
    *keys, sentence = result.output.splitlines()
    assert len([key for key in keys if checkpoint.CAMERA_KEY.search(key.strip())]) == 278
    assert sentence.startswith("The weights of realcam-512 do not control the camera: 278 camera tensors are missing")


def test_weights_that_are_no_numbers_are_damaged(model: RealCamModel, monkeypatch: pytest.MonkeyPatch) -> None:
    weight = model.unet.conv_out.weight.data
    monkeypatch.setattr(model.unet.conv_out.weight, "data", torch.full_like(weight, float("nan")))
    with pytest.raises(WeightsError, match=r"damaged: what the network predicts is not a number"):
        require_camera_effect(model)


def test_whether_the_weights_steer_is_measured(model: RealCamModel) -> None:
    assert require_camera_effect(model).moving > 0.01


def test_zeroed_camera_weights_are_an_error(tmp_path: Path, files: dict[str, Path]) -> None:
    """Every key is there, so they install; that they do nothing shows when the camera moves."""
    path = files["tiny_camera.safetensors"]
    save_file({key: torch.zeros_like(t) for key, t in load_file(path).items()}, path)
    store = installed(tmp_path, files)
    deaf = load_model(TINY, open_checkpoint(CheckpointFiles(store.model_file("tiny"))), TOKENIZER, "hash")
    with pytest.raises(WeightsError, match=r"ignore the camera.*0\.00%"):
        require_camera_effect(deaf)
