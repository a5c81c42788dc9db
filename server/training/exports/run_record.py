"""What a training's folder says of it, beside its checkpoints: configuration, base, data, and the code that ran."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path

import msgspec

from blender_addon.core.atomic_file import write_atomic
from blender_addon.core.programs import find_program
from blender_addon.core.version import VERSION
from server.training.checkpoints import TrainingError
from server.training.config import TrainingConfig

RUN_FILE = "run.json"
"""Name of the record in a run's folder."""


class RunRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A training as its folder keeps it.

    Attributes:
        config: of the training.
        base: digest of its base, see `base_digest`.
        clips: that are trained on.
        left_out: clips that are not, by reason.
        version: of this program.
        commit: of the checkout that it runs from; "" outside of one.
    """

    config: TrainingConfig
    base: str
    clips: int
    left_out: dict[str, int]
    version: str = VERSION
    commit: str = ""


def record_run(config: TrainingConfig, base: str, clips: int, left_out: Mapping[str, int]) -> None:
    """Write what a training is into its folder; a training that goes on writes it anew.

    Args:
        config: of the training.
        base: digest of its base, see `base_digest`.
        clips: that are trained on.
        left_out: clips that are not, by reason.

    Raises:
        TrainingError: it cannot be written.
    """
    made = RunRecord(config=config, base=base, clips=clips, left_out=dict(left_out), commit=checkout_commit())
    folder = Path(config.out)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_atomic(folder / RUN_FILE, msgspec.json.format(msgspec.json.encode(made)))
    except OSError as error:
        raise TrainingError("The training's folder cannot be written", f"{folder}: {error.strerror}") from error


def read_run(folder: Path) -> RunRecord:
    """What a training's folder says of it.

    Raises:
        TrainingError: it is no training's folder.
    """
    try:
        return msgspec.json.decode((folder / RUN_FILE).read_bytes(), type=RunRecord)
    except OSError as error:
        raise TrainingError(
            "The folder is no training's", f"{folder} has no {RUN_FILE}", "Name what the configuration calls out."
        ) from error
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise TrainingError("The training's record cannot be read", f"{folder / RUN_FILE}: {error}") from error


def clips_before(folder: Path) -> int | None:
    """How many clips a training's folder says that it was on; None where it says nothing."""
    try:
        return read_run(folder).clips
    except TrainingError:
        return None


def checkout_commit() -> str:
    """The commit of the checkout that runs, with a + where files differ from it; "" where there is none."""
    git = find_program("git")
    if git is None:
        return ""
    # The tag part is left out: only the commit, and whether it is what runs.
    done = subprocess.run(
        [git, "describe", "--always", "--abbrev=40", "--dirty=+", "--exclude=*"],
        cwd=Path(__file__).parent,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    return done.stdout.strip() if done.returncode == 0 else ""
