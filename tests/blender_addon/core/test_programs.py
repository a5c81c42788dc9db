"""Programs: where they are looked for, and how command lines are split and written by each system's rules."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blender_addon.core.programs import find_program, join_command, split_command, unquoted_path
from tests.sources import ROOT, sources

ENDINGS = {"PATHEXT": ".COM;.EXE"}
"""On Windows, of programs; the case does not matter there, so these files are written as they are looked for."""


def program(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return path


@pytest.mark.parametrize(("platform", "name"), [("posix", "uv"), ("nt", "uv.exe")])
def test_a_program_beside_a_blend_is_not_run(
    platform: str, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither by Windows' habit of looking into the current folder, nor by a PATH that names it."""
    planted = program(tmp_path / "downloads" / name)
    monkeypatch.chdir(planted.parent)
    environment = {**ENDINGS, "PATH": f".::{tmp_path / 'empty'}"}
    assert find_program("uv", platform, environment, tmp_path) is None
    assert find_program(f"./{name}", platform, environment, tmp_path) == Path(name), "its path was written down"
    kept = program(tmp_path / ".local" / "bin" / name)
    assert find_program("uv", platform, environment, tmp_path) == kept


def test_the_path_goes_before_where_programs_are_kept(tmp_path: Path) -> None:
    first, kept = program(tmp_path / "bin" / "uv"), program(tmp_path / ".cargo" / "bin" / "uv")
    assert find_program("uv", "posix", {"PATH": str(first.parent)}, tmp_path) == first
    assert find_program("uv", "posix", {"PATH": ""}, tmp_path) == kept
    first.chmod(0o644)
    assert find_program("uv", "posix", {"PATH": str(first.parent)}, tmp_path) == kept


def test_wingets_links_are_looked_into(tmp_path: Path) -> None:
    link = program(tmp_path / "AppData" / "Local" / "Microsoft" / "WinGet" / "Links" / "uv.exe")
    assert find_program("uv", "nt", ENDINGS, tmp_path) == link
    assert find_program("uv.exe", "nt", ENDINGS, tmp_path) == link


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (r'"C:\Program Files\uv\uv.exe" run realcam', [r"C:\Program Files\uv\uv.exe", "run", "realcam"]),
        (r'uv --directory="C:\my dir" run', ["uv", r"--directory=C:\my dir", "run"]),
        (r'uv --directory "C:\my dir\\" run', ["uv", "--directory", "C:\\my dir\\", "run"]),
        (r"uv --directory C:\new\ run", ["uv", "--directory", "C:\\new\\", "run"]),
        (r'uv "a \"b\" c" d', ["uv", 'a "b" c', "d"]),
        (r'uv "a"" b', ["uv", 'a"', "b"]),
        (r"uv 'D:\my work'", ["uv", r"'D:\my", "work'"]),
        (r"C:\uv.exe  run	realcam ", [r"C:\uv.exe", "run", "realcam"]),
        ('uv ""', ["uv", ""]),
        ("", []),
    ],
)
def test_windows_own_rules(text: str, words: list[str]) -> None:
    """Those of CommandLineToArgvW."""
    assert split_command(text, "nt") == words


@pytest.mark.parametrize("text", ['"C:\\uv.exe run', 'uv "a b', 'uv a\\\\" b'])
def test_a_quotation_mark_is_closed(text: str) -> None:
    for platform in ("nt", "posix"):
        with pytest.raises(ValueError, match="clos"):
            split_command(text, platform)


WORDS = st.lists(st.text(st.sampled_from("a \\\"'&%$é"), max_size=6), max_size=4)


@given(words=WORDS)
def test_a_command_line_is_split_into_what_it_was_written_from(words: list[str]) -> None:
    command = ["uv", *words]
    for platform in ("nt", "posix"):
        assert split_command(join_command(command, platform), platform) == command


def test_what_a_terminal_takes_for_something_else_is_quoted() -> None:
    assert join_command(["uv", "a&b", "x y", "--to=1"], "nt") == 'uv "a&b" "x y" --to=1'
    assert join_command(["uv", "a$b", "x y"], "posix") == "uv 'a$b' 'x y'"


def test_a_path_with_a_blank_and_no_quotes(tmp_path: Path) -> None:
    uv = program(tmp_path / "my tools" / "uv.exe")
    for text in (f"{uv} run realcam", f"{uv.with_suffix('')} run realcam", str(uv)):
        assert unquoted_path(text, "nt", ENDINGS).startswith(str(uv.with_suffix("")))
    assert unquoted_path(f"{uv} run", "posix") == str(uv)
    assert unquoted_path("uv run realcam", "nt", ENDINGS) == ""


def test_programs_are_looked_up_in_one_place() -> None:
    """`shutil.which` looks into the current folder on Windows, and so does starting a bare name."""
    bare = re.compile(r"shutil\.which\(|(subprocess\.run|Popen|check_output)\(\s*[\[(]?f?[\"']|os\.system\(|shell=True")
    ours = [*sources("blender_addon", "server", "release", "scripts"), *ROOT.glob("*.py")]
    assert [path for path in ours if bare.search(path.read_text("utf-8"))] == []
