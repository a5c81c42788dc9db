"""What two machines must have in common to share one job: pure but for a look at this machine's files."""

from __future__ import annotations

import hashlib
import importlib.util
import platform
from functools import cache
from pathlib import Path

import msgspec

from blender_addon.core.version import VERSION

ROOT = Path(__file__).parents[2]
SOURCES = ("blender_addon/core", "server")
"""All that a worker may import of ours."""


class Versions(msgspec.Struct, frozen=True, kw_only=True):
    """What a machine runs.

    Attributes:
        python: its version.
        ray: Ray's.
        realcam: ours.
        code: digest of our Python files.
        engines: digest of the module that `--engines` names; "" where the machine has none of that name.
    """

    python: str
    ray: str
    realcam: str
    code: str
    engines: str


def own_versions(ray: str, engines: str) -> Versions:
    """What this machine runs.

    Args:
        ray: Ray's version.
        engines: `module:function` that returns the engines.
    """
    return Versions(
        python=platform.python_version(),
        ray=ray,
        realcam=VERSION,
        code=code_digest(ROOT),
        engines=_module_digest(engines.partition(":")[0]),
    )


def mismatch(node: str, theirs: Versions, ours: Versions) -> str:
    """Why a node cannot take jobs of this server, as a sentence; "" when it can.

    A patch release of Python may differ: nothing that depends on it goes from one machine to the other.
    """
    if _minor(theirs.python) != _minor(ours.python):
        return _sentence(node, f"Python {theirs.python}", ours.python, f"Install Python {_minor(ours.python)} there.")
    if theirs.ray != ours.ray:
        return _sentence(node, f"Ray {theirs.ray}", ours.ray, f"Install ray=={ours.ray} there.")
    if theirs.realcam != ours.realcam:
        return _sentence(node, f"RealCam {theirs.realcam}", ours.realcam, f"Install realcam=={ours.realcam} there.")
    if theirs.code != ours.code:
        found, wanted = f"other code of RealCam {theirs.realcam} ({theirs.code[:12]})", ours.code[:12]
        return _sentence(node, found, wanted, "Install the same wheel or the same commit there.")
    if theirs.engines != ours.engines:
        found = f"other engines ({theirs.engines[:12]})" if theirs.engines else "no engines of that name"
        return _sentence(node, found, ours.engines[:12], "Install the module that --engines names there.")
    return ""


def _sentence(node: str, found: str, wanted: str, remedy: str) -> str:
    return f"The node {node} has {found}, the server {wanted}: it gets no jobs. {remedy}"


def _minor(python: str) -> str:
    return ".".join(python.split(".")[:2])


@cache
def code_digest(root: Path) -> str:
    """SHA-256 of our Python files below `root`, in hex; the kind of line endings does not count."""
    digest = hashlib.sha256()
    files = {path.relative_to(root).as_posix(): path for folder in SOURCES for path in (root / folder).rglob("*.py")}
    for name in sorted(files):
        data = files[name].read_bytes().replace(b"\r\n", b"\n")
        digest.update(f"{name} {len(data)}\n".encode() + data)
    return digest.hexdigest()


def _module_digest(module: str) -> str:
    try:
        found = importlib.util.find_spec(module)
    except (ImportError, ValueError):
        return ""
    if found is None or found.origin is None or not Path(found.origin).is_file():
        return ""
    return hashlib.sha256(Path(found.origin).read_bytes().replace(b"\r\n", b"\n")).hexdigest()
