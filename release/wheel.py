"""Builds the server's wheel: `python -m release.wheel [--out dist]`.

Whoever runs a server installs it: `uv tool install FILE`. The same sources and the locked hatchling give the same
bytes: hatchling dates all files alike.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from hatchling.builders.wheel import WheelBuilder

from blender_addon.core.printable import escape_unknown_letters

ROOT = Path(__file__).parents[1]
DATE = "1580601600"
"""2 February 2020, hatchling's own choice for a build that is to be the same each time."""


def build_wheel(out: Path, root: Path = ROOT) -> Path:
    """The wheel of the project in `root`, built into the folder `out`."""
    out.mkdir(parents=True, exist_ok=True)
    before = os.environ.get("SOURCE_DATE_EPOCH")
    os.environ["SOURCE_DATE_EPOCH"] = DATE
    try:
        (made,) = WheelBuilder(str(root)).build(directory=str(out), versions=["standard"])
    finally:
        if before is None:
            del os.environ["SOURCE_DATE_EPOCH"]
        else:
            os.environ["SOURCE_DATE_EPOCH"] = before
    return Path(made)


def main(arguments: Sequence[str] | None = None) -> int:
    """Build it and say where it is."""
    parser = argparse.ArgumentParser(description="Build the wheel that installs the server.")
    parser.add_argument("--out", type=Path, default=ROOT / "dist", help="folder for the wheel (default: dist)")
    escape_unknown_letters(sys.stdout)
    made = build_wheel(parser.parse_args(arguments).out)
    print(f"{made}  {made.stat().st_size / 1e6:.1f} MB")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
