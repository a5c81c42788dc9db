"""The systemd unit of a server: it starts with the machine, and again after a crash."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

STOP_SECONDS = 15
"""What a stop may take beside the grace that a running job is given, before systemd kills everything."""

_UNIT = """\
# Printed by `realcam serve --print-unit`. Install it as root, as /etc/systemd/system/realcam.service, then:
#     systemctl daemon-reload && systemctl enable --now realcam
# `journalctl --unit realcam --follow` shows its log. Print it again when the server's options or its place change.

[Unit]
Description=RealCam server
Wants=network-online.target
After=network-online.target
# What does not start after five tries needs a person: `systemctl status realcam` has the reason in words.
StartLimitIntervalSec=120
StartLimitBurst=5

[Service]
Type=exec
User={user}
{environment}# Where NVIDIA's driver makes its devices on demand, it does so here: the server itself may not.
ExecStartPre=-+/usr/bin/nvidia-modprobe -c 0 -u
ExecStart={command}
Restart=on-failure
RestartSec=5
# The server alone is told to stop; it ends its workers when their jobs are at a checkpoint.
KillMode=mixed
TimeoutStopSec={stop_seconds}
# Bounds what an allowed client can do by load:
# MemoryMax=24G
NoNewPrivileges=yes
PrivateTmp=yes
ProtectSystem=full

[Install]
WantedBy=multi-user.target
"""


def systemd_unit(command: Sequence[str], user: str, environment: Mapping[str, str], stop_grace: float) -> str:
    """The text of a system unit, for /etc/systemd/system.

    Args:
        command: the server's program, an absolute path, and its arguments.
        user: whose keys, jobs and weights are the server's.
        environment: variables that the server needs.
        stop_grace: seconds that a running job is given when the server stops.
    """
    variables = {**environment, "PYTHONUNBUFFERED": "1"}
    return _UNIT.format(
        user=user,
        environment="".join(f"Environment={_word(f'{name}={value}')}\n" for name, value in variables.items()),
        command=" ".join(_word(word).replace("$", "$$") for word in command),
        stop_seconds=round(stop_grace) + STOP_SECONDS,
    )


def _word(text: str) -> str:
    """One word as systemd reads it: quoted where that is needed, % doubled."""
    text = text.replace("%", "%%")
    if re.fullmatch(r"[\w@%+=:,./$-]+", text, re.ASCII):
        return text
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'
