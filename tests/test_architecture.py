"""Imports run downwards only, and no file is a drawer: the shape of the two packages, read from their sources."""

from __future__ import annotations

import ast
import graphlib
import subprocess
import sys
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MAX_LINES = 450

ADDON_PARTS = {
    "core": set[str](),
    "blender_versions": {"core"},
    "scene": {"core", "blender_versions"},
    "timeline": {"core", "blender_versions"},
    "shot": {"core", "blender_versions", "scene"},
    "camera_check": {"core", "blender_versions", "scene", "shot", "timeline"},
    "generation": {"core", "blender_versions", "scene", "shot", "timeline", "camera_check"},
    "ui": {"core", "blender_versions", "scene", "shot", "timeline", "camera_check", "generation"},
    "headless": {"core", "scene", "shot", "generation", "ui"},
    "__init__": {"ui"},
}
"""Part of the add-on: the other parts that it may import."""

ENGINE_ROOMS = {"diffusion", "geometry", "realcam", "depth"}
TOP = {
    *ENGINE_ROOMS,
    "data",
    "clip_files",
    "contact_sheet",
    "local_service",
    "evaluation",
    "engines",
    "service",
}
SERVER_PARTS = {
    "diffusion": set[str](),
    "geometry": set[str](),
    "clip_files": set[str](),
    "contact_sheet": set[str](),
    "local_service": set[str](),
    "depth": {"diffusion", "geometry"},
    "realcam": {"diffusion", "geometry"},
    "data": {"geometry", "depth"},
    "engines": {*ENGINE_ROOMS, "data", "evaluation"},
    "service": {"engines", "clip_files", "depth"},
    "evaluation": {"geometry", "data", "clip_files"},
    "generate*": TOP,
    "demo*": {*TOP, "generate*"},
    "bench*": {*TOP, "generate*"},
    "commands": {*TOP, "generate*", "demo*", "bench*"},
    "cli": {*TOP, "generate*", "demo*", "bench*", "commands"},
    "__init__": set[str](),
    "__main__": {"cli"},
}
"""Part of the server (a name or a pattern): the other parts that it may import, besides the add-on's core."""

CORE_LIBRARIES = {"numpy", "msgspec", "zmq"}
BLENDER_LIBRARIES = {
    *("bpy", "bpy_extras", "mathutils", "gpu", "gpu_extras", "blf", "bmesh", "addon_utils", "bl_ui", "bl_operators"),
}


def sources(*packages: str) -> list[Path]:
    """Every Python file of these top folders."""
    return sorted(path for package in packages for path in (ROOT / package).rglob("*.py"))


def module_of(path: Path) -> tuple[str, ...]:
    """blender_addon/core/shot.py -> (blender_addon, core, shot); a package is named by its folder and __init__."""
    return path.relative_to(ROOT).with_suffix("").parts


def imports(path: Path) -> Iterator[tuple[int, bool, tuple[str, ...]]]:
    """(line, is relative, full dotted name in parts) of each import, inside functions too."""
    package = module_of(path)[:-1]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, False, tuple(alias.name.split("."))
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            stem = (*base, *(node.module.split(".") if node.module else ()))
            for alias in node.names:
                yield node.lineno, bool(node.level), (*stem, alias.name)


def part(name: str, table: dict[str, set[str]]) -> str | None:
    """The row of the table that this module or folder belongs to."""
    return next((row for row in table if fnmatch(name, row)), None)


def where(path: Path, line: int) -> str:
    return f"{path.relative_to(ROOT)}:{line}"


def upward(path: Path, table: dict[str, set[str]]) -> Iterator[str]:
    """Sentences on the imports of one file that its row of the table does not allow."""
    package, name = module_of(path)[:2]
    row = part(name, table)
    if row is None:
        yield f"{path.relative_to(ROOT)} belongs to no layer: give {package}/{name} a row in tests/test_architecture.py"
        return
    for line, _, target in imports(path):
        if target[0] != package or len(target) < 2:
            continue
        other = part(target[1], table)
        if other not in (row, None) and other not in table[row]:
            yield f"{where(path, line)}: {package}.{name} must not import {package}.{target[1]}"


@pytest.mark.parametrize(("package", "table"), [("blender_addon", ADDON_PARTS), ("server", SERVER_PARTS)])
def test_imports_run_downwards(package: str, table: dict[str, set[str]]) -> None:
    assert [sentence for path in sources(package) for sentence in upward(path, table)] == []


@pytest.mark.parametrize("package", ["blender_addon", "server"])
def test_no_files_import_each_other_in_a_circle(package: str) -> None:
    """Not for types either: what a file needs of one above it, a Protocol can say."""
    files = {module_of(path): path for path in sources(package)}
    modules = {name[:-1] if name[-1] == "__init__" else name for name in files}
    graph = {
        name[:-1] if name[-1] == "__init__" else name: {
            found
            for _, _, target in imports(path)
            if (found := next((target[:n] for n in range(len(target), 1, -1) if target[:n] in modules), None))
        }
        for name, path in files.items()
    }
    graphlib.TopologicalSorter(graph).prepare()


@pytest.mark.parametrize("table", [ADDON_PARTS, SERVER_PARTS])
def test_the_layers_have_a_bottom(table: dict[str, set[str]]) -> None:
    order = list(graphlib.TopologicalSorter(table).static_order())
    assert set(order) == set(table)


def test_the_server_sees_only_the_addons_core() -> None:
    wrong = [
        where(path, line)
        for path in sources("server")
        for line, _, target in imports(path)
        if target[0] in BLENDER_LIBRARIES or (target[0] == "blender_addon" and target[1:2] != ("core",))
    ]
    assert wrong == []


def test_inside_the_addon_imports_are_relative() -> None:
    """Installed as an extension the package has another name, and the server is not there."""
    wrong = [
        where(path, line)
        for path in sources("blender_addon")
        for line, relative, target in imports(path)
        if not relative and target[0] in {"blender_addon", "server"}
    ]
    assert wrong == []


def test_the_addon_uses_what_blender_and_its_wheels_bring() -> None:
    for path in sources("blender_addon"):
        in_core = module_of(path)[1] == "core"
        allowed = CORE_LIBRARIES if in_core else CORE_LIBRARIES | BLENDER_LIBRARIES
        for line, relative, target in imports(path):
            known = relative or target[0] in sys.stdlib_module_names or target[0] in allowed
            assert known, f"{where(path, line)}: {target[0]} is not among {sorted(allowed)}"


def test_no_file_is_a_drawer() -> None:
    files = [*sources("blender_addon", "server", "tests"), *ROOT.glob("*.py")]
    long = {str(path.relative_to(ROOT)): len(path.read_text(encoding="utf-8").splitlines()) for path in files}
    assert {name: lines for name, lines in long.items() if lines > MAX_LINES} == {}


def test_only_one_file_asks_for_blenders_version() -> None:
    asking = [
        where(path, node.lineno)
        for path in sources("blender_addon")
        if path.name != "blender_versions.py"
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute) and ast.unparse(node) in ("bpy.app.version", "app.version")
    ]
    assert asking == []


def loaded_by(code: str) -> set[str]:
    """Top modules in a fresh Python after running this code there."""
    told = subprocess.run(
        [sys.executable, "-c", f"{code}\nimport sys\nprint(*{{name.split('.')[0] for name in sys.modules}})"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return set(told.stdout.split())


def test_core_is_light() -> None:
    modules = [".".join(module_of(path)).removesuffix(".__init__") for path in sources("blender_addon/core")]
    loaded = loaded_by("\n".join(f"import {module}" for module in ["blender_addon", *modules]))
    assert "numpy" in loaded
    assert loaded & {"bpy", "torch", "PIL", "scipy", "server"} == set()


def test_the_server_starts_without_models() -> None:
    loaded = loaded_by("import server.cli, server.engines.registry")
    assert "server" in loaded
    assert loaded & {"bpy", "torch", "diffusers", "transformers", "accelerate"} == set()


def test_the_table_finds_an_upward_import(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The reader of imports sees relative, absolute and nested ones."""
    monkeypatch.setattr(sys.modules[__name__], "ROOT", tmp_path)
    wrong = tmp_path / "server" / "geometry" / "wrong.py"
    wrong.parent.mkdir(parents=True)
    wrong.write_text(
        "import server.service\nfrom ..realcam import x\ndef f():\n    from .. import engines, diffusion\n"
    )
    assert [sentence.split(": ")[1] for sentence in upward(wrong, SERVER_PARTS)] == [
        f"server.geometry must not import server.{other}" for other in ("service", "realcam", "engines", "diffusion")
    ]
    stray = tmp_path / "server" / "helpers.py"
    stray.write_text("")
    assert "belongs to no layer" in next(upward(stray, SERVER_PARTS))
