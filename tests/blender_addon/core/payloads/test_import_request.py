"""How an import is told: declared once, stored in plans under the names they always had."""

from __future__ import annotations

import msgspec
import pytest

from blender_addon.core.payloads.headless_plan import HeadlessPlan
from blender_addon.core.payloads.import_request import SETTING_FIELDS, ImportSettings

PLAN = {
    **{"photo": "/bike.png", "depth": "/bike.npy", "blend": "/shot.blend", "preview_frames": "/preview", "title": "x"},
    **{"settings": {"engine": "draft"}, "host": "127.0.0.1", "control_port": 1, "data_port": 2, "moves": []},
}


def test_every_setting_has_words_for_the_artist_and_the_default_of_its_declaration() -> None:
    assert tuple(SETTING_FIELDS) == ImportSettings.__struct_fields__
    for name, shown in SETTING_FIELDS.items():
        assert shown.title
        assert shown.description
        assert shown.default == getattr(ImportSettings(), name)
    edge = SETTING_FIELDS["depth_edge"]
    assert (edge.kind, edge.minimum, edge.maximum) == (float, 0.001, 1.0)


def test_a_plan_written_before_the_settings_were_one_struct_is_read() -> None:
    rows = [[300.0, 0.0, 120.0], [0.0, 300.0, 80.0], [0.0, 0.0, 1.0]]
    written = {**PLAN, "focal_mm": 26.0, "intrinsics": rows, "trust_unit": True, "depth_scale": 0.001}
    plan = msgspec.convert(written, HeadlessPlan)
    assert (plan.focal_mm, plan.intrinsics, plan.trust_scale, plan.depth_scale) == (26.0, rows, True, 0.001)
    assert msgspec.json.decode(msgspec.json.encode(plan), type=HeadlessPlan) == plan


def test_a_plan_may_tell_every_setting() -> None:
    plan = msgspec.convert({**PLAN, "depth_edge": 0.1, "max_vertices": 5000, "to_photo": False}, HeadlessPlan)
    assert (plan.depth_edge, plan.max_vertices, plan.to_photo) == (0.1, 5000, False)
    with pytest.raises(msgspec.ValidationError, match="depth_edge"):
        msgspec.convert({**PLAN, "depth_edge": 0.0}, HeadlessPlan)
