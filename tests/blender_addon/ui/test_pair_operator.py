"""Pairing from the clipboard."""

from __future__ import annotations

from types import ModuleType

import pytest

pytestmark = pytest.mark.blender


def test_what_is_no_pairing_text_is_refused_in_words(addon: ModuleType) -> None:
    with pytest.raises(RuntimeError, match="This is not a pairing text"):
        addon.ops.realcam.pair()
