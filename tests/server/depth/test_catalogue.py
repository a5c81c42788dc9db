"""What a person is told before weights are downloaded."""

from __future__ import annotations

import pytest

from server.depth.catalogue import CARDS, DEFAULT, TRAINED_WITH, load_predictor
from server.depth.predictor import PredictorError


def test_the_defaults_exist_and_their_licences_are_said() -> None:
    assert CARDS[DEFAULT].commercial
    assert next(iter(CARDS)) == DEFAULT, "what is offered first"
    assert CARDS[DEFAULT].weights == "depth-anything/Depth-Anything-V2-Metric-Indoor-Small-hf"
    assert not CARDS[TRAINED_WITH].commercial
    assert "NC" in CARDS[TRAINED_WITH].licence
    assert all(card.licence and card.bytes > 50e6 for card in CARDS.values())


def test_only_those_that_predict_a_field_of_view_say_so() -> None:
    assert [card.name for card in CARDS.values() if card.gives_focal] == ["depth-pro"]


def test_an_unknown_predictor_is_named() -> None:
    with pytest.raises(PredictorError, match="There are: depth-anything-indoor-small"):
        load_predictor("midas")
