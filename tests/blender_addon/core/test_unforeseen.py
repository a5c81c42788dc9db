from __future__ import annotations

import pytest

from blender_addon.core.errors import RealCamError
from blender_addon.core.unforeseen import in_words


def test_an_error_of_several_lines_is_one_sentence() -> None:
    """As Blender's own end with a line end."""

    def report() -> None:
        raise RuntimeError("Error: there is no view\n")

    with pytest.raises(RealCamError) as told, in_words("The take could not be shown"):
        report()
    assert told.value.sentence.startswith(
        "The take could not be shown: RuntimeError: Error: there is no view (test_unforeseen.py, line"
    )
