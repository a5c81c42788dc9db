"""The server's files in the extension's zip: what the engine `draft` and the service need, run by Blender's Python."""

from __future__ import annotations

from pathlib import Path

from blender_addon.core.foreign_files import is_foreign

ROOT = Path(__file__).parents[1]
FOLDER = "carried_server"
"""Where they stand in the zip."""
LEFT_OUT = {"bench", "cli.py", "cluster", "commands", "datasets", "demo", "gateway", "terminal", "training"}
"""The command line, HTTP, Ray and what only they use: their packages are not in the zip."""
NETWORK = Path("model", "weights", "nano")
"""The network that ships, which needs PyTorch, also not there."""
ADDON = '''"""The add-on whose folder this is in: the server imports its core by the name that it has in a checkout."""

from pathlib import Path

__path__ = [str(Path(__file__).resolve().parents[2])]
'''


def carried_server_files() -> dict[str, bytes]:
    """The content of each file by its path in the zip."""
    files = {
        f"{FOLDER}/start.py": (ROOT / "release" / "start_server.py").read_bytes(),
        f"{FOLDER}/blender_addon/__init__.py": ADDON.encode(),
    }
    server = ROOT / "server"
    for path in sorted(server.rglob("*")):
        inside = path.relative_to(server)
        if not path.is_file() or is_foreign(path.name):
            continue
        left_out = inside.parts[0] in LEFT_OUT or inside.is_relative_to(NETWORK)
        if "__pycache__" not in inside.parts and not left_out:
            files[f"{FOLDER}/server/{inside.as_posix()}"] = path.read_bytes()
    return files
