"""The folder of the nano network that ships with the server: base, camera modules and tokenizer as one, and a card."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import msgspec
import torch
from safetensors.torch import save_file

from blender_addon.core.progress import unwatched
from server.model.config import NANO
from server.model.errors import CheckpointError
from server.model.weights.camera_tensors import CAMERA_FILE, base_digest
from server.model.weights.own_networks import NETWORK_FILE, NetworkFacts
from server.model.weights.tensor_files import Union, open_tensors
from server.model.weights.weights_fetch import local_source, sha256_of
from server.model.weights.weights_install import used_tensors
from server.model.weights.weights_store import FRESH_PREFIX, MODEL_FILE, TOKENIZER_FILES, Manifest, WeightsStore
from server.training.checkpoints import TrainingError
from server.training.exports.export_run import CARD_FILE, export_run
from server.training.exports.model_card import last_metrics, model_card
from server.training.exports.run_record import RunRecord, read_run
from server.training.worlds.clip_set import FREEDOOM_LICENCE

from .base_model import TOKENIZER
from .config import BASE_FILE, NanoConfig

LICENCE = "Apache-2.0"
LARGEST = 25_000_000
"""Bytes that the file of tensors may have."""
ABOUT = f"""{NANO.caution.capitalize()}: all parts of RealCam-I2V in sizes that two cores can train, float16, in one
file with the published keys. It makes 16 frames of 64 x 64 that follow a camera in metres, through places like the
ones that it was trained on, and is there so that tests and demonstrations run a learned network everywhere. It knows
Freedoom's corridors, halls and yards and nothing else: no people, no things, no other light. Trained by
`docs/training.md`, which says how it was measured.

    realcam demo --engine realcam --weights {NANO.name}"""


def ship(config: NanoConfig, run: Path, store: WeightsStore, mean: bool) -> NetworkFacts:
    """Write a trained base and the newest camera modules of a run as the network `nano` of a store.

    Args:
        config: of the training of VAE and base.
        run: folder of a `realcam train` on that base.
        store: a folder for the network is made or replaced in it.
        mean: the running mean of the camera modules, not the last ones.

    Returns:
        What is known of the network.

    Raises:
        TrainingError: there is nothing to ship, it is of another base, or too large.
        CheckpointError: the tensors are not the variant's, or no numbers.
    """
    record, base = read_run(run), config.base_folder / BASE_FILE
    found = base_digest(open_tensors(base))
    if record.config.variant != NANO.name or record.base != found:
        raise TrainingError(
            "The camera modules are not of this base",
            f"{run} was trained for {record.config.variant} on a base of digest {record.base}; {base} has {found}",
            "Name the run that was trained on it.",
        )
    store.root.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=FRESH_PREFIX, dir=store.root, ignore_cleanup_errors=True) as place:
        fresh = Path(place)
        camera = fresh / "export" / CAMERA_FILE
        exported = export_run(run, camera.parent, LICENCE, mean)
        model = fresh / MODEL_FILE
        _write_halved(base, camera, model)
        for name in TOKENIZER_FILES:
            shutil.copyfile(config.base_folder / TOKENIZER / name, fresh / name)
        # safetensors writes files that only their owner can read.
        shutil.copymode(fresh / TOKENIZER_FILES[0], model)
        facts = msgspec.structs.replace(exported, sha256=sha256_of(model), whole=True)
        (fresh / NETWORK_FILE).write_bytes(msgspec.json.format(msgspec.json.encode(facts)))
        (fresh / CARD_FILE).write_text(_card(config, facts, record, run), encoding="utf-8")
        manifest = Manifest(
            variant=NANO.name,
            sha256=facts.sha256,
            bytes=model.stat().st_size,
            sources=tuple(local_source(file, unwatched) for file in (base, camera)),
        )
        store.put(manifest, model, [fresh / name for name in (NETWORK_FILE, CARD_FILE, *TOKENIZER_FILES)])
    return facts


def _write_halved(base: Path, camera: Path, file: Path) -> None:
    """Write all tensors of a network in float16."""
    whole = used_tensors(Union([open_tensors(base), open_tensors(camera)]), NANO)
    halves = {key: tensor.to(torch.float16).contiguous() for key, tensor in whole.items()}
    if broken := {key for key, tensor in halves.items() if not bool(tensor.isfinite().all())}:
        why = f"{len(broken)} tensors are not numbers in float16"
        raise CheckpointError("The network cannot be shipped", why, "Train it again.", broken)
    save_file(halves, file)
    if file.stat().st_size > LARGEST:
        why = f"{file.stat().st_size / 1e6:.1f} MB, at most {LARGEST / 1e6:.0f} MB"
        raise TrainingError("The network is too large to ship", why, "Train a smaller one.")


def _card(config: NanoConfig, facts: NetworkFacts, record: RunRecord, run: Path) -> str:
    metrics = {f"{place.name}/{name}": numbers for place in (config.vae_folder, config.base_folder, run)
               for name, numbers in last_metrics(place).items()}  # fmt: skip
    card = model_card(NANO.name, ABOUT, facts, record, metrics)
    credit = "The maps and textures of the worlds are Freedoom's, free content under a BSD licence:"
    return f"{card}\n## Credit\n\n{credit}\n\n{FREEDOOM_LICENCE}"
