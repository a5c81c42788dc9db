"""Makes the fixtures of this folder, as it was done once at commit 23b7977 with Python 3.11 and Blender 4.5:

    .venv/bin/python -m tests.compatibility.make_fixtures [store] [messages] [payloads] [blend]

They are what that version wrote, and are opened by every later one; made again by a later one they would show nothing.
So it is kept for what it tells of them, and for the next version whose files are to be kept: beside these, not in
their place. Job ids, orders, pictures and messages are the same at every run; keys, the session's token, times,
durations and the bytes of the .blend are not.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

from server.data.motorcycle import Motorcycle, motorcycle
from tests.compatibility.make_blend import make_blend
from tests.compatibility.make_messages import make_messages
from tests.compatibility.make_payloads import make_payloads
from tests.compatibility.make_store import make_store

FIXTURES = Path(__file__).parent / "fixtures"
MAKERS: dict[str, Callable[[Motorcycle, Path], None]] = {
    "store": make_store,
    "messages": make_messages,
    "payloads": make_payloads,
    "blend": make_blend,
}


def main(wanted: list[str]) -> None:
    """Make those named, or all."""
    bike = motorcycle()
    for name in wanted or MAKERS:
        MAKERS[name](bike, FIXTURES / name)


if __name__ == "__main__":
    main(sys.argv[1:])
