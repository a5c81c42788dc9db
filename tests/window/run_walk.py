"""Prepares the walk (extension zip, motorcycle photo, a server) and runs it in a real window.

    python tests/window/run_walk.py [SCRIPT.py] [--seconds 240]

REAL_BLENDER names the tool that opens the window, `<tool> gui SCRIPT.py SECONDS` with this checkout at /project.
Pictures: .shots/walk-*.png.
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from server.demo.motorcycle import motorcycle  # noqa: E402
from tests.support.servers import PRODUCT_ENGINES, RunningServer, free_address  # noqa: E402

FOLDER = ROOT / "out" / "window"


def prepare(address: str) -> None:
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    bike = motorcycle()
    Image.fromarray(bike.photo).save(FOLDER / "motorcycle.png")
    np.save(FOLDER / "motorcycle_depth.npy", bike.depth)
    (FOLDER / "server.json").write_text(json.dumps({"address": address}))
    subprocess.run(
        [sys.executable, str(ROOT / "build_addon.py"), "--platform", "linux-x64", "--out", str(FOLDER)], check=True
    )


@contextlib.contextmanager
def the_window() -> Iterator[None]:
    """The tool has one screen and one place for a checkout on a machine: a second walk waits for the first."""
    with (Path(tempfile.gettempdir()) / "realcam-window.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def main() -> int:
    arguments = argparse.ArgumentParser()
    arguments.add_argument("script", nargs="?", default="tests/window/walk.py")
    arguments.add_argument("--seconds", default="500")
    arguments.add_argument("--zip-alone", action="store_true", help="no server is started here: the zip's own is used")
    chosen = arguments.parse_args()
    address = free_address()
    prepare(str(address))
    inside = f"/project/{FOLDER.relative_to(ROOT)}"
    tool = os.environ.get("REAL_BLENDER", str(ROOT.parent / "shared" / "tools" / "real-blender"))
    # One key pair for both sides: the window's Blender has a home folder of its own.
    server = RunningServer(FOLDER / "server", FOLDER / "config", engines=PRODUCT_ENGINES, address=address)
    if not chosen.zip_alone:
        server.start()
    try:
        with the_window():
            subprocess.run(
                [tool, "gui", f"/project/{chosen.script}", chosen.seconds],
                cwd=ROOT,
                env={**os.environ, "REALCAM_WALK": inside, "REALCAM_CONFIG_DIR": f"{inside}/config"},
                check=False,
            )
    finally:
        if not chosen.zip_alone:
            server.stop()
    result = FOLDER / "result.json"
    print(result.read_text() if result.is_file() else "The walk did not come to its end.")
    return 0 if result.is_file() else 1


if __name__ == "__main__":
    sys.exit(main())
