"""Prompts read by a text encoder that runs alone and is forgotten again: many are larger than the network."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor

from blender_addon.core.errors import EngineError
from server.engines.device_memory import first_within_memory, release_memory
from server.engines.machine_memory import GB, free_machine_memory
from server.engines.pipelines.memory.plans import encoder_bytes
from server.engines.pipelines.memory.sizes import PipelineSizes
from server.engines.pipelines.sources import PipelineSource
from server.engines.pipelines.watch import Watch, polled


class Reader(Protocol):
    """What a pipeline says of how it reads words.

    A pipeline is diffusers'; it is typed as Any, because its type is known where diffusers is installed only.
    """

    @property
    def sizes(self) -> PipelineSizes:
        """What memory plans are chosen by."""
        ...

    def load_encoder(self, folder: Path, dtype: torch.dtype) -> Any:
        """The pipeline with nothing but what reads the words, on the CPU.

        Args:
            folder: of the weights, in diffusers' layout.
            dtype: of the text encoder.
        """
        ...

    def encode(self, encoder: Any, prompt: str, negative: str) -> tuple[dict[str, Tensor], tuple[str, ...]]:
        """The prompts as arguments of the pipeline's call, and notes on what was left out of them.

        Args:
            encoder: from `load_encoder`, on the device that it shall run on.
            prompt: the artist's.
            negative: the artist's, "" for none.
        """
        ...


@dataclass(frozen=True)
class _Key:
    """Which prompts were encoded, by the encoder of which weights."""

    weights: str
    prompt: str
    negative: str


@dataclass(frozen=True, eq=False)
class Words:
    """Prompts as arguments of the pipeline's call, and what was left out of them."""

    key: _Key
    arguments: Mapping[str, Tensor]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class _Place:
    """Where a text encoder runs."""

    device: torch.device

    @property
    def name(self) -> str:
        """For the log and for people."""
        return "on the processor" if self.device.type == "cpu" else "on the card"


class WordsReader:
    """Encodes prompts, and keeps the last ones of each weights.

    Args:
        device: that encoded words are put on, and that a text encoder runs on where it fits.
        dtype: of text encoders.
    """

    def __init__(self, device: torch.device, dtype: torch.dtype) -> None:
        self._device, self._dtype = device, dtype
        self._kept: dict[str, Words] = {}

    def words(
        self,
        reader: Reader,
        source: PipelineSource,
        prompts: tuple[str, str],
        watch: Watch,
        on_card: bool,
        make_room: Callable[[float], None],
    ) -> Words:
        """The words of a shot.

        Args:
            reader: says how they are read.
            source: of its weights.
            prompts: prompt and negative prompt.
            watch: is told, and polled.
            on_card: run the text encoder on the card. Where its memory runs out, the processor is next.
            make_room: called with the bytes that the text encoder takes, before it is loaded.

        Raises:
            EngineError: memory runs out.
        """
        key = _Key(source.weights_hash(), *prompts)
        words = self._kept.get(source.name)
        if words is not None and words.key == key:
            return words
        watch.stage("Reading the words")
        size = encoder_bytes(reader.sizes)
        make_room(size)
        devices = (*((self._device,) if on_card else ()), torch.device("cpu"))
        places = tuple(_Place(device) for device in dict.fromkeys(devices))
        words = first_within_memory(
            lambda place: self._read(key, reader, source, watch, place.device), places, lambda: None
        )
        if words is None:
            raise EngineError(
                "Memory ran out while the words were read",
                f"the text encoder of {reader.sizes.title} takes {size / GB:.1f} GB (calculated), and was tried "
                f"{' and '.join(place.name for place in places)}; {free_machine_memory() / GB:.1f} GB of the machine's "
                "memory are free now",
                "Close other programs that use memory, or choose an engine with a smaller text encoder.",
            )
        self._kept[source.name] = words
        return words

    def _read(self, key: _Key, reader: Reader, source: PipelineSource, watch: Watch, device: torch.device) -> Words:
        """The words, encoded on a device. Raises the device's error when memory runs out."""
        encoder = reader.load_encoder(source.folder(), self._dtype)
        encoder.to(device)
        with polled(encoder, watch), torch.no_grad():
            arguments, notes = reader.encode(encoder, key.prompt, key.negative)
        del encoder
        release_memory()
        return Words(key, {name: part.to(self._device) for name, part in arguments.items()}, notes)
