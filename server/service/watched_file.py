"""A small file that other programs replace, looked at often and read only when it has changed."""

from __future__ import annotations

from pathlib import Path


class WatchedFile:
    """Tells whether a file is another one than at the last look; a missing one counts as a state like any other.

    Args:
        path: the file's.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._stamp: tuple[int, ...] | None = None

    def changed(self) -> bool:
        """Whether it has changed since the last call; True at the first."""
        try:
            facts = self.path.stat()
            stamp: tuple[int, ...] = (facts.st_mtime_ns, facts.st_size, facts.st_ino, facts.st_mode)
        except OSError:
            stamp = ()
        changed, self._stamp = stamp != self._stamp, stamp
        return changed
