"""What frozen networks made of frames and captions, kept on disk: one file a clip, one slot a frame."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path

import torch
from torch import Tensor

from server.training.data.clip_set import DataError
from server.training.data.posed_clips import PosedClips

CHECKSUM = 4
"""Bytes after each slot: CRC-32 of it. A slot that was not written, or not to its end, has another."""


@dataclass(frozen=True)
class KeptOutputs:
    """Tensors of one kind, one for each frame of each clip. Several processes may read and write.

    Attributes:
        folder: of the cache.
        kind: names what is kept: of which network, with which weights, for frames of which size.
        shape: of a tensor.
        dtype: of it, such as "bfloat16".
    """

    folder: Path
    kind: str
    shape: tuple[int, ...]
    dtype: str

    @property
    def slot(self) -> int:
        """Bytes of a tensor."""
        return prod(self.shape) * self.torch_dtype.itemsize

    def bytes_of(self, clips: PosedClips) -> int:
        """Bytes that all frames of a data set take."""
        frames = sum(clips[i].frame_count for i in range(len(clips)))
        return frames * (self.slot + CHECKSUM)

    def read(self, key: str, slots: Sequence[int]) -> Tensor | None:
        """The tensors in these slots, [N, ...]; None unless all are there and whole.

        Args:
            key: of the clip.
            slots: frames.
        """
        found = []
        try:
            with self._file(key).open("rb") as stream:
                for slot in slots:
                    stream.seek(slot * (self.slot + CHECKSUM))
                    data = bytearray(stream.read(self.slot + CHECKSUM))
                    if len(data) < self.slot + CHECKSUM or _checksum(data[: self.slot]) != data[self.slot :]:
                        return None
                    found.append(torch.frombuffer(data[: self.slot], dtype=self.torch_dtype).reshape(self.shape))
        except FileNotFoundError:
            return None
        return torch.stack(found)

    def write(self, key: str, slots: Sequence[int], tensors: Tensor) -> None:
        """Keep tensors [N, ...] in these slots.

        Raises:
            DataError: they cannot be written; the disk may be full.
        """
        file = self._file(key)
        values = tensors.detach().to("cpu", self.torch_dtype).contiguous()
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.touch()
            with file.open("r+b") as stream:
                for slot, value in zip(slots, values, strict=True):
                    data = value.view(torch.uint8).numpy().tobytes()
                    stream.seek(slot * (self.slot + CHECKSUM))
                    stream.write(data + _checksum(data))
        except OSError as error:
            raise DataError(
                "The cache cannot be written", f"{file}: {error.strerror}", "Make room, or train without data.cache."
            ) from error

    @property
    def torch_dtype(self) -> torch.dtype:
        """The type of a tensor."""
        found: torch.dtype = getattr(torch, self.dtype)
        return found

    def _file(self, key: str) -> Path:
        return self.folder / self.kind / key[:2] / f"{key}.slots"


def kept_or_made(kept: KeptOutputs, key: str, slots: Sequence[int], make: Callable[[], Tensor]) -> Tensor:
    """The kept tensors [N, ...], or those that `make` gives, which are kept then: rounded alike, so the same twice.

    Args:
        kept: of this kind.
        key: of the clip.
        slots: frames.
        make: gives the tensors of all slots.
    """
    found = kept.read(key, slots)
    if found is None:
        found = make().to(kept.torch_dtype)
        kept.write(key, slots, found)
    return found


def weights_digest(*networks: torch.nn.Module) -> str:
    """Digest of networks' tensors: names, types, shapes and values."""
    digest = hashlib.sha256()
    for network in networks:
        for name, tensor in network.state_dict().items():
            digest.update(f"{name}|{tensor.dtype}|{tuple(tensor.shape)}\n".encode())
            digest.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy())
    return digest.hexdigest()[:16]


def _checksum(data: bytes | bytearray) -> bytes:
    return zlib.crc32(data).to_bytes(CHECKSUM, "little")
