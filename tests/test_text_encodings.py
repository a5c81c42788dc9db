"""Names with any letters, where the system's code page has some 250 of them: every text of ours says its encoding."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from blender_addon.core.errors import ShotError
from blender_addon.core.payloads.headless_plan import HeadlessPlan
from blender_addon.core.payloads.shot import ShotSettings
from blender_addon.generation.local_server import LocalServer
from server.demo.headless_blender import run_plan
from server.terminal.local_service import REALCAM
from tests.sources import ROOT, named, sources, where
from tests.support.systems.code_pages import FOLDER, WESTERN

TEXT_MODES = {mode + plus + text for mode in "rwax" for plus in ("", "+") for text in ("", "t")}
NO_FILES = {"thumbnails"}
"""What has an `open` of its own that takes nothing."""


@pytest.fixture
def western(monkeypatch: pytest.MonkeyPatch) -> None:
    """Programs that this process starts write as on a Windows of a western language, unless they are told."""
    for name, value in WESTERN.items():
        monkeypatch.setenv(name, value)


def leaves_its_encoding_unsaid(call: ast.Call) -> bool:
    """Whether a call reads or writes text in whatever encoding the system has."""
    owner, _, name = ast.unparse(call.func).rpartition(".")
    said = {keyword.arg for keyword in call.keywords}
    constants = [*call.args, *(keyword.value for keyword in call.keywords if keyword.arg == "mode")]
    modes = {argument.value for argument in constants if isinstance(argument, ast.Constant)}
    without_mode = not call.args and not said and owner not in NO_FILES
    text = {
        "open": (bool(modes & TEXT_MODES) or without_mode) and owner != "av",
        "read_text": isinstance(call.func, ast.Attribute) and not call.args,
        "write_text": len(call.args) == 1,
    }
    program = name in ("run", "Popen") and bool(said & {"text", "universal_newlines"})
    return "encoding" not in said and (text.get(name, False) or program)


def test_every_text_says_its_encoding() -> None:
    ours = [*sources("blender_addon", "server", "examples", "release", "scripts"), ROOT / "build_addon.py"]
    wrong = [
        where(path, node.lineno)
        for path in ours
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and leaves_its_encoding_unsaid(node)
    ]
    assert wrong == []


@pytest.mark.parametrize(
    ("call", "found"),
    [
        ("path.open()", True),
        ("path.open('r+')", True),
        ("path.open(mode='w')", True),
        ("open(path, 'a')", True),
        ("path.open('w', encoding='utf-8')", False),
        ("path.open('rb')", False),
        ("av.open(name, 'w')", False),
        ("path.read_text(errors='replace')", True),
        ("path.read_text('utf-8')", False),
        ("path.write_text(text)", True),
        ("path.write_text(text, 'utf-8')", False),
        ("subprocess.run(command, text=True)", True),
        ("subprocess.run(command, capture_output=True)", False),
    ],
)
def test_the_check_knows_text_when_it_sees_it(call: str, found: bool) -> None:
    expression = ast.parse(call, mode="eval").body
    assert isinstance(expression, ast.Call)
    assert leaves_its_encoding_unsaid(expression) is found


@pytest.mark.parametrize(
    ("folder", "says"),
    [
        ("examples", 'sys.stdout.reconfigure(errors="backslashreplace")'),
        ("release", "escape_unknown_letters(sys.stdout)"),
    ],
)
def test_what_prints_says_what_becomes_of_letters_that_the_console_lacks(folder: str, says: str) -> None:
    texts = {named(path): path.read_text("utf-8") for path in sources(folder)}
    printing = [name for name, text in texts.items() if re.search(r"^\s*print\(", text, re.MULTILINE)]
    assert len(printing) > 2
    assert [name for name in printing if says not in texts[name]] == []


@pytest.mark.parametrize("program", [(*REALCAM, "serve"), ("-m", "server")], ids=["realcam serve", "the add-on's own"])
def test_a_server_says_its_folder_on_any_console(program: tuple[str, ...], tmp_path: Path) -> None:
    folder = tmp_path / FOLDER / "jobs"
    command = [sys.executable, *program, "--port", "0", "--data-dir", str(folder), "--die-with-parent"]
    environment = {**os.environ, **WESTERN, "REALCAM_CONFIG_DIR": str(tmp_path / FOLDER / "config")}
    ran = subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, env=environment, cwd=ROOT, timeout=120, check=False
    )
    assert ran.returncode == 0, ran.stderr
    # "ó" is a letter of the code page, the others are not.
    assert rb"\u0424\u043e\u0442\u043e \u0141\xf3d\u017a \U0001f3a5" in ran.stdout.replace(b"\xf3", rb"\xf3")


@pytest.mark.usefixtures("western")
def test_the_last_words_of_the_addons_server_are_read_as_they_were_written(tmp_path: Path) -> None:
    server = LocalServer((sys.executable, "-c", f"print({FOLDER!r})"), tmp_path / FOLDER / "server.log")
    server.start()
    while server.running:
        time.sleep(0.01)
    assert server.log_tail() == FOLDER
    server.stop()


@pytest.mark.usefixtures("western")
def test_headless_blender_reports_names_as_they_are(tmp_path: Path) -> None:
    pytest.importorskip("bpy")
    folder = tmp_path / FOLDER
    plan = HeadlessPlan(
        photo=str(folder / "photo.png"),
        depth=str(folder / "depth.npy"),
        blend=str(folder / "shot.blend"),
        preview_frames=str(folder / "frames"),
        title=FOLDER,
        settings=ShotSettings(engine="draft"),
        host="127.0.0.1",
        control_port=1,
        data_port=2,
        moves=(),
    )
    with pytest.raises(ShotError, match=FOLDER):
        list(run_plan(plan, folder))
    assert "\ufffd" not in (folder / "blender.log").read_text(encoding="utf-8")
