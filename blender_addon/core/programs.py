"""Programs of this computer: where they are, and command lines by each system's own rules.

The one place that looks a program up. `shutil.which` is not used: on Windows it looks into the current folder first,
and that of a Blender opened by a .blend may be the folder that the .blend came in.
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path

WINDOWS = "nt"
"""`os.name` on Windows."""
_BLANK = " \t"
_PLAIN_ON_WINDOWS = re.compile(r"[\w./:\\+=@~-]+")
"""Words that neither cmd.exe nor PowerShell takes for anything else."""


def find_program(
    name: str, platform: str = os.name, environment: Mapping[str, str] = os.environ, home: Path | None = None
) -> Path | None:
    """The file of a program; None where there is none. Never one of the current folder, unless `name` is a path.

    Args:
        name: "uv", or a path, which may begin with "~".
        platform: `os.name` of the system whose rules hold.
        environment: PATH, on Windows PATHEXT too.
        home: The user's folder; None for this user's.
    """
    home = home or Path.home()
    if name.startswith(("~/", "~\\")):
        name = str(home / name[2:])
    separators = "/\\:" if platform == WINDOWS else "/"
    if any(mark in name for mark in separators):
        return _first_file([Path(name)], platform, environment)
    folders = [Path(text) for text in environment.get("PATH", "").split(os.pathsep)]
    folders = [folder for folder in folders if folder.is_absolute()] + kept_in(platform, environment, home)
    return _first_file([folder / name for folder in folders], platform, environment) if name else None


def kept_in(
    platform: str = os.name, environment: Mapping[str, str] = os.environ, home: Path | None = None
) -> list[Path]:
    """The folders that uv, Cargo, Homebrew and WinGet put programs into.

    The PATH of a Blender started from a dock or menu often lacks them; on Windows it is the PATH of before the
    installation until the next login.

    Args:
        platform: `os.name` of the system whose rules hold.
        environment: On Windows LOCALAPPDATA.
        home: The user's folder; None for this user's.
    """
    home = home or Path.home()
    own = [home / ".local" / "bin", home / ".cargo" / "bin"]
    if platform == WINDOWS:
        local = Path(environment.get("LOCALAPPDATA") or home / "AppData" / "Local")
        return [*own, local / "Microsoft" / "WinGet" / "Links"]
    return [*own, Path("/opt/homebrew/bin"), Path("/usr/local/bin")]


def split_command(text: str, platform: str = os.name) -> list[str]:
    """The words of a command line, as the system itself would split it.

    Args:
        text: The command line.
        platform: `os.name` of the system whose rules hold: on Windows CommandLineToArgvW's, else those of sh.

    Raises:
        ValueError: A quotation mark is not closed.
    """
    return _split_on_windows(text.strip(_BLANK)) if platform == WINDOWS else shlex.split(text)


def join_command(words: Sequence[str], platform: str = os.name) -> str:
    """The command line that `split_command` splits into these words; in a terminal of the system it means the same.

    Args:
        words: The program and its arguments. On Windows the program's name holds no quotation mark.
        platform: `os.name` of the system that the command is for: on Windows words are quoted so that cmd.exe and
            PowerShell take them for one, else as sh has it.
    """
    if platform != WINDOWS:
        return shlex.join(words)
    return " ".join(word if _PLAIN_ON_WINDOWS.fullmatch(word) else _quoted_on_windows(word) for word in words)


def unquoted_path(text: str, platform: str = os.name, environment: Mapping[str, str] = os.environ) -> str:
    """The path of a program with a blank in it that a command line begins with, without quotes; "" for none.

    Args:
        text: The command line, whose first word is no program.
        platform: `os.name` of the system whose rules hold.
        environment: On Windows PATHEXT.
    """
    blanks = [place for place, mark in enumerate(text) if mark in _BLANK]
    prefixes = [text[:end].strip(_BLANK) for end in (*blanks, len(text))]
    paths = [prefix for prefix in prefixes if _BLANK[0] in prefix]
    return next((path for path in paths if _first_file([Path(path)], platform, environment)), "")


def _first_file(paths: Sequence[Path], platform: str, environment: Mapping[str, str]) -> Path | None:
    """The first program among these paths, of which those on Windows may lack the ending."""
    endings = [""]
    if platform == WINDOWS:
        known = [end for end in environment.get("PATHEXT", ".COM;.EXE;.BAT;.CMD").lower().split(";") if end]
    for path in paths:
        if platform == WINDOWS:
            endings = [""] if path.suffix.lower() in known else known
        for ending in endings:
            program = path.with_name(path.name + ending) if path.name else path
            try:
                runs = program.is_file() and os.access(program, os.X_OK)
            except OSError:
                # A drive that is gone.
                continue
            if runs:
                return program
    return None


def _split_on_windows(text: str) -> list[str]:
    """The words of a command line without blanks around it, by the rules of CommandLineToArgvW.

    A backslash is part of a path, except before a quotation mark: then two mean one, and one left over makes the mark a
    letter. Three marks in a row, counting one that opened, are a letter too. The program's name knows no such rules.
    See https://learn.microsoft.com/en-us/windows/win32/api/shellapi/nf-shellapi-commandlinetoargvw

    Raises:
        ValueError: A quotation mark is not closed.
    """
    program, rest = _windows_program(text)
    words, word, begun, marks = [program] if text else [], "", False, 0
    for backslashes, run, letter in re.findall(r'(\\*)("+)|(\\+|[^\\"])', rest):
        if letter:
            if letter in _BLANK and not marks:
                words += [word] if begun else []
                word, begun = "", False
            else:
                word, begun = word + letter, True
            continue
        begun = True
        word += backslashes[: len(backslashes) // 2]
        count = len(run)
        if len(backslashes) % 2:
            word, count = word + '"', count - 1
        # What a mark after a closing one means: the third of three, an opened one included, is a letter.
        for place in range(count):
            marks += 1
            if marks == 3:
                word, marks = word + '"', 0
            elif marks == 2 and place == count - 1:
                marks = 0
    if marks:
        raise ValueError("a quotation mark is not closed")
    return [*words, word] if begun else words


def _windows_program(text: str) -> tuple[str, str]:
    """The first word of a command line, up to the next quotation mark if it begins with one, and the rest."""
    if text.startswith('"'):
        program, closed, rest = text[1:].partition('"')
        if not closed:
            raise ValueError("a quotation mark is not closed")
        return program, rest
    program = re.split(f"[{_BLANK}]", text, maxsplit=1)[0]
    return program, text[len(program) :]


def _quoted_on_windows(word: str) -> str:
    r"""A word in quotation marks: those in it are written \", and backslashes before a mark twice."""
    return '"' + re.sub(r'(\\*)("|\Z)', lambda found: found[1] * 2 + ('\\"' if found[2] else ""), word) + '"'
