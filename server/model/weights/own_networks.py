"""Networks beside the published ones, the user's own and what ships: what is known of each, and where. No torch."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

import msgspec

from blender_addon.core.printable import printable
from server.model.config import TRAINABLE

from .weights_store import TOKENIZER_FILES, WeightsStore

NETWORK_FILE = "network.json"
"""Name of the file beside a trained network's tensors that holds its NetworkFacts."""

PUBLISHED_WEIGHTS = "published"
"""What the published weights are called where a network is chosen; no other may have this name."""

SHIPPED = WeightsStore(Path(__file__).parent)
"""Where networks are that ship with the server: each in a folder beside this file, by its name."""

NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,39}")
"""Names that a trained network may have."""

NOT_STATED = "not stated"
"""The licence of weights of which nobody says one."""


class NetworkFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of trained camera modules.

    Attributes:
        variant: of the model that they belong to; its schedule and sizes hold for them.
        size: (width, height) they were trained at, pixels.
        steps: of the optimizer; 0 where it is not known.
        licence: of the weights, in words: one line, whoever wrote it.
        sha256: of the file of tensors, in hex; "" where it is not known.
        base: digest of the base they were trained on, see `base_digest`; "" where it is not known.
        forms: of latents beside the noise that they were trained for, with their shares, see MixSettings.
        mean: whether they are the running mean of the training's last steps.
        commit: of the code that trained them; "" where it is not known.
        whole: whether the file of tensors holds the base as well.
    """

    variant: str
    size: tuple[int, int]
    steps: int = 0
    licence: str = NOT_STATED
    sha256: str = ""
    base: str = ""
    forms: dict[str, float] = {}
    mean: bool = False
    commit: str = ""
    whole: bool = False

    def __post_init__(self) -> None:
        # It stands in lines of panels and in tables, and comes from files and command lines of anybody.
        line = printable(" ".join(self.licence.split())) or NOT_STATED
        msgspec.structs.force_setattr(self, "licence", line)


@dataclass(frozen=True)
class OwnNetwork:
    """A trained network that was added to the engine, or that ships with the server.

    Attributes:
        name: that it was given.
        facts: of it.
        kept: the store with its folder.
    """

    name: str
    facts: NetworkFacts
    kept: WeightsStore

    @property
    def ships(self) -> bool:
        """Whether it came with the server."""
        return self.kept == SHIPPED

    @property
    def caution(self) -> str:
        """What it is, where its clips are not meant to be used as pictures; "" else."""
        variant = TRAINABLE.get(self.facts.variant)
        return variant.caution if variant else ""

    @property
    def words(self) -> str:
        """What an artist should know of it, in one line."""
        width, height = self.facts.size
        whose = "" if self.ships else f", your own: {self.facts.variant}"
        caution = f", {self.caution}" if self.caution else ""
        return f"{self.name}{whose}{caution}, trained at {width} x {height}, licence {self.facts.licence}"


def usual_name(path: Path) -> str:
    """The name that the network of a folder or file gets where none is given: "" where nothing of the path's fits."""
    place = path.resolve()
    name = place.name if place.is_dir() else place.stem
    return re.sub(r"[^a-z0-9._-]+", "-", name.lower()).strip("._-")[:40].rstrip("._-")


def own_store(store: WeightsStore) -> WeightsStore:
    """Where trained networks are kept, beside the published ones: a folder for each, by its name."""
    return WeightsStore(store.root / "trained")


def own_networks(store: WeightsStore) -> tuple[OwnNetwork, ...]:
    """The user's trained networks that are whole, by name."""
    return _networks(own_store(store))


def shipped_networks() -> tuple[OwnNetwork, ...]:
    """The networks that ship with the server, by name."""
    return _networks(SHIPPED)


def base_store(store: WeightsStore, variant: str) -> WeightsStore | None:
    """The store that has a variant's base: the given one, or that of what ships with the server; None without any."""
    return next((place for place in (store, SHIPPED) if place.manifest(variant) is not None), None)


def _networks(kept: WeightsStore) -> tuple[OwnNetwork, ...]:
    try:
        names = sorted(path.name for path in kept.root.iterdir() if NAME.fullmatch(path.name))
    except OSError:
        return ()
    return tuple(network for name in names if (network := _read(kept, name)) is not None)


def own_hash(store: WeightsStore, network: OwnNetwork) -> str:
    """What a clip says of the weights that made it: one hash of the network's and its base's; "" without the base."""
    facts = network.facts
    if facts.whole:
        return facts.sha256
    place = base_store(store, facts.variant)
    base = place.manifest(facts.variant) if place else None
    return hashlib.sha256(f"{facts.sha256} {base.sha256}".encode()).hexdigest() if base else ""


def _read(kept: WeightsStore, name: str) -> OwnNetwork | None:
    if kept.manifest(name, (NETWORK_FILE, *TOKENIZER_FILES)) is None:
        return None
    try:
        data = (kept.folder(name) / NETWORK_FILE).read_bytes()
        return OwnNetwork(name, msgspec.json.decode(data, type=NetworkFacts), kept)
    except (OSError, msgspec.MsgspecError):
        return None
