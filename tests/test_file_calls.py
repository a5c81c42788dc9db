"""Files are renamed and removed by `blender_addon.core.held_files` alone, read from the sources."""

from __future__ import annotations

import ast

import pytest

from tests.sources import sources, where

RENAMING = {"unlink", "rename", "renames", "rmdir", "removedirs", "rmtree"}
"""Functions of os, pathlib and shutil that Windows refuses while another program has the file open."""


def renames_or_removes(call: ast.Call) -> bool:
    """Whether a call renames or removes a file itself."""
    if not isinstance(call.func, ast.Attribute):
        return False
    name, owner = call.func.attr, ast.unparse(call.func.value)
    if name == "TemporaryDirectory":
        return "ignore_cleanup_errors" not in {option.arg for option in call.keywords}
    # str.replace takes two arguments, structs.replace and dataclasses.replace take names.
    of_a_path = name == "replace" and len(call.args) == 1 and not call.keywords
    return name in RENAMING or of_a_path or (owner in ("os", "shutil") and name in ("replace", "remove", "move"))


def test_files_are_renamed_and_removed_in_one_place() -> None:
    """`core.held_files` bears with programs that have them open, and says so to who must not wait."""
    wrong = [
        where(path, node.lineno)
        for path in sources("blender_addon", "server")
        if path.name != "held_files.py"
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and renames_or_removes(node)
    ]
    assert wrong == []


@pytest.mark.parametrize(
    ("call", "found"),
    [
        ("path.unlink(missing_ok=True)", True),
        ("part.replace(path)", True),
        ("os.replace(a, b)", True),
        ("os.remove(path)", True),
        ("shutil.rmtree(folder, ignore_errors=True)", True),
        ("tempfile.TemporaryDirectory()", True),
        ("tempfile.TemporaryDirectory(ignore_cleanup_errors=True)", False),
        ("text.replace('a', 'b')", False),
        ("structs.replace(take, number=2)", False),
        ("bpy.data.meshes.remove(mesh)", False),
    ],
)
def test_the_check_knows_a_rename_when_it_sees_one(call: str, found: bool) -> None:
    expression = ast.parse(call, mode="eval").body
    assert isinstance(expression, ast.Call)
    assert renames_or_removes(expression) is found
