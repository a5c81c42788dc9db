"""`python -m server`: a server with the plainest options, which needs none of the packages of the command `realcam`.

The extension's zip carries and starts it; `realcam serve` has all options.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from blender_addon.core.errors import RealCamError
from blender_addon.core.protocol.server_address import DEFAULT_CONTROL_PORT, DEFAULT_HOST, bare_host
from server.service.logs import set_up_logs
from server.service.options import ServiceOptions
from server.service.serving import default_data_dir, run_until_stopped


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until stopped.

    Args:
        arguments: of the command line; None for the process's own.

    Returns:
        The exit code: 1 or IN_USE when the server could not run, with a sentence on standard error.
    """
    parser = argparse.ArgumentParser(prog="python -m server", description="Run a RealCam server.")
    parser.add_argument("--host", default=DEFAULT_HOST, help="address to listen on")
    parser.add_argument("--port", type=int, default=DEFAULT_CONTROL_PORT, help="control port; 0 takes any free one")
    parser.add_argument("--data-port", type=int, help="data port; the control port + 1 if not given")
    parser.add_argument("--data-dir", type=Path, help="where jobs and clips are kept")
    parser.add_argument("--ready-file", type=Path, help="written as JSON once connections are accepted")
    parser.add_argument("--die-with-parent", action="store_true", help="stop when standard input closes")
    chosen = parser.parse_args(arguments)
    set_up_logs("text")
    options = ServiceOptions(
        data_dir=chosen.data_dir or default_data_dir(),
        host=bare_host(chosen.host),
        control_port=chosen.port,
        data_port=chosen.data_port if chosen.data_port is not None else (chosen.port + 1 if chosen.port else 0),
    )
    try:
        run_until_stopped(options, die_with_parent=chosen.die_with_parent, ready_file=chosen.ready_file)
    except RealCamError as error:
        print(error.sentence, file=sys.stderr)
        return error.exit_code
    except OSError as error:
        if error.filename is None:
            raise
        print(f"{error.filename} cannot be used: {error.strerror}. Name another place.", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
