"""What code tells apart by name: errors by their codes, engines by their kind."""

from __future__ import annotations

import pytest

from blender_addon.core.errors import ErrorCode
from blender_addon.core.payloads.check_request import CHECKER
from blender_addon.core.protocol.capability import EngineCapability, EngineKind
from blender_addon.core.protocol.messages import RefusalCode
from server.depth.catalogue import CARDS
from server.engines.registry import engines, served


def test_a_code_says_which_side_found_it() -> None:
    assert {str(code) for code in ErrorCode} & {str(code) for code in RefusalCode} == set()


@pytest.mark.parametrize(
    ("modes", "kind"),
    [
        (("basic", "loop", "interpolation"), EngineKind.CLIP),
        (("a mode of next year",), EngineKind.CLIP),
        ((), EngineKind.CLIP),
        (("depth",), EngineKind.DEPTH),
        (("check",), EngineKind.CHECK),
    ],
)
def test_an_engines_modes_on_the_wire_tell_its_kind(modes: tuple[str, ...], kind: EngineKind) -> None:
    engine = EngineCapability(name="x", label="", description="", sizes=(), frame_counts=(), modes=modes)
    assert engine.kind is kind


def test_what_the_server_offers_is_of_every_kind() -> None:
    kinds = {name: make().capability.kind for name, make in served().items()}
    assert {name for name, kind in kinds.items() if kind is EngineKind.CLIP} == set(engines())
    assert {name for name, kind in kinds.items() if kind is EngineKind.CHECK} == {CHECKER}
    assert {name for name, kind in kinds.items() if kind is EngineKind.DEPTH} == set(CARDS)
