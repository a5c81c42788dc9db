"""Room for all of a variant, asked for at once; and one `weights get` at a time."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from server.model.weights.weights_fetch import SpaceNeeded, check_disk_space, in_units
from server.model.weights.weights_sources import WeightsError
from server.model.weights.weights_store import FRESH_PREFIX, WeightsStore

pytest.importorskip("filelock", reason="filelock is not installed: the model tests were not run")

from server.model.weights.weights_fetch import install_lock

HOLD = """
import sys
from pathlib import Path
from server.model.weights.weights_store import WeightsStore
from server.model.weights.weights_fetch import install_lock
with install_lock(WeightsStore(Path(sys.argv[1]))):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_what_fits_alone_and_not_together_is_refused(tmp_path: Path) -> None:
    """Both parts come to lie on one disk, whatever their folders, which need not be there yet."""
    most = shutil.disk_usage(tmp_path).free * 6 // 10
    download = SpaceNeeded(tmp_path / "downloads" / "deep", most, "to download")
    convert = SpaceNeeded(tmp_path / "weights", most, "to convert them")
    check_disk_space([download])
    check_disk_space([convert])
    with pytest.raises(WeightsError, match=r"B to download and .* to convert them are needed, .* free in .*--into"):
        check_disk_space([download, convert])


def test_sizes_are_told_in_the_unit_that_shows_them() -> None:
    assert [in_units(n) for n in (0, 999, 2223, 2_682_240, 10_436_000_000)] == [
        "0 bytes",
        "999 bytes",
        "2.2 kB",
        "2.7 MB",
        "10.4 GB",
    ]


def test_one_at_a_time_also_after_a_kill(tmp_path: Path) -> None:
    """A second one is told so; a killed one holds nothing, and its half-made folder goes."""
    store = WeightsStore(tmp_path / "weights")
    command = [sys.executable, "-c", HOLD, str(store.root)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        left = store.root / f"{FRESH_PREFIX}half"
        left.mkdir()
        (left / "model.safetensors").write_bytes(b"half of it")
        with pytest.raises(WeightsError, match=r"being fetched there already.*Wait"), install_lock(store):
            pass
        assert left.exists(), "it may be the other's"
        other.kill()
    with install_lock(store):
        assert not left.exists()


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    with (
        pytest.raises(WeightsError, match=r"cannot be kept there.*--into or REALCAM_WEIGHTS"),
        install_lock(WeightsStore(tmp_path / "file" / "weights")),
    ):
        pass
