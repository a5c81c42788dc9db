"""Files that file managers, file systems and sync clients leave in folders of other programs."""

from __future__ import annotations

import re
from pathlib import PurePath

_WINDOWS = frozenset({"thumbs.db", "ehthumbs.db", "desktop.ini"})
_COPY = re.compile(
    r"(?P<original>.+?)((?<=\d)( \d+| \(\d+\))| copy( \d+)?| - copy( \(\d+\))?| \([^()]*conflicted copy[^()]*\))",
    re.IGNORECASE,
)


def is_foreign(name: str) -> bool:
    """Whether a file of this name is none that a person or RealCam put there.

    All names that begin with a dot are (`.DS_Store`, `._x` of macOS on disks of other systems, `.nfs...`,
    `.directory`), and Explorer's own files.
    """
    return name.startswith(".") or name.lower() in _WINDOWS


def copied_from(name: str) -> str:
    """The name of the file that a file manager or a sync client made a copy of this name from; "" when it is none.

    Finder: `x 2`, `x copy`; Explorer: `x - Copy`, `x (2)`; Dropbox: `x (Anna's conflicted copy 2026-11-29)`. A bare
    number counts after a digit alone: `shot`, `shot 2`, `shot 3` may be a series. A person may have chosen such a name:
    only where the original lies beside it is it a copy.
    """
    path = PurePath(name)
    found = _COPY.fullmatch(path.stem)
    return "" if found is None else found["original"] + path.suffix
