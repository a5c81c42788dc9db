"""`realcam weights export`, `add` and `remove`: networks that were trained here or by somebody else."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import msgspec
from rich.progress import BarColumn, DownloadColumn, Progress
from rich.table import Column

from blender_addon.core.errors import EngineError
from blender_addon.core.foreign_files import is_foreign
from blender_addon.core.programs import join_command
from server.depth.catalogue import CARDS
from server.engines.pipelines.weights.catalogue import PIPELINE_WEIGHTS, ROOT_FILES
from server.model.config import TRAINABLE
from server.model.weights.own_networks import NetworkFacts, own_networks, usual_name
from server.model.weights.weights_fetch import install_lock
from server.model.weights.weights_sources import WEIGHTS_SOURCES, WeightsError
from server.model.weights.weights_store import WeightsStore
from server.packages import MODEL_PACKAGES, absent_packages
from server.terminal.plain_console import PlainConsole, description_column, say
from server.terminal.progress_bars import ProgressBars

TAKEN = frozenset({*WEIGHTS_SOURCES, *PIPELINE_WEIGHTS, *CARDS})
"""Names by which the verbs of `realcam weights` know other weights."""


@dataclass(frozen=True)
class GivenNetwork:
    """A trained network as it was typed; what was not is "" or None.

    Attributes:
        path: folder or file of camera modules.
        name: that it gets.
        variant: of the model.
        licence: of the weights, in words.
        base: file of its base.
        tokenizer: folder of CLIP's vocab.json and merges.txt.
    """

    path: Path
    name: str
    variant: str
    licence: str
    base: Path | None
    tokenizer: Path | None


def export_network(run: Path, folder: Path, licence: str, mean: bool) -> None:
    """Write a training's newest checkpoint in the published layout, and say how it is added.

    Args:
        run: folder of the training.
        folder: to make.
        licence: of the weights, in words.
        mean: the running mean of the tensors, not the last ones.

    Raises:
        TrainingError: there is nothing to export, or it cannot be written.
        CheckpointError: the checkpoint's tensors cannot be used.
        EngineError: a package is missing.
    """
    _require_packages()
    from server.training.exports.export_run import export_run

    facts = export_run(run, folder, licence, mean)
    command = join_command(["realcam", "weights", "add", str(folder)])
    say(f"{folder}: {facts.variant}, {facts.steps:,} steps; `{command}` adds it to the engine.")


def add_own(given: GivenNetwork, store: WeightsStore) -> None:
    """Add trained camera modules to the engine realcam, as a choice beside the published weights.

    Args:
        given: what was typed.
        store: where weights are kept.

    Raises:
        WeightsError: there is no network at the path, its name cannot be, or it is another than its folder says.
        CheckpointError: its tensors are not those of the variant.
        EngineError: a package is missing.
    """
    _require_packages()
    from server.model.weights.own_install import NetworkToAdd, add_network, read_facts

    _require_network(given.path)
    facts = _facts(given, read_facts(given.path))
    name = given.name or usual_name(given.path)
    adding = NetworkToAdd(given.path, name, facts, given.base, given.tokenizer, TAKEN)
    columns = (description_column("{task.description}", table_column=Column(ratio=1)), BarColumn(), DownloadColumn())
    with install_lock(store), Progress(*columns, console=PlainConsole(stderr=True)) as bars:
        added = add_network(store, adding, ProgressBars(bars))
    say(added.words)
    say("A server offers it from its next start on: in the panel under Network, here as `--option weights=NAME`.")


def remove_own(name: str, store: WeightsStore) -> None:
    """Remove a network that was added.

    Args:
        name: of it.
        store: where weights are kept.

    Raises:
        WeightsError: there is none of this name, or another program holds its file.
        EngineError: a package is missing.
    """
    _require_packages()
    from server.model.weights.own_install import remove_network

    with install_lock(store):
        remove_network(store, name)
    left = ", ".join(network.name for network in own_networks(store))
    say(f"{name} is removed; your own networks: {left or 'none'}.")


def _require_network(path: Path) -> None:
    """Refuse a path at which there is no trained network, and say what there is instead."""
    from server.model.weights.camera_tensors import tensors_file
    from server.training.exports.run_record import RUN_FILE

    if not path.exists():
        raise WeightsError("The network is not there", str(path), "Check the path that was typed.")
    inside = {file.name for file in path.iterdir() if not is_foreign(file.name)} if path.is_dir() else set()
    if path.is_dir() and not inside:
        raise WeightsError("The folder is empty", str(path), "Name an export's folder, or a file of camera modules.")
    if RUN_FILE in inside:
        export = join_command(["realcam", "weights", "export", str(path), "FOLDER"])
        raise WeightsError(
            "The folder is a training's, not a network's",
            f"{path} has {RUN_FILE}",
            f"Run `{export}` first, and add the folder that it makes.",
        )
    if inside.issuperset(ROOT_FILES):
        which = f"Say which with --variant: {', '.join(PIPELINE_WEIGHTS)}."
        raise WeightsError("The folder is a pipeline's", f"{path} has {ROOT_FILES[0]}", which)
    tensors_file(path)


def _facts(given: GivenNetwork, said: NetworkFacts | None) -> NetworkFacts:
    """What is known of a network: what its folder says, completed by options that must not contradict it."""
    if said is not None and given.variant not in ("", said.variant):
        raise WeightsError(
            "The network is of another variant",
            f"{given.path} says {said.variant}, not {given.variant}",
            "Leave --variant out.",
        )
    chosen = said.variant if said else given.variant
    if not chosen:
        raise WeightsError(
            "The variant of the network is not known",
            f"{given.path} does not say it, and tensors of 256, 512 and 1024 have the same shapes",
            f"Give it with --variant: {', '.join(TRAINABLE)}.",
        )
    if chosen not in TRAINABLE:
        raise WeightsError("The engine has no such variant", chosen, f"It has {', '.join(TRAINABLE)}.")
    facts = said or NetworkFacts(variant=chosen, size=TRAINABLE[chosen].size)
    return msgspec.structs.replace(facts, licence=given.licence) if given.licence else facts


def _require_packages() -> None:
    if absent := absent_packages(MODEL_PACKAGES, extra="models"):
        raise EngineError("Weights cannot be read on this machine", absent)
