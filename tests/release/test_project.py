"""The project's address: in the manifest when there is one, left out when there is none."""

from __future__ import annotations

import tomllib

import pytest

import build_addon
from build_addon import MANIFEST, SOURCE, manifest_for


def test_the_manifest_names_a_website_only_when_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    text = (SOURCE / MANIFEST).read_text("utf-8")
    monkeypatch.setattr(build_addon, "PROJECT_ADDRESS", "")
    assert "website" not in tomllib.loads(manifest_for(text, "linux-x64", []))
    monkeypatch.setattr(build_addon, "PROJECT_ADDRESS", "https://realcam.example/")
    assert tomllib.loads(manifest_for(text, "linux-x64", []))["website"] == "https://realcam.example/"
