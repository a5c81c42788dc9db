"""Folders that cannot be written to, folders that are soon full, and folders in memory."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def not_writable(folder: Path) -> Iterator[None]:
    """A folder that nobody may write to; root, whom no mode keeps out, is kept out by the immutable flag."""
    if os.name == "nt":
        pytest.skip("a folder's mode keeps nobody out on Windows")
    root = os.geteuid() == 0
    if root and subprocess.run(["chattr", "+i", folder], check=False, capture_output=True).returncode:
        pytest.skip("root may write anywhere, and this file system has no immutable flag")
    mode = folder.stat().st_mode
    if not root:
        folder.chmod(0o500)
    try:
        yield
    finally:
        if root:
            subprocess.run(["chattr", "-i", folder], check=True)
        else:
            folder.chmod(mode)


@contextmanager
def memory_folder() -> Iterator[Path]:
    """A new folder in memory where the system has such a place: for tests that sync thousands of files."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None, ignore_cleanup_errors=True) as folder:
        yield Path(folder)


def link(at: Path, target: Path | str) -> None:
    """A symbolic link; skips the test where this user may make none."""
    try:
        at.symlink_to(target)
    except OSError as error:
        if os.name != "nt":
            raise
        pytest.skip(f"no symbolic link can be made: {error.strerror}; Windows wants its developer mode for them")


@contextmanager
def small_file_system(folder: Path, kibibytes: int) -> Iterator[Path]:
    """A file system of that size in `folder`, which is made; skips the test where none can be mounted."""
    folder.mkdir()
    options = ["-t", "tmpfs", "-o", f"size={kibibytes}k", "tmpfs"]
    mounted = shutil.which("mount") and subprocess.run(["mount", *options, folder], check=False, capture_output=True)
    if not mounted or mounted.returncode:
        pytest.skip("a small file system can only be mounted by root on Linux: the full disk was not tried")
    try:
        yield folder
    finally:
        # A server that has been told to end may still have a file open there.
        subprocess.run(["umount", "-l", folder], check=True)
