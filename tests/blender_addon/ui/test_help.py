"""What helps the artist at everything of ours: a tooltip that says what happens and in what unit, and the manual."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import pytest

from release.manual import manual_files
from tests.support.registered import our_operators, our_properties

pytestmark = pytest.mark.blender

UNITS = (
    *("metre", "millimetre", "mm", "pixel", "degree", "radian", "second", "frame", "percent", "%", "share", "ratio"),
    *("(m)", "times", "0 ", "1 ", "number", "index", "selected", "option", "seed"),
)
"""One of these stands in the tooltip of a number, unless Blender writes the unit behind it (its subtype or unit)."""


def test_f1_finds_a_heading_for_each_operator_and_property(
    addon: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = manual_files()
    from bl_operators.wm import WM_OT_doc_view_manual

    from blender_addon.ui import manual_map

    assert manual_map.manual_map() == ("", ())
    (tmp_path / "manual" / "at").mkdir(parents=True)
    monkeypatch.setattr(manual_map, "ADDON", tmp_path)
    prefix = (tmp_path / "manual" / "at").as_uri() + "/"
    names = [f"bpy.ops.{name}" for name, _ in our_operators(addon)]
    names += [f"bpy.types.{owner}.{prop.identifier}" for owner, prop in our_properties(addon)]
    assert {"bpy.ops.realcam.generate", "bpy.types.RealCamShot.prompt"} <= set(names)
    found = {name: WM_OT_doc_view_manual._lookup_rna_url(name, verbose=False) for name in names}
    assert {
        name: page
        for name, page in found.items()
        if page is None or f"manual/at/{page.removeprefix(prefix)}" not in files
    } == {}
    assert found["bpy.ops.realcam.generate"] == f"{prefix}artist.4-generate.html"


def test_every_operator_and_property_says_what_it_does(addon: ModuleType) -> None:
    silent = [name for name, rna in our_operators(addon) if not rna.description.strip() or not rna.name]
    silent += [
        f"{owner}.{prop.identifier}"
        for owner, prop in our_properties(addon)
        if not prop.is_hidden and prop.type not in ("POINTER", "COLLECTION") and not prop.description.strip()
    ]
    silent += [
        f"{name}.{prop.identifier}"
        for name, rna in our_operators(addon)
        for prop in rna.properties
        if prop.is_runtime and not prop.is_hidden and not prop.description.strip()
    ]
    assert silent == []


def test_no_tooltip_ends_with_a_full_stop(addon: ModuleType) -> None:
    """Blender adds it."""
    told = [(name, rna.description) for name, rna in our_operators(addon)]
    told += [(f"{owner}.{prop.identifier}", prop.description) for owner, prop in our_properties(addon)]
    assert [name for name, description in told if description.rstrip().endswith(".")] == []


def test_every_number_says_its_unit(addon: ModuleType) -> None:
    numbers = [(owner, prop) for owner, prop in our_properties(addon)]
    numbers += [(name, prop) for name, rna in our_operators(addon) for prop in rna.properties if prop.is_runtime]
    bare = [
        f"{owner}.{prop.identifier}: {prop.description}"
        for owner, prop in numbers
        if prop.type in ("INT", "FLOAT") and not prop.is_hidden
        if prop.unit == "NONE" and prop.subtype not in ("FACTOR", "PERCENTAGE", "PIXEL", "TIME", "TIME_ABSOLUTE")
        if not any(unit in f"{prop.name} {prop.description} ".lower() for unit in UNITS)
    ]
    assert bare == []
