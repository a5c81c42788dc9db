"""Log lines: one text line for a person, or one JSON object a line for a collector; both carry the job's id."""

from __future__ import annotations

import logging
import sys
from typing import Literal

import msgspec

from blender_addon.core.printable import printable

LogFormat = Literal["text", "json"]
FIELDS = ("job", "attempt", "client", "engine", "worker")
"""Names that `extra` may add to a record."""


class JsonLines(logging.Formatter):
    """Formats a record as JSON: time, level, logger, message, the extra fields, and the traceback if there is one."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as one line of JSON."""
        entry: dict[str, object] = {
            "time": round(record.created, 3),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": printable(record.getMessage()),
        }
        entry |= {field: value for field in FIELDS if (value := getattr(record, field, None)) is not None}
        if record.exc_info:
            entry["traceback"] = self.formatException(record.exc_info)
        return msgspec.json.encode(entry).decode()


class TextLines(logging.Formatter):
    """Formats a record as text: time, level, logger, message, and the extra fields where there are some."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        """The record as one line, with the traceback below it if there is one."""
        fields = [f"{field}={value}" for field in FIELDS if (value := getattr(record, field, None)) is not None]
        text = super().format(record)
        # A name with line ends writes no line of its own.
        text = text.replace(record.message, printable(record.message), 1)
        head, newline, rest = text.partition("\n")
        return f"{head} [{' '.join(fields)}]{newline}{rest}" if fields else text


def set_up_logs(log_format: LogFormat) -> None:
    """Send all log records from INFO up to standard error, in place of other handlers."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines() if log_format == "json" else TextLines())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.INFO)
