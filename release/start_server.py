"""Starts the server that the extension carries: `python start.py FOLDERS ARGUMENTS`, by Blender's own Python.

FOLDERS are those of the extension's wheels and of Blender's NumPy, joined as in PATH. The server's worker is a process
of its own, which finds everything by the environment. build_addon.py puts this file into the zip, beside `server`.
"""

import os
import sys
from pathlib import Path

folders = [str(Path(__file__).resolve().parent), *sys.argv.pop(1).split(os.pathsep)]
sys.path[:1] = folders
os.environ["PYTHONPATH"] = os.pathsep.join(folders)
os.environ["PYTHONNOUSERSITE"] = "1"

from server.__main__ import main  # noqa: E402

if __name__ == "__main__":
    sys.exit(main())
