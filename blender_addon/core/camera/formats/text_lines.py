"""Text of camera files: its encoding, its lines, the numbers in them, and JSON."""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ...errors import CameraError

LARGEST = 1e30
"""Every number in a camera file must be smaller than this, so that its square is still finite."""

_DECIMAL_COMMA = re.compile(r"[-+]?\d+(,\d+)?([eE][-+]?\d+)?")

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    # Before UTF-16's, which begins in the same way.
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
"""Byte order marks and what is written after them. Windows PowerShell 5.1 writes UTF-16 with `>`."""


def read_text(path: Path) -> str:
    """The file's text, in UTF-8, UTF-16 or UTF-32; see decoded_text.

    Raises:
        CameraError: it is in none of them.
        OSError: it cannot be read.
    """
    return decoded_text(path.read_bytes())


def decoded_text(data: bytes) -> str:
    """The text of these bytes, without its byte order mark.

    Without a mark it is UTF-8, or UTF-16 where its first character is an ASCII one beside a zero byte.

    Raises:
        CameraError: the bytes are no text in that encoding.
    """
    mark, encoding = next(((mark, name) for mark, name in _MARKS if data.startswith(mark)), (b"", _without_mark(data)))
    try:
        return data[len(mark) :].decode(encoding)
    except UnicodeDecodeError as error:
        name = encoding.upper().removesuffix("-LE").removesuffix("-BE")
        what = "byte" if encoding == "utf-8" else f"{name} text, but byte"
        why = f"{what} {error.start + len(mark)} is not {name}"
        raise CameraError("The file is not text", why, "If it is text, save it as UTF-8.") from error


def _without_mark(data: bytes) -> str:
    if len(data) >= 4 and not data[1] and not data[3] and data[0] and data[2]:
        return "utf-16-le"
    if len(data) >= 4 and not data[0] and not data[2] and data[1] and data[3]:
        return "utf-16-be"
    return "utf-8"


def data_lines(text: str) -> list[tuple[int, str]]:
    """(line number from 1, stripped line) of every line that is neither empty nor a # comment."""
    numbered = ((number, line.strip()) for number, line in enumerate(text.splitlines(), start=1))
    return [(number, line) for number, line in numbered if line and not line.startswith("#")]


def split_fields(line: str) -> list[str]:
    """The values of a line that are separated by blanks, commas or semicolons.

    Commas are decimal where blanks or semicolons separate whole values: "0,5 1,25", as programs write it in the
    languages of half of Europe.
    """
    words = line.replace(";", " ").split()
    if len(words) > 1 and all(_DECIMAL_COMMA.fullmatch(word) for word in words):
        return [word.replace(",", ".") for word in words]
    return line.replace(",", " ").replace(";", " ").split()


def numbers(fields: Sequence[str], line: int, count: int | None = None) -> list[float]:
    """The fields as finite numbers.

    Args:
        fields: the texts.
        line: the line they are in, from 1, for the error.
        count: how many there must be; None for any number.

    Raises:
        CameraError: a field is not a number below LARGEST, or their number is not `count`.
    """
    if count is not None and len(fields) != count:
        raise CameraError("A line has the wrong number of values", f"line {line} has {len(fields)}, expected {count}")
    try:
        values = [float(field) for field in fields]
    except ValueError as error:
        raise CameraError("A line holds something that is not a number", f"line {line}: {error}") from error
    if not all(abs(value) < LARGEST for value in values):
        raise CameraError("A line holds something that is not a finite number", f"line {line}")
    return values


def parse_json(text: str) -> Any:
    """The parsed document.

    Raises:
        CameraError: the text is not valid JSON, nested too deep, or has too long a number.
    """
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise CameraError("The file is no valid JSON", f"line {error.lineno}: {error.msg}") from error
    except (RecursionError, ValueError) as error:
        raise CameraError(
            "The file is no JSON that can be read", "nested too deep, or with too long a number"
        ) from error
