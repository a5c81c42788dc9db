"""Which published files each variant is made of, and fetching them from the hub."""

from __future__ import annotations

import fnmatch
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from blender_addon.core.errors import EngineError

from .weights_store import SourceFile

OnBytes = Callable[[str, int, int], None]
"""(file, bytes checked, of)"""


class WeightsError(EngineError):
    """Weights that cannot be fetched or do not check out."""


@dataclass(frozen=True)
class HubFile:
    """A file in a hub repository. name may be a pattern where the authors' naming is not known for sure.

    revision: the commit to take; "" takes the newest and writes down which one it was. sha256: of the file; "" takes
    the hub's own record of it.
    """

    repo: str
    name: str
    revision: str = ""
    sha256: str = ""


@dataclass(frozen=True)
class Recipe:
    """base: DynamiCrafter's checkpoint, which holds VAE and CLIP towers too. camera: what RealCam was trained."""

    base: HubFile
    camera: HubFile
    tokenizer: tuple[HubFile, ...]


_TOKENIZER = (
    HubFile("openai/clip-vit-large-patch14", "vocab.json"),
    HubFile("openai/clip-vit-large-patch14", "merges.txt"),
)

RECIPES: dict[str, Recipe] = {
    "realcam-256": Recipe(
        base=HubFile("Doubiiu/DynamiCrafter", "model.ckpt"),
        camera=HubFile("MuteApo/RealCam-I2V", "*256*.safetensors"),
        tokenizer=_TOKENIZER,
    ),
    "realcam-512": Recipe(
        base=HubFile("Doubiiu/DynamiCrafter_512", "model.ckpt"),
        camera=HubFile("MuteApo/RealCam-I2V", "*512*.safetensors"),
        tokenizer=_TOKENIZER,
    ),
    "realcam-1024": Recipe(
        base=HubFile("Doubiiu/DynamiCrafter_1024", "model.ckpt"),
        camera=HubFile("MuteApo/RealCam-I2V", "*1024*.safetensors"),
        tokenizer=_TOKENIZER,
    ),
}


def resolve(file: HubFile, endpoint: str | None = None) -> SourceFile:
    """The exact file, commit, size and hash on the hub; `endpoint` is another hub than the usual.

    Raises WeightsError when it is out of reach, or has no such file or several.
    """
    from huggingface_hub import HfApi

    try:
        info = HfApi(endpoint=endpoint).model_info(file.repo, revision=file.revision or None, files_metadata=True)
    except _network_errors() as error:
        raise WeightsError(
            f"{file.repo} cannot be asked for its files",
            str(error).splitlines()[0],
            "Check the network, or give files you already have with --base and --camera.",
        ) from error
    siblings = {sibling.rfilename: sibling for sibling in info.siblings or ()}
    found = fnmatch.filter(siblings, file.name)
    if len(found) != 1:
        raise WeightsError(
            f"{file.repo} has {len(found)} files like {file.name}",
            f"it has {', '.join(sorted(siblings)) or 'none'}",
            "Download the right one by hand and give it with --base or --camera.",
        )
    sibling = siblings[found[0]]
    known = file.sha256 or (sibling.lfs.sha256 if sibling.lfs else "")
    return SourceFile(name=found[0], sha256=known, bytes=sibling.size or 0, repo=file.repo, revision=info.sha or "")


def fetch(source: SourceFile, on_bytes: OnBytes, endpoint: str | None = None, cache: Path | None = None) -> Path:
    """The file on this disk, in the hub's own cache: what is there is not fetched again, a half is gone on with.

    Raises WeightsError when it cannot be fetched or its hash is another.
    """
    from huggingface_hub import hf_hub_download

    try:
        found_at = hf_hub_download(
            source.repo, source.name, revision=source.revision, endpoint=endpoint, cache_dir=cache
        )
    except _network_errors() as error:
        raise WeightsError(
            f"{source.name} of {source.repo} could not be fetched",
            str(error).splitlines()[0],
            "Run the same command again: it goes on where it was.",
        ) from error
    path = Path(found_at)
    found = sha256_of(path, lambda done, of: on_bytes(source.name, done, of))
    if source.sha256 and found != source.sha256:
        raise WeightsError(
            f"{source.name} is not what {source.repo} published",
            f"its SHA-256 is {found[:16]}..., expected {source.sha256[:16]}...",
            f"Delete {path} and run the command again.",
        )
    return path


def _network_errors() -> tuple[type[Exception], ...]:
    """What the hub's client raises when it cannot reach something; its HTTP library changes between versions."""
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError, OfflineModeIsEnabled

    of_library = [kind for kind in HfHubHTTPError.__mro__ if kind.__name__ == "HTTPError"]
    return (OSError, HfHubHTTPError, LocalEntryNotFoundError, OfflineModeIsEnabled, *of_library)


def local_source(path: Path, on_bytes: OnBytes) -> SourceFile:
    """A file of the user's own, hashed. Raises WeightsError when it is not there."""
    if not path.is_file():
        raise WeightsError("The weights file is not there", str(path))
    digest = sha256_of(path, lambda done, of: on_bytes(path.name, done, of))
    return SourceFile(name=path.name, sha256=digest, bytes=path.stat().st_size)


def sha256_of(path: Path, on_bytes: Callable[[int, int], None] = lambda done, of: None) -> str:
    """Hex digest, told as it goes."""
    digest, size, done = hashlib.sha256(), path.stat().st_size, 0
    with path.open("rb") as stream:
        while chunk := stream.read(1 << 22):
            digest.update(chunk)
            done += len(chunk)
            on_bytes(done, size)
    return digest.hexdigest()
