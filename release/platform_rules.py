"""Checks a built zip against the rules of extensions.blender.org: `python -m release.platform_rules [--write]`.

The rules are those of the platform's terms, of its moderators' guidelines and of Blender's manual on extensions.
--write puts the report into docs/development.md. What a program cannot judge is listed for a person.
"""

from __future__ import annotations

import argparse
import ast
import subprocess
import sys
import tempfile
import tomllib
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from blender_addon.core.child_text import child_environment
from blender_addon.core.printable import escape_unknown_letters
from release.repository import extension_tool

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "development.md"
BEGIN, END = "<!-- platform rules: begin -->", "<!-- platform rules: end -->"

SIZE_LIMIT = 200e6
"""Bytes of a zip."""
TERSE = 64
"""Characters of a tagline or of the reason of a permission."""
LICENCES = {
    *("GPL-2.0-or-later", "GPL-3.0-or-later", "LGPL-2.1-or-later", "LGPL-3.0-or-later", "BSD-1-Clause", "BSD-2-Clause"),
    *("BSD-3-Clause", "BSL-1.0", "MIT", "MIT-0", "MPL-2.0", "Pixar", "Zlib"),
}
"""Blender's manual, Extension Licenses."""
NETWORK = {"urllib.request", "http.client", "http.server", "ftplib", "smtplib", "requests", "httpx"}
"""Ways to somewhere else. Sockets and ZeroMQ go to the chosen server alone."""
WRITING = {"write_text", "write_bytes", "mkdir", "unlink", "rmdir", "touch", "rename"}
OPEN = (
    "The server with a GPU is another program on another machine: moderators ask that an extension is whole without "
    "one (the engine `draft` is) and may object to the rest.",
    "All copyright holders of what is bundled are credited: each wheel carries its own licence files.",
    "Pictures and text of the listing: no logo of Blender, no claim of being endorsed.",
)


@dataclass(frozen=True)
class Extension:
    """A built zip. path: where it is."""

    path: Path

    @cached_property
    def names(self) -> list[str]:
        """Every file in it."""
        with zipfile.ZipFile(self.path) as archive:
            return archive.namelist()

    @cached_property
    def manifest(self) -> dict[str, Any]:
        """Its manifest."""
        with zipfile.ZipFile(self.path) as archive:
            return tomllib.loads(archive.read("blender_manifest.toml").decode("utf-8"))

    @cached_property
    def code(self) -> dict[str, ast.Module]:
        """The add-on's own Python files: those that run inside Blender."""
        with zipfile.ZipFile(self.path) as archive:
            return {
                name: ast.parse(archive.read(name))
                for name in self.names
                if name.endswith(".py") and (ROOT / "blender_addon" / name).is_file()
            }

    def nodes(self) -> Iterator[tuple[str, ast.AST]]:
        """(where, node) of everything in the add-on's own code."""
        for name, tree in self.code.items():
            for node in ast.walk(tree):
                yield f"{name}:{getattr(node, 'lineno', 0)}", node


Check = Callable[[Extension], list[str]]
"""What breaks the rule, in words; nothing when it is met."""


def _validate(extension: Extension) -> list[str]:
    command = [sys.executable, str(extension_tool()), "validate", str(extension.path)]
    ran = subprocess.run(command, capture_output=True, encoding="utf-8", env=child_environment(), check=False)
    return [] if ran.returncode == 0 else [(ran.stdout + ran.stderr).strip()]


def _terse(extension: Extension) -> list[str]:
    told = [extension.manifest["tagline"], *extension.manifest["permissions"].values()]
    return [text for text in told if len(text) > TERSE or not (text[-1].isalnum() or text[-1] in ")]}")]


def _tags(extension: Extension) -> list[str]:
    source = extension_tool().parents[3] / "modules" / "_bpy_internal" / "extensions" / "tags.py"
    (known,) = (
        ast.literal_eval(node.value)
        for node in ast.parse(source.read_text("utf-8")).body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "addons"
    )
    return sorted(set(extension.manifest["tags"]) - known)


def _licence(extension: Extension) -> list[str]:
    named = [licence.removeprefix("SPDX:") for licence in extension.manifest["license"]]
    return [f"{name} is not on the list of Blender's manual" for name in named if name not in LICENCES]


def _name(extension: Extension) -> list[str]:
    return [extension.manifest["name"]] if "blender" in extension.manifest["name"].lower() else []


def _imported(extension: Extension) -> Iterator[tuple[str, str]]:
    """(where, full name) of each absolute import."""
    for where, node in extension.nodes():
        if isinstance(node, ast.Import):
            yield from ((where, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
            yield from ((where, f"{node.module}.{alias.name}") for alias in node.names)


def _relative(extension: Extension) -> list[str]:
    own = {"blender_addon", "server", "realcam"}
    return [f"{where} {name}" for where, name in _imported(extension) if name.split(".")[0] in own]


def _sys_path(extension: Extension) -> list[str]:
    return [
        where for where, node in extension.nodes() if isinstance(node, ast.Attribute) and _dotted(node) == "sys.path"
    ]


def _dotted(node: ast.Attribute) -> str:
    return f"{node.value.id}.{node.attr}" if isinstance(node.value, ast.Name) else ""


def _no_exec(extension: Extension) -> list[str]:
    banned = {"exec", "eval", "compile", "__import__"}
    calls = ((where, node.func) for where, node in extension.nodes() if isinstance(node, ast.Call))
    return [where for where, function in calls if isinstance(function, ast.Name) and function.id in banned]


def _no_installer(extension: Extension) -> list[str]:
    banned = {"pip", "ensurepip"}
    wrong = [where for where, name in _imported(extension) if name.split(".")[0] in banned]
    values = ((where, node.value) for where, node in extension.nodes() if isinstance(node, ast.Constant))
    return wrong + [where for where, value in values if isinstance(value, str) and value in banned]


def _network(extension: Extension) -> list[str]:
    names = ((where, name) for where, name in _imported(extension))
    wrong = [
        f"{where} {name}" for where, name in names if any(f"{name}.".startswith(f"{banned}.") for banned in NETWORK)
    ]
    asks = any(isinstance(node, ast.Attribute) and node.attr == "online_access" for _, node in extension.nodes())
    return wrong if asks else [*wrong, "bpy.app.online_access is never asked"]


def _own_folder(extension: Extension) -> list[str]:
    wrong = []
    for name, tree in extension.code.items():
        nodes = list(ast.walk(tree))
        if any(isinstance(node, ast.Name) and node.id == "__file__" for node in nodes):
            wrong += [
                f"{name} {node.attr}" for node in nodes if isinstance(node, ast.Attribute) and node.attr in WRITING
            ]
    asks = any(isinstance(node, ast.Attribute) and node.attr == "extension_path_user" for _, node in extension.nodes())
    return wrong if asks else [*wrong, "extension_path_user is never asked"]


def _permissions(extension: Extension) -> list[str]:
    uses = {"clipboard": any(isinstance(n, ast.Attribute) and n.attr == "clipboard" for _, n in extension.nodes())}
    uses |= {"network": True, "files": True}
    return sorted({name for name, used in uses.items() if used} ^ set(extension.manifest["permissions"]))


def _wheels(extension: Extension) -> list[str]:
    """Blender unpacks a wheel only when its name fits; that it is the locked one, the build has checked by its hash."""
    lock = (ROOT / "uv.lock").read_text("utf-8")
    wheels = [name.removeprefix("wheels/") for name in extension.names if name.endswith(".whl")]
    listed = [Path(name).name for name in extension.manifest["wheels"]]
    return [name for name in wheels if f"/{name}" not in lock] + sorted(set(wheels) ^ set(listed))


def _reviewable(extension: Extension) -> list[str]:
    compiled = (".pyc", ".pyo", ".so", ".pyd", ".dll", ".dylib", ".exe", ".zip")
    return [name for name in extension.names if name.endswith(compiled)]


def _legacy(extension: Extension) -> list[str]:
    return [where for where, node in extension.nodes() if isinstance(node, ast.Name) and node.id == "bl_info"]


def _size(extension: Extension) -> list[str]:
    size = extension.path.stat().st_size
    return [f"{size / 1e6:.0f} MB"] if size > SIZE_LIMIT else []


RULES: tuple[tuple[str, Check], ...] = (
    ("Blender's own tool finds nothing wrong (`extension validate`)", _validate),
    (f"Tagline and reasons of permissions: at most {TERSE} characters, no full stop at the end", _terse),
    ("Tags from Blender's list", _tags),
    ("A licence that the platform lists", _licence),
    ("The name does not hold the word Blender", _name),
    ("Exactly the permissions that are used: network, files, clipboard", _permissions),
    ("Our own modules are imported by relative names", _relative),
    ("`sys.path` is left alone", _sys_path),
    ("No `exec`, `eval`, `compile`, `__import__`", _no_exec),
    ("Nothing is installed at run time: no pip", _no_installer),
    ("No connection but to the chosen server; `bpy.app.online_access` is asked", _network),
    ("Nothing is written into the extension's folder; `extension_path_user` is asked", _own_folder),
    ("Wheels as the registry has them, all listed in the manifest", _wheels),
    ("Reviewable: no bytecode, no binary outside the wheels", _reviewable),
    ("No `bl_info` of the time before extensions", _legacy),
    (f"At most {SIZE_LIMIT / 1e6:.0f} MB", _size),
)


def report(extension: Extension) -> str:
    """The report in Markdown: a table of the rules and what a person has to judge."""
    lines = ["| rule | state |", "|---|---|"]
    for rule, check in RULES:
        wrong = check(extension)
        lines.append(f"| {rule} | {'met' if not wrong else '**not met**: ' + '; '.join(wrong)} |")
    return "\n".join([*lines, "", "For a person to judge:", "", *(f"- {item}" for item in OPEN)])


def with_report(page: str, told: str) -> str:
    """The page with its report replaced."""
    before, _, rest = page.partition(BEGIN)
    return f"{before}{BEGIN}\n{told}\n{END}{rest.partition(END)[2]}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Build the zip for Linux, print the report, and with --write put it into the page."""
    from build_addon import build

    parser = argparse.ArgumentParser(description="Check the extension against the rules of extensions.blender.org.")
    parser.add_argument("--write", action="store_true", help="put the report into docs/development.md")
    options = parser.parse_args(arguments)
    escape_unknown_letters(sys.stdout)
    lock = tomllib.loads((ROOT / "uv.lock").read_text("utf-8"))
    with tempfile.TemporaryDirectory() as place:
        told = report(Extension(build("linux-x64", Path(place), ROOT / "build" / "wheels", lock=lock)))
    print(told)
    if options.write:
        PAGE.write_text(with_report(PAGE.read_text("utf-8"), told), "utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
