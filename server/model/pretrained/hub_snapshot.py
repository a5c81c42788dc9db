"""A pipeline's folder of a hub repository: fetched into the hub client's own cache, at one commit."""

from __future__ import annotations

import re
from pathlib import Path

from server.model.weights.weights_sources import WeightsError, check_proxy, first_line, network_errors, refused

HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+")
"""What a hub id looks like: owner/name."""

FETCHED = ("model_index.json", "*/*.json", "*/*.safetensors", "tokenizer/merges.txt")
"""What is fetched of a repository: configurations, tensors and the vocabulary; never a pickle."""

_NO_FOLDER = "Where a folder was meant: there is none of that name here."


def fetch_snapshot(
    repo: str,
    revision: str | None = None,
    *,
    token: str | bool | None = None,
    cache_dir: Path | None = None,
    local_files_only: bool = False,
    endpoint: str | None = None,
) -> Path:
    """The folder of a repository's files; what the cache has is not fetched again.

    Args:
        repo: owner/name on the hub.
        revision: a commit, branch or tag; None for the newest of the branch `main`, which may be another tomorrow.
        token: of the hub, see huggingface_hub; None for that of `hf auth login`.
        cache_dir: another cache than the client's own.
        local_files_only: take what the cache has, and ask no hub.
        endpoint: another hub than the usual; None for the usual.

    Raises:
        WeightsError: the hub is out of reach, or does not show the repository or the revision.
    """
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import RevisionNotFoundError

    check_proxy()
    try:
        return Path(
            snapshot_download(
                repo,
                revision=revision,
                allow_patterns=list(FETCHED),
                token=token,
                cache_dir=cache_dir,
                local_files_only=local_files_only,
                endpoint=endpoint,
            )
        )
    except RevisionNotFoundError as error:
        raise WeightsError(
            f"{repo} has no revision {revision}",
            first_line(error),
            "Name a commit, branch or tag that its page on the hub shows.",
        ) from error
    except network_errors() as error:
        raise refused(repo, error, _NO_FOLDER) or WeightsError(
            f"{repo} could not be fetched from the hub",
            first_line(error),
            f"Check the network and start it again, or name a folder that was saved before. {_NO_FOLDER}",
        ) from error
