"""What every case shares: its input files, its answer, and the end of its process."""

from __future__ import annotations

import os
import sys
import tempfile
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, NoReturn

from tests.support.servers import REPOSITORY

INPUTS = Path(os.environ.get("REALCAM_CASES", REPOSITORY.parent / "shared" / "cases"))
"""Folder with a folder of input files for each case."""


class Answer(NamedTuple):
    """Whether the product does right in a case, and what it did."""

    right: bool
    said: str


def judge(check: Callable[[Path], Answer]) -> NoReturn:
    """Run a check, print `right: ...` or `WRONG: ...`, and end the process: 0 when right, else 1.

    Keys, and what the add-on keeps for its user, are in a temporary folder for the time of the check.

    Args:
        check: Is given an empty folder to work in. What it raises counts as wrong.
    """
    with tempfile.TemporaryDirectory(prefix="realcam-case-", ignore_cleanup_errors=True) as own:
        folders = [Path(own, name) for name in ("work", "config", "blender")]
        for folder in folders:
            folder.mkdir()
        work, config, blender = folders
        os.environ["REALCAM_CONFIG_DIR"], os.environ["BLENDER_USER_CONFIG"] = str(config), str(blender)
        try:
            answer = check(work)
        except Exception as error:  # noqa: BLE001 whatever the product raises is its answer
            traceback.print_exc()
            answer = Answer(False, f"{type(error).__name__}: {str(error)[-220:]}")
    print(("right: " if answer.right else "WRONG: ") + answer.said, flush=True)
    sys.stderr.flush()
    # Blender 4.5 may never come back from its own end: see tests/support/blender_exit.py.
    os._exit(0 if answer.right else 1)
