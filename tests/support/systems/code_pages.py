"""A Windows console or pipe, imitated: text goes out in the code page of the language, strictly."""

from __future__ import annotations

WESTERN = {"PYTHONIOENCODING": "cp1252:strict", "PYTHONUTF8": "0"}
"""Variables under which a Python program writes as on a Windows of a western language."""
FOLDER = "Фото Łódź 🎥"
"""A folder's name with letters that this code page lacks, one of which is no single unit of UTF-16."""
