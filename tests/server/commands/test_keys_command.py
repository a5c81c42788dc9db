"""`realcam keys` on the server and on the client, which are one computer here."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from blender_addon.core.protocol.keys import new_keys
from server.cli import app


def said(*words: str, code: int = 0) -> str:
    result = CliRunner().invoke(app, ["keys", *words], env={"COLUMNS": "200"})
    assert result.exit_code == code, result.output
    return result.output


def test_who_is_let_in_is_listed_until_shut_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REALCAM_CONFIG_DIR", str(tmp_path))
    key = new_keys().public
    server_key = said("show").split()[1]
    assert said("allow", "anna", key).split()[-1] == server_key
    line = said("invite", "carl", "--host", "10.0.0.1").strip()
    assert "Somebody called anna is on the list. Revoke that one first" in said("allow", "anna", key, code=1)
    listed = said("list")
    assert key in listed
    assert "carl" in listed
    said("revoke", "anna")
    assert key not in said("list")
    assert "realcam status --server 10.0.0.1:47110" in said("pair", line)
    assert f"paired with 10.0.0.1:47110, whose key is {server_key}" in said("show")
