"""The server joins no Ray cluster that anybody can use."""

from __future__ import annotations

from pathlib import Path

import pytest

from blender_addon.core.errors import ServiceError
from server.cluster.security import LOCAL, TLS_FILES, joining

HEAD = "10.0.0.1:6379"


def test_a_cluster_without_token_or_tls_is_refused_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ServiceError, match="neither its token authentication nor its TLS") as refused:
        joining(HEAD, {}, tmp_path)
    assert "ray get-auth-token --generate" in refused.value.sentence
    assert "--network-is-private" in refused.value.sentence


def test_the_operator_may_say_that_the_network_is_private(tmp_path: Path) -> None:
    assert joining(HEAD, {"A": "b"}, tmp_path, network_is_private=True).environment == {"A": "b"}


@pytest.mark.parametrize("place", ["variable", "file", "home"])
def test_a_token_is_found_where_ray_looks_and_the_cluster_must_ask_for_it(tmp_path: Path, place: str) -> None:
    environment = {"RAY_AUTH_MODE": "token"}
    if place == "variable":
        environment["RAY_AUTH_TOKEN"] = "secret"
    else:
        path = tmp_path / (".ray/auth_token" if place == "home" else "token")
        path.parent.mkdir(exist_ok=True)
        path.write_text("secret\n")
        if place == "file":
            environment["RAY_AUTH_TOKEN_PATH"] = str(path)
    assert joining(HEAD, environment, tmp_path).prove_closed


@pytest.mark.parametrize("content", [None, "", " \n"])
def test_token_mode_without_a_token_is_refused(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / ".ray").mkdir()
        (tmp_path / ".ray" / "auth_token").write_text(content)
    with pytest.raises(ServiceError, match="there is no token"):
        joining(HEAD, {"RAY_AUTH_MODE": "token"}, tmp_path)


def test_a_token_that_lies_about_is_not_enough(tmp_path: Path) -> None:
    """Whether the cluster asks for it is another matter: the mode says so."""
    with pytest.raises(ServiceError):
        joining(HEAD, {"RAY_AUTH_TOKEN": "secret"}, tmp_path)


def test_tls_is_taken_only_with_its_files(tmp_path: Path) -> None:
    files = {name: str(tmp_path / name) for name in TLS_FILES}
    environment = {"RAY_USE_TLS": "1", **files}
    with pytest.raises(ServiceError, match="RAY_TLS_SERVER_CERT, RAY_TLS_SERVER_KEY, RAY_TLS_CA_CERT"):
        joining(HEAD, environment, tmp_path, network_is_private=True)
    for path in files.values():
        Path(path).touch()
    assert not joining(HEAD, environment, tmp_path).prove_closed


def test_a_cluster_of_this_machine_gets_a_token_that_is_nowhere_else(tmp_path: Path) -> None:
    one, other = (joining(LOCAL, {}, tmp_path).environment for _ in range(2))
    assert one["RAY_AUTH_MODE"] == "token"
    assert len(one["RAY_AUTH_TOKEN"]) == 64
    assert one["RAY_AUTH_TOKEN"] != other["RAY_AUTH_TOKEN"]
    with pytest.raises(ServiceError):
        joining(LOCAL, {"RAY_AUTH_MODE": "disabled"}, tmp_path)
