"""Imports run downwards only, and no file is a drawer: the shape of the two packages, read from their sources."""

from __future__ import annotations

import ast
import graphlib
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path

import pytest

from tests.rooms import ROOMS, TORCH_ROOMS
from tests.sources import ROOT, imports, module_of, named, sources, where

MAX_LINES = 450

MAX_FILES = 15
"""Modules beside each other in one folder, `__init__.py` not counted."""

CORE_LIBRARIES = {"numpy", "msgspec", "zmq"}
BLENDER_LIBRARIES = {
    *("bpy", "bpy_extras", "mathutils", "gpu", "gpu_extras", "blf", "bmesh", "addon_utils", "bl_ui", "bl_operators"),
}


def part(name: str, table: dict[str, set[str]]) -> str | None:
    """The row of the table that this module or folder belongs to."""
    return next((row for row in table if fnmatch(name, row)), None)


def upward(path: Path, room: str) -> Iterator[str]:
    """Sentences on the imports of one file in this room that the row of its part of the room does not allow."""
    table, prefix = ROOMS[room], tuple(room.split("/"))
    name = module_of(path)[len(prefix)]
    row = part(name, table)
    if row is None:
        yield f"{named(path)} belongs to no layer: give {room}/{name} a row in tests/rooms.py"
        return
    for line, _, target in imports(path):
        if target[: len(prefix)] != prefix or len(target) == len(prefix):
            continue
        other = part(target[len(prefix)], table)
        if other not in (row, None) and other not in table[row]:
            yield f"{where(path, line)}: {room}/{name} must not import {target[len(prefix)]}"


@pytest.mark.parametrize("room", ROOMS)
def test_imports_run_downwards(room: str) -> None:
    assert [sentence for path in sources(room) for sentence in upward(path, room)] == []


@pytest.mark.parametrize("package", ["blender_addon", "server"])
def test_every_room_with_rooms_of_its_own_has_a_table(package: str) -> None:
    """Which of its neighbours a room may import is decided, not found out."""
    rooms = {path.parent for path in sources(package)}
    nested = {room.relative_to(ROOT).as_posix() for room in rooms if any(other.parent == room for other in rooms)}
    # One format beside the other: they are told apart by their dispatch alone.
    assert nested - set(ROOMS) <= {"blender_addon/core/camera", "blender_addon/core/depth"}


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


@pytest.mark.parametrize("room", ROOMS)
def test_the_layers_have_a_bottom(room: str) -> None:
    table = ROOMS[room]
    assert set(graphlib.TopologicalSorter(table).static_order()) == set(table)


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
        allowed = CORE_LIBRARIES if in_core else CORE_LIBRARIES | BLENDER_LIBRARIES | {"av", "OpenImageIO"}
        for line, relative, target in imports(path):
            known = relative or target[0] in sys.stdlib_module_names or target[0] in allowed
            assert known, f"{where(path, line)}: {target[0]} is not among {sorted(allowed)}"


def test_only_networks_rooms_import_torch() -> None:
    wrong = [
        where(path, line)
        for path in sources("blender_addon", "server", "realcam")
        for line, _, target in imports(path)
        if target[0] == "torch" and not any(path.is_relative_to(ROOT / room) for room in TORCH_ROOMS)
    ]
    assert wrong == []


def test_only_the_cluster_s_room_and_its_measurement_import_ray() -> None:
    """Everything else runs, and is tested, where Ray is not installed."""
    rooms = [ROOT / "server/cluster", ROOT / "server/bench/cluster_load"]
    wrong = [
        where(path, line)
        for path in sources("blender_addon", "server", "realcam", "examples")
        for line, _, target in imports(path)
        if target[0] == "ray" and not any(path.is_relative_to(room) for room in rooms)
    ]
    assert wrong == []


def test_the_package_to_import_only_hands_on_names() -> None:
    """`from realcam import ...`: what stands behind a name may move, the name stays."""
    (module,) = sources("realcam")
    _docstring, *statements = ast.parse(module.read_text(encoding="utf-8")).body
    assert {type(statement) for statement in statements} == {ast.ImportFrom, ast.Assign}
    names = [alias.name for statement in statements[:-1] for alias in statement.names]  # type: ignore[attr-defined]
    assert sorted(ast.literal_eval(statements[-1].value)) == sorted(names)  # type: ignore[attr-defined]


def test_examples_import_what_is_public_or_the_server_s() -> None:
    imported = {target[0] for path in sources("examples") for _, _, target in imports(path)}
    assert imported - set(sys.stdlib_module_names) <= {"realcam", "server", "numpy", "PIL", "torch"}


def test_no_file_is_a_drawer() -> None:
    files = [*sources("blender_addon", "server", "realcam", "examples", "tests"), *ROOT.glob("*.py")]
    long = {str(path.relative_to(ROOT)): len(path.read_text(encoding="utf-8").splitlines()) for path in files}
    assert {name: lines for name, lines in long.items() if lines > MAX_LINES} == {}


def test_no_room_is_crowded() -> None:
    """What a newcomer finds when a folder is opened fits a screen."""
    rooms = Counter(path.parent for path in sources("blender_addon", "server", "tests") if path.name != "__init__.py")
    assert {str(room.relative_to(ROOT)): files for room, files in rooms.items() if files > MAX_FILES} == {}


def test_only_one_file_asks_for_blenders_version() -> None:
    asking = [
        where(path, node.lineno)
        for path in sources("blender_addon")
        if path.name != "blender_versions.py"
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute) and ast.unparse(node) in ("bpy.app.version", "app.version")
    ]
    assert asking == []


def test_conftests_hold_fixtures_only() -> None:
    """What tests share beside fixtures is in tests/support. Recordings ran at an old version."""
    importing = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in sources("tests")
        if "recording" not in path.parts
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[-1] == "conftest"
    ]
    assert importing == []


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


def test_the_server_and_the_names_to_import_load_no_models() -> None:
    loaded = loaded_by("import server.cli, server.engines.registry, realcam")
    assert "server" in loaded
    assert loaded & {"bpy", "torch", "diffusers", "transformers", "accelerate", "ray"} == set()


def test_the_table_finds_an_upward_import(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The reader of imports sees relative, absolute and nested ones."""
    monkeypatch.setattr("tests.sources.ROOT", tmp_path)
    wrong = tmp_path / "server" / "geometry" / "wrong.py"
    wrong.parent.mkdir(parents=True)
    wrong.write_text("import server.service\nfrom ..model import x\ndef f():\n    from .. import engines, diffusion\n")
    assert [sentence.split(": ")[1] for sentence in upward(wrong, "server")] == [
        f"server/geometry must not import {other}" for other in ("service", "model", "engines", "diffusion")
    ]
    stray = tmp_path / "server" / "helpers.py"
    stray.write_text("")
    assert "belongs to no layer" in next(upward(stray, "server"))


def test_the_table_finds_an_import_of_a_forbidden_neighbour(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.sources.ROOT", tmp_path)
    wrong = tmp_path / "server" / "service" / "jobs" / "wrong.py"
    wrong.parent.mkdir(parents=True)
    wrong.write_text("from ..workers.dispatcher import Dispatcher\nfrom server.service.requests import zap\n")
    assert [sentence.split(": ")[1] for sentence in upward(wrong, "server/service")] == [
        f"server/service/jobs must not import {other}" for other in ("workers", "requests")
    ]
