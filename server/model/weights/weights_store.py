"""The folder where converted weights are kept, and what is in it. Needs no torch."""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import msgspec
import platformdirs

from blender_addon.core.atomic_file import write_atomic
from blender_addon.core.held_files import discard, is_held, remove_file, replace_path

MODEL_FILE = "model.safetensors"
MANIFEST_FILE = "manifest.json"
TOKENIZER_FILES = ("vocab.json", "merges.txt")

FRESH_PREFIX = ".new-"
"""Begins the name of a temporary folder that is being filled."""

_OUR_MODEL = re.compile(r"model(-[0-9a-f]{8})?\.safetensors")
"""Names that `WeightsStore.put` gives; a copy that somebody made has another."""


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
        model: name of the model file.
    """

    variant: str
    sha256: str
    bytes: int
    sources: tuple[SourceFile, ...]
    model: str = MODEL_FILE


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
        """The path of a variant's converted weights: as the manifest names it, or where they would be."""
        manifest = self._read(variant)
        return self.folder(variant) / (MODEL_FILE if manifest is None else Path(manifest.model).name)

    def manifest(self, variant: str, beside: tuple[str, ...] = TOKENIZER_FILES) -> Manifest | None:
        """What is installed of a variant.

        Args:
            variant: of the RealCam model, or the name of another network whose weights are kept here.
            beside: names of the files that belong to it beside the model's.

        Returns:
            None when that is nothing, another variant, or not whole: the manifest is written last.
        """
        manifest = self._read(variant)
        if manifest is None:
            return None
        try:
            size = self.model_file(variant).stat().st_size
        except OSError:
            return None
        others = all((self.folder(variant) / name).is_file() for name in beside)
        return manifest if (manifest.variant, manifest.bytes) == (variant, size) and others else None

    def put(self, manifest: Manifest, model: Path, beside: Iterable[Path] = ()) -> Manifest:
        """Move converted weights into their folder. The manifest is written last: without it nothing is there.

        Where another program holds the model file that is there, as a server that has it mapped on Windows, the new
        one gets a name of its own, and the old one is removed the next time.

        Args:
            manifest: what they are.
            model: the model file, on the same disk.
            beside: the files that belong to it, on the same disk.

        Returns:
            The manifest as it was written.

        Raises:
            OSError: they cannot be moved.
        """
        folder = self.folder(manifest.variant)
        folder.mkdir(parents=True, exist_ok=True)
        remove_file(folder / MANIFEST_FILE)
        try:
            replace_path(model, folder / manifest.model)
        except OSError as error:
            if not is_held(error):
                raise
            manifest = msgspec.structs.replace(manifest, model=f"model-{secrets.token_hex(4)}.safetensors")
            replace_path(model, folder / manifest.model)
        for file in beside:
            replace_path(file, folder / file.name)
        write_atomic(folder / MANIFEST_FILE, msgspec.json.format(msgspec.json.encode(manifest)))
        for other in list(folder.iterdir()):
            if _OUR_MODEL.fullmatch(other.name) and other.name != manifest.model:
                discard(other)
        return manifest

    def _read(self, variant: str) -> Manifest | None:
        try:
            return msgspec.json.decode((self.folder(variant) / MANIFEST_FILE).read_bytes(), type=Manifest)
        except (OSError, msgspec.MsgspecError):
            return None


def default_store() -> WeightsStore:
    """The store at $REALCAM_WEIGHTS, or in the user's data folder."""
    root = os.environ.get("REALCAM_WEIGHTS")
    return WeightsStore(Path(root) if root else Path(platformdirs.user_data_dir("realcam")) / "weights")
