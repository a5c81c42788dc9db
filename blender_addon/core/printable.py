"""Text of others as text: names of files and reasons, in which systems allow what terminals, logs and JSON do not.

Any character but / and NUL may stand in a name: line ends, escape sequences, marks that turn the direction of writing,
and bytes that are no UTF-8, which Python keeps as lone surrogates and no message can hold.
"""

from __future__ import annotations

import re
from io import TextIOWrapper
from typing import TextIO

_UNPRINTABLE = re.compile("[\\x00-\\x1f\\x7f-\\x9f\\u061c\\u200e\\u200f\\u2028-\\u202e\\u2066-\\u2069\\ud800-\\udfff]")


def printable(text: str, keep: str = "") -> str:
    r"""The text with what cannot be shown, logged or sent as backslash escapes; otherwise unchanged.

    Args:
        text: any string.
        keep: characters that stay, "\n\t" for text of several lines.
    """
    return _UNPRINTABLE.sub(lambda found: found[0] if found[0] in keep else _escaped(found[0]), text)


def is_storable(text: str) -> bool:
    """Whether messages and records can hold a name: one with bytes that are no UTF-8 they cannot."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def escape_unknown_letters(stream: TextIO) -> None:
    """Make a stream write a letter that its encoding lacks as a backslash escape, instead of raising an error.

    A program calls this on its standard output before it prints names of others: a Windows pipe has some 250 letters.
    """
    if isinstance(stream, TextIOWrapper):
        stream.reconfigure(errors="backslashreplace")


def _escaped(character: str) -> str:
    # A byte that is no UTF-8, as the system's file names have it.
    if "\udc80" <= character <= "\udcff":
        return f"\\x{ord(character) - 0xDC00:02x}"
    return character.encode("ascii", "backslashreplace").decode() if ord(character) > 0x7E else repr(character)[1:-1]
