"""Foreign text as markup: paths, titles, notes and reasons are printed, logged and sent as the text that they are."""

from __future__ import annotations

import ast
import io
import logging
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
from rich.progress import Progress
from typer.testing import CliRunner

from blender_addon.core.errors import WireError
from blender_addon.core.payloads.shot_file import encode_shot
from blender_addon.core.printable import printable
from blender_addon.core.progress import JobProgress
from blender_addon.core.protocol.messages import JobState, JobStatus
from server.cli import app
from server.commands.demo import _print as print_demo
from server.commands.generate import _say as say_generated
from server.commands.jobs import job_table
from server.demo.demo import DemoResult
from server.demo.motorcycle import Motorcycle
from server.service.logs import JsonLines, TextLines
from server.terminal.generate import GenerateResult
from server.terminal.plain_console import PlainConsole, PlainTable, description_column
from server.terminal.progress_bars import ProgressBars
from tests.sources import sources
from tests.support.shots import small_shot

RICHS_OWN = {"Console", "Table", "TextColumn", "typer.echo", "typer.secho", "rich.markup", "Text.from_markup"}
NAMES = (
    "[draft] shot",
    "a[/b]",
    "[bold]x[/bold] [link=file:x]",
    ":smile: {0} %s %(message)s",
    "\x1b[31mred\x07",
    "two\nlines",
    os.fsdecode(b"caf\xe9"),
    "<b>&amp;'\"`$(x)",
    "\\[x",
)


def shown(name: str) -> str:
    return printable(name, "\n\t")


def console() -> tuple[PlainConsole, io.StringIO]:
    plain, out = PlainConsole(), io.StringIO()
    plain.file, plain.width = out, 400
    return plain, out


def uses(path: Path) -> set[str]:
    """What a file calls, and the modules that it imports from."""
    nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
    called = {ast.unparse(node.func) for node in nodes if isinstance(node, ast.Call)}
    return called | {node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)}


def test_every_command_prints_by_the_plain_console() -> None:
    """A new command that makes a console of rich's own would take a path for markup."""
    files = [path for path in sources("server") if path.name != "plain_console.py"]
    assert {path.name: found for path in files if (found := uses(path) & RICHS_OWN)} == {}


@pytest.mark.parametrize("name", NAMES)
def test_tables_titles_lines_and_bars(name: str) -> None:
    plain, out = console()
    table = PlainTable(name, title=name)
    table.add_row(name)
    plain.print(name)
    plain.print(table)
    with Progress(description_column("{task.description:<48}"), console=plain) as bars:
        ProgressBars(bars)(JobProgress(1, 1, name, detail=name))
    assert out.getvalue().startswith(shown(name) + "\n")
    assert all(out.getvalue().count(line) >= 4 for line in shown(name).splitlines())
    assert f"{printable(name)}: {printable(name)}" in out.getvalue()


def test_a_narrow_terminal_cuts_nothing_off() -> None:
    """The key of a client, or which of many measurements a row is."""
    plain, out = console()
    plain.width = 20
    table = PlainTable("what", "heading")
    table.add_row("0123456789" * 4, "known")
    plain.print(table)
    assert sum(map(out.getvalue().count, "0123456789")) == 40
    assert "…" not in out.getvalue()


def printed_by(name: str) -> dict[str, Callable[[PlainConsole], None]]:
    """What commands print of a name of others."""
    job = JobStatus(job_id="0" * 32, state=JobState.FAILED, title=name, engine=name, reason=name)
    made = DemoResult({name: Path(name)}, {name: 1.0}, [0.5], name)
    clip = GenerateResult((Path(name) / "clip.mp4",), name, (0.5,), (name,))
    return {
        "jobs": lambda plain: plain.print(job_table((job,))),
        "demo": lambda plain: print_demo(plain, made),
        "generate": lambda _: say_generated(clip),
    }


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("command", ["jobs", "demo", "generate"])
def test_what_commands_print(command: str, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    plain, out = console()
    printed_by(name)[command](plain)
    text = out.getvalue() + "".join(capsys.readouterr())
    assert all(text.count(line) >= 3 for line in shown(name).splitlines())
    if command == "generate":
        assert f"Written: {shown(name)}/clip.mp4\n" in text


def test_an_error_names_a_file_on_any_terminal() -> None:
    ended = CliRunner().invoke(app, ["evaluate", os.fsdecode(b"nowhere/[/caf\xe9]")])
    assert ended.exit_code == 1
    assert r"nowhere/[/caf\xe9] is neither a video nor a folder" in ended.output


@pytest.mark.parametrize("name", NAMES)
def test_logs_have_a_line_each(name: str) -> None:
    record = logging.LogRecord("realcam", logging.INFO, "", 0, "job %s: forgotten", (name,), None)
    said = f"job {printable(name)}: forgotten"
    assert msgspec.json.decode(JsonLines().format(record))["message"] == said
    assert TextLines().format(record).endswith(said)
    assert "\n" not in TextLines().format(record)


def test_a_prompt_that_is_no_text_is_a_sentence(bike: Motorcycle) -> None:
    shot = small_shot(bike)
    settings = msgspec.structs.replace(shot.settings, prompt=os.fsdecode(b"caf\xe9"))
    with pytest.raises(WireError, match=r"shot holds text that cannot be sent.*\\xe9"):
        encode_shot(replace(shot, settings=settings))
