"""What file managers, network file systems and sync clients leave in a folder of ours."""

from __future__ import annotations

import shutil
from pathlib import Path

APPLE_DOUBLE = bytes.fromhex("00051607000200004d6163204f5320582020202020202020")
"""How the files begin that macOS writes beside each of ours on disks of other systems."""

FILES = (".DS_Store", "Thumbs.db", "desktop.ini", ".nfs00000000000000010000002a", "._.DS_Store")
COPIES = ("{0} 2{1}", "{0} copy{1}", "{0} - Copy{1}", "{0} (2){1}", "{0} (Anna's conflicted copy 2026-11-29){1}")
"""Names of a copy: of Finder, Explorer, Dropbox. 0: the name without its ending, 1: the ending."""


def strew(folder: Path, *, copies: bool = True) -> None:
    """Put foreign files into a folder and all below it, and copies of all that is there.

    Args:
        folder: an existing folder.
        copies: also copies of files and folders, as a person or a sync client makes them.
    """
    for place in [folder, *filter(Path.is_dir, folder.rglob("*"))]:
        for path in sorted(place.iterdir()):
            if copies:
                for copy in COPIES:
                    target = place / copy.format(path.stem, path.suffix)
                    shutil.copytree(path, target) if path.is_dir() else shutil.copyfile(path, target)
            path.with_name(f"._{path.name}").write_bytes(APPLE_DOUBLE)
        for name in FILES:
            (place / name).write_bytes(b"\x00\x00\x00\x01Bud1")
