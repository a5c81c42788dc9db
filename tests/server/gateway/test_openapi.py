"""The gateway keeps what its OpenAPI document says, for requests drawn from it, sound and unsound ones."""

from __future__ import annotations

import msgspec
import pytest
import schemathesis
from schemathesis.specs.openapi.checks import positive_data_acceptance

from server.gateway.openapi import openapi_document
from tests.support.network.gateways import RunningGateway
from tests.support.properties import examples

schema = schemathesis.openapi.from_dict(openapi_document())
drawn = schemathesis.openapi.from_dict(openapi_document())
drawn.config.phases.update(phases=["examples", "fuzzing"])


@pytest.fixture(scope="module")
def token(gateway: RunningGateway) -> str:
    return gateway.token("schemathesis")


def ask(case: schemathesis.Case, gateway: RunningGateway, token: str) -> None:
    """What is a photo, or a shot, no schema can say: sound bytes may be refused, in words."""
    case.call_and_validate(
        base_url=f"http://127.0.0.1:{gateway.port}",
        headers={"Authorization": f"Bearer {token}"},
        excluded_checks=[positive_data_acceptance],
    )


@schema.exclude(operation_id="submit").parametrize()
@examples(4)
def test_answers_are_those_of_the_document(case: schemathesis.Case, gateway: RunningGateway, token: str) -> None:
    ask(case, gateway, token)


@drawn.include(operation_id="submit").parametrize()
@examples(12)
def test_shots_are_answered_as_the_document_says(case: schemathesis.Case, gateway: RunningGateway, token: str) -> None:
    ask(case, gateway, token)


@pytest.mark.slow
@schema.include(operation_id="submit").parametrize()
@examples(12)
def test_so_are_a_thousand_that_are_just_within_and_beyond_each_bound(
    case: schemathesis.Case, gateway: RunningGateway, token: str
) -> None:
    ask(case, gateway, token)


def test_the_document_is_given_out_without_a_token(gateway: RunningGateway) -> None:
    status, content, _ = gateway.ask("GET", "/openapi.json")
    assert (status, content) == (200, msgspec.json.encode(openapi_document()))


def test_the_page_for_people_names_every_operation_and_loads_nothing_from_elsewhere(gateway: RunningGateway) -> None:
    status, content, headers = gateway.ask("GET", "/")
    page = content.decode()
    assert (status, headers["content-type"]) == (200, "text/html; charset=utf-8")
    for path, described in openapi_document()["paths"].items():
        for method in set(described) - {"parameters"}:
            assert f"{method.upper()} {path}" in page
    assert "//" not in page
    assert "<script" not in page
