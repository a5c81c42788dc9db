"""The published files that each variant is made of, and how they are found on the hub."""

from __future__ import annotations

import fnmatch
import json
from collections.abc import Mapping
from dataclasses import dataclass

from blender_addon.core.errors import EngineError

from .weights_store import SourceFile

FILE_OPTIONS = ("base", "camera")
"""Options of `realcam weights get` that take a file; --tokenizer takes a folder."""


class WeightsError(EngineError):
    """Weights that cannot be fetched or do not check out."""


@dataclass(frozen=True)
class HubFile:
    """A file in a hub repository.

    Attributes:
        repo: owner/name of the repository.
        name: of the file, or a pattern where the authors' naming is not known for sure.
        revision: the commit to take, "" for the newest.
        sha256: what the file must be, "" for what the hub says it is.
    """

    repo: str
    name: str
    revision: str = ""
    sha256: str = ""


@dataclass(frozen=True)
class WeightsSource:
    """The files of one variant.

    Attributes:
        base: DynamiCrafter's checkpoint, which holds the VAE and CLIP's encoders too.
        camera: RealCam's trained modules.
        tokenizer: CLIP's vocab.json and merges.txt.
    """

    base: HubFile
    camera: HubFile
    tokenizer: tuple[HubFile, ...]


_CLIP_COMMIT = "32bd64288804d66eefd0ccbe215aa642df71cc41"
_TOKENIZER = (
    HubFile(
        "openai/clip-vit-large-patch14",
        "vocab.json",
        revision=_CLIP_COMMIT,
        sha256="3f0c4f7d2086b61b38487075278ea9ed04edb53a03cbb045b86c27190fa8fb69",
    ),
    HubFile(
        "openai/clip-vit-large-patch14",
        "merges.txt",
        revision=_CLIP_COMMIT,
        sha256="9fd691f7c8039210e0fced15865466c65820d09b63988b0174bfe25de299051a",
    ),
)

# RealCam-I2V on DynamiCrafter is published with the authors' earlier CamI2V; MuteApo/RealCam-I2V is its successor on
# another base model. The commits and hashes left out here are held to what is first downloaded (weights_lock.py).
_CAMERA_REPO = "MuteApo/CamI2V"

WEIGHTS_SOURCES: dict[str, WeightsSource] = {
    "realcam-256": WeightsSource(
        base=HubFile(
            "Doubiiu/DynamiCrafter",
            "model.ckpt",
            revision="1e5a3f46f5b3d52b43fb37699a0e632f89ed57d5",
            sha256="328d23963f1fe5af1324793117dfa80c8f5d3d31a2a7d5a6089a1c8aa72fb2da",
        ),
        camera=HubFile(_CAMERA_REPO, "256_realcam-i2v_50k.safetensors"),
        tokenizer=_TOKENIZER,
    ),
    "realcam-512": WeightsSource(
        base=HubFile(
            "Doubiiu/DynamiCrafter_512",
            "model.ckpt",
            sha256="87b5eb1981ffa96110369dfc358c5a9e90b8ee18b24d711badab4e58baeaba97",
        ),
        camera=HubFile(_CAMERA_REPO, "512_realcam-i2v_50k.safetensors"),
        tokenizer=_TOKENIZER,
    ),
    # The authors have announced camera weights for 1024x576 and published none: this finds them when they do.
    "realcam-1024": WeightsSource(
        base=HubFile(
            "Doubiiu/DynamiCrafter_1024",
            "model.ckpt",
            revision="f7976a1ee2d962aae35d21702994052be0152896",
            sha256="97181be1431cc1c08fe31f8d0385a43c2beb1c7f36d25d2df301636f0c4f20f2",
        ),
        camera=HubFile(_CAMERA_REPO, "1024_realcam-i2v*.safetensors"),
        tokenizer=_TOKENIZER,
    ),
}
"""The files of each variant, by its name."""


def check_variant(file: SourceFile, variant: str) -> None:
    """Check that a file is not known as another variant's: those of 512 and 1024 have the same keys.

    Raises:
        WeightsError: it is.
    """
    for other, origin in WEIGHTS_SOURCES.items():
        if other != variant and file.sha256 in (origin.base.sha256, origin.camera.sha256):
            own = WEIGHTS_SOURCES[variant].base
            raise WeightsError(
                "The weights are of another resolution",
                f"{file.name} is the one of {other}, by its SHA-256",
                f"{variant} needs {own.name} of {own.repo}.",
            )


def manual_install_hint(wanted: Mapping[str, HubFile]) -> str:
    """A sentence that says how to install on a computer that does not reach the hub.

    Args:
        wanted: the files, by the name of their option.
    """
    files = [f"--{option} {file.name} of {file.repo}" for option, file in wanted.items() if option in FILE_OPTIONS]
    words = [file for option, file in wanted.items() if option not in FILE_OPTIONS]
    if words:
        names = " and ".join(file.name for file in words)
        files.append(f"--tokenizer the folder with {names} of {words[0].repo}")
    return f"Or fetch on another computer and give here: {', '.join(files)}."


def resolve(
    file: HubFile, endpoint: str | None = None, otherwise: str = "", option: str = "--base or --camera"
) -> SourceFile:
    """The exact file, commit, size and hash on the hub.

    Args:
        file: the file; its name may be a pattern.
        endpoint: another hub than the usual; None for the usual.
        otherwise: what can be done when the hub is out of reach, added to the remedy (see `manual_install_hint`).
        option: of `realcam weights get`, by which a file of one's own is given instead.

    Raises:
        WeightsError: the hub is out of reach, has no such file or several, or has another one than `file` says.
    """
    listing = list_repository(file.repo, file.revision, endpoint, otherwise)
    listed = {entry.name: entry for entry in listing.files}
    found = fnmatch.filter(listed, file.name)
    if len(found) != 1:
        raise WeightsError(
            f"{file.repo} has {len(found)} files like {file.name}",
            f"it has {', '.join(sorted(listed)) or 'none'}",
            f"Download the right one by hand and give it with {option}.",
        )
    there = listed[found[0]].sha256
    if file.sha256 and there and there != file.sha256:
        raise WeightsError(
            f"{found[0]} of {file.repo} is another file now",
            f"its SHA-256 is {there[:16]}..., the one known here {file.sha256[:16]}...",
            f"Where you trust the new one, download it by hand and give it with {option}.",
        )
    return SourceFile(
        name=found[0],
        sha256=file.sha256 or there,
        bytes=listed[found[0]].bytes,
        repo=file.repo,
        revision=listing.revision,
    )


@dataclass(frozen=True)
class ListedFile:
    """A file as the hub lists it.

    Attributes:
        name: its path in the repository.
        bytes: its size, 0 where the hub does not say.
        sha256: in hex, "" for the small files that the hub keeps in git itself.
        git: its id in git, in hex; of a large file that of the pointer to it.
    """

    name: str
    bytes: int
    sha256: str
    git: str


@dataclass(frozen=True)
class RepositoryListing:
    """What a repository holds at one commit.

    Attributes:
        repo: owner/name.
        revision: the commit.
        files: all of them.
    """

    repo: str
    revision: str
    files: tuple[ListedFile, ...]


def list_repository(
    repo: str, revision: str = "", endpoint: str | None = None, otherwise: str = ""
) -> RepositoryListing:
    """What a repository on the hub holds.

    Args:
        repo: owner/name.
        revision: a commit or branch; "" for the newest.
        endpoint: another hub than the usual; None for the usual.
        otherwise: what can be done when the hub is out of reach, added to the remedy.

    Raises:
        WeightsError: the hub is out of reach, or does not show the repository or the commit.
    """
    from huggingface_hub import HfApi

    check_proxy()
    try:
        info = HfApi(endpoint=endpoint).model_info(repo, revision=revision or None, files_metadata=True)
    except json.JSONDecodeError as error:
        raise WeightsError(
            f"What answers for {repo} is not the hub",
            "it sent something else than a list of files",
            f"Check the network for a login page or a proxy. {otherwise}".strip(),
        ) from error
    except network_errors() as error:
        raise refused(repo, error, otherwise) or WeightsError(
            f"{repo} cannot be asked for its files",
            first_line(error),
            f"Check the network and start it again. {otherwise}".strip(),
        ) from error
    files = tuple(
        ListedFile(
            name=sibling.rfilename,
            bytes=sibling.size or 0,
            sha256=sibling.lfs.sha256 if sibling.lfs else "",
            git=sibling.blob_id or "",
        )
        for sibling in info.siblings or ()
    )
    return RepositoryListing(repo, info.sha or "", files)


def refused(repo: str, error: Exception, otherwise: str = "") -> WeightsError | None:
    """What the hub's refusal to show a repository means; None for any other error.

    Args:
        repo: owner/name.
        error: of the hub's client.
        otherwise: what else can be done, added to the remedy.
    """
    from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError, RevisionNotFoundError

    # The first is of the second's kind.
    if isinstance(error, GatedRepoError):
        return WeightsError(
            f"{repo} is given only to those who accept its terms",
            first_line(error),
            f"Open https://huggingface.co/{repo} in a browser and accept them with your account, then run "
            f"`hf auth login` or set HF_TOKEN, and start this again. {otherwise}".strip(),
        )
    if isinstance(error, RepositoryNotFoundError):
        return WeightsError(
            f"The hub does not show {repo}",
            first_line(error),
            f"It has moved or is not open to everyone: where you have access, run `hf auth login`. {otherwise}".strip(),
        )
    if isinstance(error, RevisionNotFoundError):
        return WeightsError(
            f"{repo} has no such commit", first_line(error), f"Name another with --revision. {otherwise}".strip()
        )
    return None


def check_proxy() -> None:
    """Check the proxy that the environment names.

    Raises:
        WeightsError: the hub's client cannot use it.
    """
    from huggingface_hub.utils import get_session

    try:
        get_session()
    except (ImportError, ValueError) as error:
        raise WeightsError(
            "The proxy cannot be used",
            first_line(error),
            "Mend HTTPS_PROXY, HTTP_PROXY or ALL_PROXY: http://host:port is understood.",
        ) from error


def first_line(error: Exception) -> str:
    """The first line of an error of the hub's client, without the advice to programmers below it."""
    return (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")


def network_errors() -> tuple[type[Exception], ...]:
    """The exceptions of the hub's client when it cannot reach something; its HTTP library changes between versions."""
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError, OfflineModeIsEnabled

    of_library = [kind for kind in HfHubHTTPError.__mro__ if kind.__name__ == "HTTPError"]
    return (OSError, HfHubHTTPError, LocalEntryNotFoundError, OfflineModeIsEnabled, *of_library)
