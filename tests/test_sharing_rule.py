"""The imitation of Windows' sharing rule refuses what Windows would, in the run and in the processes that it starts."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

TRIED = """
import mmap, os, pathlib, shutil, subprocess, sys
import pytest

def refused(action):
    with pytest.raises(PermissionError, match="used by another process"):
        action()

def test_it(tmp_path):
    path, folder = tmp_path / "folder" / "file", tmp_path / "folder"
    folder.mkdir()
    path.write_bytes(b"x")
    other = tmp_path / "other"
    other.write_bytes(b"y")
    with path.open("rb") as stream:
        mapped = mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)
        refused(path.unlink)
        refused(lambda: other.replace(path))
    refused(lambda: folder.rename(tmp_path / "new"))
    mapped.close()
    hold = "import sys; stream = open(sys.argv[1]); print(flush=True); sys.stdin.read()"
    child = subprocess.Popen([sys.executable, "-c", hold, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    child.stdout.readline()
    refused(lambda: shutil.rmtree(folder))
    child.communicate()
    mine = "import os, sys; stream = open(sys.argv[1]); os.unlink(sys.argv[1])"
    said = subprocess.run([sys.executable, "-c", mine, path], capture_output=True, text=True).stderr
    assert "used by another process" in said
    shutil.rmtree(folder)
    assert not folder.exists()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="who holds a file is read from /proc")
def test_who_holds_a_file_keeps_it(tmp_path: Path) -> None:
    (tmp_path / "test_tried.py").write_text(TRIED)
    run = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-q", "-p", "tests.support.systems.sharing_rule", "-p", "no:xdist"),
            *("-c", os.devnull, "--rootdir", str(tmp_path), f"--basetemp={tmp_path / 'base'}", str(tmp_path)),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "1 passed" in run.stdout, run.stdout + run.stderr
    assert "refused by the sharing rule: 5" in run.stdout
