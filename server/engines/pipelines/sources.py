"""Where a pipeline's weights come from. Asking needs no torch."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from blender_addon.core.errors import EngineError
from server.packages import MODEL_PACKAGES, absent_packages, unfit_torchvision

from .weights.installed import InstalledWeights, installed_weights, weights_absence

PIPELINE_PACKAGES = (*MODEL_PACKAGES, "accelerate")
"""What every engine on diffusers' pipelines needs, of the extra `models`."""


class PipelineSource(Protocol):
    """Gives one pipeline's weights."""

    @property
    def name(self) -> str:
        """Their name, as in the catalogue."""
        ...

    @property
    def draft(self) -> bool:
        """Whether the clips are no pictures: the weights are random."""
        ...

    def unavailable(self) -> str:
        """Why there are no weights here, "" when there are."""
        ...

    def weights_hash(self) -> str:
        """What tells these weights from others, without loading them."""
        ...

    def folder(self) -> Path:
        """The folder of the weights, in diffusers' layout."""
        ...


@dataclass
class RandomPipeline:
    """A pipeline of random weights, tiny, built once and kept in a temporary folder as long as the process lives.

    Attributes:
        name: of the engine.
        build: saves the pipeline into a folder.
    """

    name: str
    build: Callable[[Path], None]
    draft: bool = True
    _kept: Path | None = field(default=None, repr=False)

    def unavailable(self) -> str:
        """See PipelineSource."""
        return _lacking()

    def weights_hash(self) -> str:
        """See PipelineSource."""
        return f"random-tiny-{self.name}"

    def folder(self) -> Path:
        """See PipelineSource."""
        if self._kept is None:
            folder = Path(tempfile.mkdtemp(prefix="realcam-random-"))
            atexit.register(shutil.rmtree, folder, ignore_errors=True)
            self.build(folder)
            self._kept = folder
        return self._kept


@dataclass(frozen=True)
class InstalledPipeline:
    """The published weights of one name, where they were got.

    Attributes:
        name: of the weights.
    """

    name: str
    draft: bool = False

    def unavailable(self) -> str:
        """See PipelineSource."""
        return _lacking() or weights_absence(self.name)

    def weights_hash(self) -> str:
        """See PipelineSource: of all files' hashes.

        Raises:
            EngineError: they are not there any more.
        """
        return self._installed().sha256

    def folder(self) -> Path:
        """See PipelineSource.

        Raises:
            EngineError: they are not there any more.
        """
        return self._installed().folder

    def _installed(self) -> InstalledWeights:
        installed = installed_weights(self.name)
        if installed is None:
            raise EngineError("The weights were removed while the server ran", weights_absence(self.name))
        return installed


def _lacking() -> str:
    return absent_packages(PIPELINE_PACKAGES, extra="models") or unfit_torchvision()
