"""The text of Python programs that we start: UTF-8 on every system, whatever code page it has.

On Windows a pipe or a log file is written in the code page of the language, which lacks most letters, while Blender
writes UTF-8 into the same file. Whoever reads such text says `encoding="utf-8"`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

UTF8_TEXT = {"PYTHONUTF8": "1", "PYTHONIOENCODING": "utf-8:backslashreplace"}
"""Variables by which a Python program, and those that it starts, read and write text as UTF-8."""


def child_environment(variables: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment for a Python program that we start: its text is UTF-8.

    Args:
        variables: beside those of this process, or in their place.
    """
    return {**os.environ, **UTF8_TEXT, **(variables or {})}
