"""What machine an acceptance run was made on, with what software and what weights. No names of people or folders."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable, Iterator
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

from blender_addon.core.version import VERSION
from server.engines.graphics_card import card_memory, unused_card
from server.engines.machine_memory import machine_memory
from server.engines.pipelines.weights.catalogue import PIPELINE_WEIGHTS
from server.engines.pipelines.weights.installed import installed_weights
from server.engines.realcam.sources import SIZES
from server.model.weights.weights_store import default_store

from .records import MachineFacts, WeightsFacts

PACKAGES = (
    *("torch", "diffusers", "transformers", "accelerate", "safetensors", "torchvision", "triton", "xformers"),
    *("numpy", "scipy", "pycolmap", "opencv-python-headless", "av"),
)
"""Whose versions are told where they are installed."""
CPU_FACTS = Path("/proc/cpuinfo")


def machine_facts() -> MachineFacts:
    """This machine's facts. Loads PyTorch where it has a card that PyTorch would compute on."""
    card, cuda = _card()
    return MachineFacts(
        system=f"{platform.system()} {platform.release()}",
        processor=_processor(),
        cores=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 0,
        memory_bytes=machine_memory(),
        card=card,
        card_bytes=card_memory() or 0,
        cuda=cuda,
        unused_card=unused_card(),
        versions={"realcam": VERSION, "python": platform.python_version(), **_versions()},
    )


def engine_weights(engine: str) -> tuple[WeightsFacts, ...]:
    """What is installed of the weights that an engine can run with.

    Args:
        engine: its name.
    """
    if engine == "realcam":
        return tuple(_of_realcam())
    # A larger sister is called by the engine's name and its size.
    return tuple(_of_pipelines(name for name in PIPELINE_WEIGHTS if name == engine or name.startswith(f"{engine}-")))


def _of_pipelines(names: Iterable[str]) -> Iterator[WeightsFacts]:
    for name in names:
        if here := installed_weights(name):
            repo = here.manifest.repo
            yield WeightsFacts(name=name, repo=repo, revision=here.revision, sha256=here.sha256)


def _of_realcam() -> Iterator[WeightsFacts]:
    for variant in dict.fromkeys(config.name for config in SIZES.values()):
        if kept := default_store().manifest(variant):
            source = next((file for file in kept.sources if file.repo), None)
            repo, revision = (source.repo, source.revision) if source else ("", "")
            yield WeightsFacts(name=variant, repo=repo, revision=revision, sha256=kept.sha256)


def _card() -> tuple[str, str]:
    """(model of the card, CUDA's version), "" each without one."""
    if card_memory() is None:
        return "", ""
    import torch

    return str(torch.cuda.get_device_name(0)), str(torch.version.cuda)


def _processor() -> str:
    try:
        lines = CPU_FACTS.read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.processor() or platform.machine())


def _versions() -> dict[str, str]:
    found = {}
    for name in PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    if find_spec("skimage") is not None:
        found["scikit-image"] = metadata.version("scikit-image")
    return found
