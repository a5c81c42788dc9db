"""A training's result to a network that the engine offers beside the published ones, and away again."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec
from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import Tensor

from blender_addon.core.held_files import remove_tree
from blender_addon.core.progress import OnProgress
from server.model.config import LATENT_DOWNSAMPLE, TRAINABLE, VARIANTS, ModelConfig
from server.model.tokenizer import check_vocabulary

from .camera_tensors import base_digest, read_camera, tensors_file
from .own_networks import (
    NAME,
    NETWORK_FILE,
    PUBLISHED_WEIGHTS,
    NetworkFacts,
    OwnNetwork,
    base_store,
    own_networks,
    own_store,
)
from .tensor_files import Union, open_tensors
from .weights_fetch import SpaceNeeded, check_disk_space, local_source, sha256_of
from .weights_install import used_tensors
from .weights_sources import WeightsError, first_line
from .weights_store import FRESH_PREFIX, MODEL_FILE, TOKENIZER_FILES, Manifest, SourceFile, WeightsStore

_NO_FOLDER_ON_WINDOWS = re.compile(r"(con|prn|aux|nul|(com|lpt)[0-9])(\..*)?|.*\.")
"""Names that Windows gives to devices, with any ending, and those whose last dot it drops."""


@dataclass(frozen=True)
class NetworkToAdd:
    """What is added to the engine.

    Attributes:
        path: of the tensors, see `tensors_file`.
        name: that it gets.
        facts: of it; `whole` is found out, and the hash, which the file is held to where it is known.
        base: a file of the base it was trained on, to be kept with it; None for the installed variant's.
        tokenizer: folder of CLIP's vocab.json and merges.txt; None for those of an installed variant.
        taken: names that mean other weights where one is typed.
    """

    path: Path
    name: str
    facts: NetworkFacts
    base: Path | None = None
    tokenizer: Path | None = None
    taken: frozenset[str] = frozenset()


def read_facts(path: Path) -> NetworkFacts | None:
    """What the folder of an export says of its network; None where it says nothing.

    Raises:
        WeightsError: it cannot be read, or a value cannot be.
    """
    file = (path if path.is_dir() else path.parent) / NETWORK_FILE
    if not file.is_file():
        return None
    again = "Copy the folder again from where it was exported."
    try:
        facts = msgspec.json.decode(file.read_bytes(), type=NetworkFacts)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise WeightsError("What the folder says of its network cannot be read", f"{file}: {error}", again) from error
    for key, value, good, rule in _rules(facts):
        if not good:
            why = f"{file}: {key} is {value}, and can be {rule}"
            raise WeightsError("What the folder says of its network cannot be", why, again)
    return facts


def _rules(facts: NetworkFacts) -> Iterator[tuple[str, object, bool, str]]:
    """Key, value, whether it can be, and in words what can."""
    cell = TRAINABLE[facts.variant].side_multiple if facts.variant in TRAINABLE else LATENT_DOWNSAMPLE
    size = list(facts.size)
    yield "size", size, all(side >= cell and side % cell == 0 for side in size), f"two multiples of {cell}"
    yield "steps", facts.steps, facts.steps >= 0, "0 or more"
    yield "forms", facts.forms, all(0.0 < share <= 1.0 for share in facts.forms.values()), "shares above 0, up to 1"


def add_network(store: WeightsStore, adding: NetworkToAdd, on_progress: OnProgress) -> OwnNetwork:
    """Copy a trained network into the store, so that the engine offers it.

    Args:
        store: where the published weights are; trained ones are kept in a folder of it.
        adding: what is added.
        on_progress: told of the bytes checked.

    Raises:
        CheckpointError: the tensors are not those of the variant.
        WeightsError: the name is taken or cannot be one, the file is another than its facts say, the base is not there
            or another, or the disk is too small.
    """
    config = TRAINABLE[adding.facts.variant]
    check_name(store, adding.name, adding.taken)
    file = tensors_file(adding.path)
    made_of = _described_file(file, adding.facts, on_progress)
    camera = read_camera(file, config)
    tokenizer = _tokenizer(store, adding)
    tensors = camera if adding.base is None else used_tensors(Union([open_tensors(adding.base), camera]), config)
    _check_base(store, adding, config)
    bytes_needed = sum(t.numel() * t.element_size() for t in tensors.values())
    check_disk_space([SpaceNeeded(store.root, bytes_needed, "for the network")])
    return _put(store, adding, made_of, tensors, tokenizer, on_progress)


def check_name(store: WeightsStore, name: str, taken: frozenset[str] = frozenset()) -> None:
    """Refuse a name that another network has, or that cannot be one.

    Args:
        store: where the networks are.
        name: of one that is added.
        taken: names that mean other weights where one is typed.

    Raises:
        WeightsError: it is such a one.
    """
    if not NAME.fullmatch(name):
        raise WeightsError(
            "The name cannot be a network's",
            f"{name!r}; it is at most 40 small letters, digits, dots, dashes and underscores",
            "Give another with --name.",
        )
    if _NO_FOLDER_ON_WINDOWS.fullmatch(name):
        why = f"{name!r}; Windows can make no folder of this name"
        raise WeightsError("The name cannot be a network's", why, "Give another with --name.")
    if name in {network.name for network in own_networks(store)}:
        raise WeightsError(
            "The name is taken",
            f"there is a network {name}",
            f"Give another with --name, or run `realcam weights remove {name}`: it is your own.",
        )
    if name in {PUBLISHED_WEIGHTS, *TRAINABLE, *taken}:
        raise WeightsError("The name is taken", f"{name} means other weights", "Give another with --name.")


def remove_network(store: WeightsStore, name: str) -> None:
    """Delete a trained network from the store.

    Raises:
        WeightsError: there is none of this name, or another program holds its file.
    """
    names = [network.name for network in own_networks(store)]
    if name not in names:
        raise WeightsError(
            f"There is no network of your own called {name}", f"there are {', '.join(names) or 'none'}", "Name another."
        )
    try:
        remove_tree(own_store(store).folder(name))
    except OSError as error:
        raise WeightsError(
            "The network cannot be removed", f"{error.filename}: {error.strerror}", "Stop the server that uses it."
        ) from error


def _described_file(file: Path, facts: NetworkFacts, on_progress: OnProgress) -> SourceFile:
    """The file that a network is made of, held to the hash that is known of it."""
    found = local_source(file, on_progress)
    if facts.sha256 not in ("", found.sha256):
        raise WeightsError(
            "The file is not the one that its folder describes",
            f"{file} has SHA-256 {found.sha256[:16]}..., {NETWORK_FILE} beside it says {facts.sha256[:16]}...",
            "It is damaged, or of another network: copy the export again.",
        )
    return found


def _check_base(store: WeightsStore, adding: NetworkToAdd, config: ModelConfig) -> None:
    """Check that the network will run on the base that it was trained on."""
    place = base_store(store, config.name)
    if adding.base is None and place is None:
        get = f"Run `realcam weights get {config.name}`" if config.name in VARIANTS else "Install the server again"
        raise WeightsError(
            "The base of the network is not installed",
            f"it runs on {config.name}, and nothing whole of that is in {store.folder(config.name)}",
            f"{get}, or name the file of its base with --base.",
        )
    file = adding.base or (place or store).model_file(config.name)
    found = base_digest(open_tensors(file))
    if adding.facts.base and found != adding.facts.base:
        raise WeightsError(
            "The network was trained on another base",
            f"{file} has digest {found or 'none'}, the one it was trained on {adding.facts.base}",
            "Name the file of that base with --base: it is then kept with the network.",
        )


def _tokenizer(store: WeightsStore, adding: NetworkToAdd) -> tuple[Path, Path]:
    """CLIP's vocabulary and merges, the same for all published variants; the variant's own where that has others."""
    variant = adding.facts.variant
    alike = (variant, *VARIANTS) if variant in VARIANTS else (variant,)
    installed = [place.folder(name) for name in alike if (place := base_store(store, name))]
    folder = adding.tokenizer or (installed[0] if installed else None)
    if folder is None:
        raise WeightsError(
            "There is no tokenizer", "no variant is installed whose own could be used", "Name its folder: --tokenizer."
        )
    vocabulary, merges = (folder / name for name in TOKENIZER_FILES)
    for path in (vocabulary, merges):
        if not path.is_file():
            raise WeightsError("The tokenizer is not there", str(path), "Check the folder that was typed.")
    check_vocabulary(vocabulary, merges)
    return vocabulary, merges


def _put(
    store: WeightsStore,
    adding: NetworkToAdd,
    made_of: SourceFile,
    tensors: dict[str, Tensor],
    tokenizer: tuple[Path, Path],
    on_progress: OnProgress,
) -> OwnNetwork:
    with tempfile.TemporaryDirectory(prefix=FRESH_PREFIX, dir=store.root, ignore_cleanup_errors=True) as fresh:
        model = Path(fresh) / MODEL_FILE
        try:
            save_file({key: tensor.contiguous() for key, tensor in tensors.items()}, model)
        except SafetensorError as error:
            raise WeightsError("The network cannot be written", f"{store.root}: {first_line(error)}") from error
        for name, source in zip(TOKENIZER_FILES, tokenizer, strict=True):
            shutil.copyfile(source, Path(fresh) / name)
        # safetensors writes files that only their owner can read, and the server may run as another user.
        shutil.copymode(Path(fresh) / TOKENIZER_FILES[0], model)
        digest = sha256_of(model, "Checking what was made", on_progress)
        facts = msgspec.structs.replace(adding.facts, sha256=digest, whole=adding.base is not None)
        (Path(fresh) / NETWORK_FILE).write_bytes(msgspec.json.format(msgspec.json.encode(facts)))
        manifest = Manifest(
            variant=adding.name, sha256=digest, bytes=model.stat().st_size, sources=(made_of,), model=MODEL_FILE
        )
        beside = [Path(fresh) / name for name in (NETWORK_FILE, *TOKENIZER_FILES)]
        own_store(store).put(manifest, model, beside)
    return OwnNetwork(adding.name, facts, own_store(store))
