from __future__ import annotations

import pytest

from blender_addon.core.errors import RealCamError
from blender_addon.core.unforeseen import in_words, told


def test_an_error_of_several_lines_is_one_sentence() -> None:
    """As Blender's own end with a line end."""

    def report() -> None:
        raise RuntimeError("Error: there is no view\n")

    with pytest.raises(RealCamError) as told, in_words("The take could not be shown"):
        report()
    assert told.value.sentence.startswith(
        "The take could not be shown: RuntimeError: Error: there is no view (test_unforeseen.py, line"
    )


def test_what_every_system_raises_is_told_by_its_kind() -> None:
    known = RealCamError("The photo is gone", "moved", "Put it back.")
    assert told(known, "It stopped") is known
    assert told(MemoryError(), "It stopped").sentence == (
        "It stopped: there is not enough memory. Close other programs, or use a smaller photo."
    )
    full = OSError(28, "No space left on device", "/clips/a.mp4")
    assert told(full, "It stopped").sentence == (
        "It stopped: a file cannot be used: /clips/a.mp4: No space left on device. Free it, or use another place."
    )
    assert "cannot be used: No space left" in told(OSError(28, "No space left on device"), "It stopped").sentence
    assert told(OSError("odd"), "It stopped").sentence.startswith("It stopped: OSError: odd (unknown line)")
