"""A node that differs from the server in what matters gets no jobs, and a sentence says in what."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from server.cluster.versions import Versions, code_digest, mismatch, own_versions

OURS = Versions(python="3.11.7", ray="2.60.0", realcam="0.1.0", code="a" * 64, engines="b" * 64)


def test_equal_versions_and_another_patch_of_python_are_no_mismatch() -> None:
    assert mismatch("node1", OURS, OURS) == ""
    assert mismatch("node1", msgspec.structs.replace(OURS, python="3.11.2"), OURS) == ""


@pytest.mark.parametrize(
    ("differing", "said"),
    [
        (
            {"python": "3.12.1"},
            "The node node1 has Python 3.12.1, the server 3.11.7: it gets no jobs. Install Python 3.11",
        ),
        ({"ray": "2.52.0"}, "has Ray 2.52.0, the server 2.60.0: it gets no jobs. Install ray==2.60.0 there."),
        ({"realcam": "0.2.0"}, "has RealCam 0.2.0, the server 0.1.0"),
        ({"code": "c" * 64}, "has other code of RealCam 0.1.0 (cccccccccccc), the server aaaaaaaaaaaa"),
        ({"engines": "c" * 64}, "has other engines (cccccccccccc), the server bbbbbbbbbbbb"),
        ({"engines": ""}, "has no engines of that name"),
    ],
)
def test_a_mismatch_is_named_with_its_remedy(differing: dict[str, str], said: str) -> None:
    assert said in mismatch("node1", msgspec.structs.replace(OURS, **differing), OURS)


def test_the_digest_is_of_the_sources_whatever_their_line_endings(tmp_path: Path) -> None:
    for root, text in ((tmp_path / "a", b"x = 1\n"), (tmp_path / "b", b"x = 1\r\n"), (tmp_path / "c", b"x = 2\n")):
        (root / "server").mkdir(parents=True)
        (root / "server" / "module.py").write_bytes(text)
    assert code_digest(tmp_path / "a") == code_digest(tmp_path / "b") != code_digest(tmp_path / "c")


def test_own_versions_know_the_module_of_the_engines() -> None:
    found = own_versions("2.60.0", "server.engines.registry:served")
    assert len(found.engines) == len(found.code) == 64
    assert own_versions("2.60.0", "no.such.module:engines").engines == ""
