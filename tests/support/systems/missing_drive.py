"""A drive or a share that is gone, imitated: nothing below a folder is there, and each question waits for an answer."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Any

import pytest


class MissingDrive:
    """What stands below a folder is not there any more.

    Attributes:
        asked: How many questions about it were asked.
        answers: Questions wait until this is set, as a share that does not answer lets them.
    """

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.asked = 0
        self.answers = threading.Event()
        self._root = str(folder)
        for name in ("stat", "access", "open", "listdir", "scandir"):
            monkeypatch.setattr(os, name, self._without(getattr(os, name)))

    def _without(self, real: Any) -> Any:
        def ask(path: Any = ".", *args: Any, **options: Any) -> Any:
            if not isinstance(path, int) and os.fsdecode(path).startswith(self._root):
                self.asked += 1
                self.answers.wait()
                raise FileNotFoundError(2, "The network path was not found", os.fsdecode(path))
            return real(path, *args, **options)

        return ask
