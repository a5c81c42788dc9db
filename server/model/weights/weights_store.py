"""The folder where converted weights are kept, and what is in it. Needs no torch."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import msgspec
import platformdirs

MODEL_FILE = "model.safetensors"
MANIFEST_FILE = "manifest.json"
TOKENIZER_FILES = ("vocab.json", "merges.txt")

FRESH_PREFIX = ".new-"
"""Begins the name of a temporary folder that is being filled."""


class SourceFile(msgspec.Struct, frozen=True, kw_only=True):
    """A file the weights were made of.

    Attributes:
        name: of the file.
        sha256: in hex, "" if unknown.
        bytes: its size, 0 if unknown.
        repo: owner/name on the hub, "" for a local file.
        revision: commit on the hub, "" for a local file.
    """

    name: str
    sha256: str
    bytes: int
    repo: str = ""
    revision: str = ""


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What is in a folder of weights.

    Attributes:
        variant: of the model.
        sha256: of the model file, in hex.
        bytes: size of the model file.
        sources: the files it was made of.
    """

    variant: str
    sha256: str
    bytes: int
    sources: tuple[SourceFile, ...]


@dataclass(frozen=True)
class WeightsStore:
    """A folder with one folder for each variant.

    Attributes:
        root: the folder.
    """

    root: Path

    def folder(self, variant: str) -> Path:
        """The folder of a variant, which need not exist."""
        return self.root / variant

    @property
    def downloads(self) -> Path:
        """The folder where published files are downloaded to."""
        return self.root / "downloads"

    def model_file(self, variant: str) -> Path:
        """The path of a variant's converted weights."""
        return self.folder(variant) / MODEL_FILE

    def manifest(self, variant: str, beside: tuple[str, ...] = TOKENIZER_FILES) -> Manifest | None:
        """What is installed of a variant.

        Args:
            variant: of the RealCam model, or the name of another network whose weights are kept here.
            beside: names of the files that belong to it beside the model's.

        Returns:
            None when that is nothing, another variant, or not whole: the manifest is written last.
        """
        try:
            manifest = msgspec.json.decode((self.folder(variant) / MANIFEST_FILE).read_bytes(), type=Manifest)
            size = self.model_file(variant).stat().st_size
        except (OSError, msgspec.MsgspecError):
            return None
        others = all((self.folder(variant) / name).is_file() for name in beside)
        return manifest if (manifest.variant, manifest.bytes) == (variant, size) and others else None


def default_store() -> WeightsStore:
    """The store at $REALCAM_WEIGHTS, or in the user's data folder."""
    root = os.environ.get("REALCAM_WEIGHTS")
    return WeightsStore(Path(root) if root else Path(platformdirs.user_data_dir("realcam")) / "weights")
