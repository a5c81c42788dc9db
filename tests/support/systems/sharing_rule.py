"""Windows' rule of open files on Linux: what one of our processes holds can be neither renamed nor removed.

    uv run pytest -p tests.support.systems.sharing_rule tests/server/service

For the run, `os.unlink`, `rename`, `replace` and `rmdir` refuse, as Windows does, a path at or below which one of the
run's processes has a file open, mapped, or its working folder. Processes that tests start obey as well: they load
`children/sitecustomize.py`. What was refused is listed at the end; nothing need be, for we close what we rename.
"""

from __future__ import annotations

import errno
import os
import re
import stat
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

VARIABLE = "REALCAM_SHARING_RULE"
"""Environment variable of the run's processes: the file in which each writes what it was refused."""
CALLS = ("unlink", "remove", "rmdir", "rename", "replace")
"""The functions of `os` that Windows refuses; those of `pathlib` and `shutil` call them."""
SHARING_VIOLATION = 32
CHILDREN = Path(__file__).parent / "children"


def sharing_violation(path: str) -> PermissionError:
    """The error that Python raises on Windows when another program has a file open."""
    words = "The process cannot access the file because it is being used by another process"
    error = PermissionError(errno.EACCES, words, path)
    error.winerror = SHARING_VIOLATION  # type: ignore[attr-defined, unused-ignore]
    return error


def full_path(path: Any, dir_fd: int | None) -> str:
    """The absolute path that a function of `os` was called with, `shutil` giving names in an open folder."""
    folder = Path() if dir_fd is None else Path(f"/proc/self/fd/{dir_fd}").readlink()
    return str((folder / os.fsdecode(path)).absolute())


def paths_of(path: Any, arguments: tuple[Any, ...], options: dict[str, Any]) -> list[str]:
    """The absolute paths of a call: what is renamed or removed, and what a rename replaces."""
    source = full_path(path, options.get("dir_fd", options.get("src_dir_fd")))
    return [source, *(full_path(target, options.get("dst_dir_fd")) for target in arguments[:1])]


class Processes:
    """The run's processes, and what they hold.

    Args:
        report: the value of VARIABLE by which they are known.
    """

    def __init__(self, report: str) -> None:
        self._mark = os.fsencode(f"{VARIABLE}={report}")
        self._ours: dict[str, bool] = {str(os.getpid()): True}

    def holder(self, path: str) -> str:
        """The process that holds a file at this path or below it, and which; "" for nobody."""
        for pid in filter(str.isdecimal, (process.name for process in Path("/proc").iterdir())):
            try:
                if self._is_ours(pid) and (held := next(_held_by(pid, path), "")):
                    return f"{pid} ({held})"
            except OSError:
                # It has ended meanwhile.
                continue
        return ""

    def _is_ours(self, pid: str) -> bool:
        if pid not in self._ours:
            self._ours[pid] = self._mark in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
        return self._ours[pid]


def _held_by(pid: str, path: str) -> Iterator[str]:
    process, below = Path("/proc", pid), f"{path}/"
    folder = str((process / "cwd").readlink())
    if folder == path or folder.startswith(below):
        yield f"works in {folder}"
    for descriptor in (process / "fd").iterdir():
        try:
            place = str(descriptor.readlink())
            if (place == path or place.startswith(below)) and not stat.S_ISDIR(descriptor.stat().st_mode):
                yield f"has {place} open"
        except OSError:
            continue
    maps = (process / "maps").read_text(errors="replace")
    if f" {path}\n" in maps or f" {below}" in maps:
        yield f"has {path} mapped"


def install(report: str) -> None:
    """Obey the rule in this process from now on; what is refused is added to the file `report`."""
    processes = Processes(report)

    def obeying(name: str, real: Callable[..., None]) -> Callable[..., None]:
        def call(path: Any, *arguments: Any, **options: Any) -> None:
            for place in paths_of(path, arguments, options):
                if os.path.lexists(place) and (holder := processes.holder(os.path.realpath(place))):
                    who = f"{os.getpid()} ({Path(sys.argv[0]).name})"
                    with Path(report).open("a", encoding="utf-8") as lines:
                        lines.write(f"{name} {place}: {holder}; refused to {who}\n")
                    raise sharing_violation(place)
            real(path, *arguments, **options)

        call.obeys = True  # type: ignore[attr-defined]
        return call

    for name in CALLS:
        setattr(os, name, obeying(name, getattr(os, name)))


def pytest_configure() -> None:
    """Called by pytest: the run and all processes that it starts obey."""
    if VARIABLE not in os.environ:
        descriptor, os.environ[VARIABLE] = tempfile.mkstemp(prefix="realcam-sharing-rule-")
        os.close(descriptor)
        before = os.environ.get("PYTHONPATH")
        os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(CHILDREN), before]))
    # A worker of pytest-xdist obeys from its start.
    if not hasattr(os.unlink, "obeys"):
        install(os.environ[VARIABLE])


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Called by pytest at the end: what was refused, numbers left out so that alike is counted together."""
    lines = Path(os.environ[VARIABLE]).read_text("utf-8").splitlines()
    terminalreporter.section(f"refused by the sharing rule: {len(lines)}")
    for line, count in Counter(re.sub(r"\d+", "#", line) for line in lines).most_common():
        terminalreporter.write_line(f"{count} x {line}")
