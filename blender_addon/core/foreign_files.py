"""Files that file managers, file systems and sync clients leave in folders of other programs."""

from __future__ import annotations

_WINDOWS = frozenset({"thumbs.db", "ehthumbs.db", "desktop.ini"})


def is_foreign(name: str) -> bool:
    """Whether a file of this name is none that a person or RealCam put there.

    All names that begin with a dot are (`.DS_Store`, `._x` of macOS on disks of other systems, `.nfs...`,
    `.directory`), and Explorer's own files.
    """
    return name.startswith(".") or name.lower() in _WINDOWS
