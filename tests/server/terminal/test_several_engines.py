"""One shot, several engines, from the command line: a clip of each, and one that fails stops no other."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from blender_addon.core.errors import EngineError, ServiceError
from blender_addon.core.payloads.import_request import DepthFile, ImportSettings
from blender_addon.core.progress import unwatched
from server.commands.generate import _engines
from server.demo.motorcycle import Motorcycle
from server.terminal.generate import GenerateRequest, generate
from server.terminal.named_move import read_move
from tests.support.photos import write_small_bike
from tests.support.servers import running_server


@pytest.fixture(scope="module")
def request_(bike: Motorcycle, tmp_path_factory: pytest.TempPathFactory) -> Iterator[GenerateRequest]:
    """The photo, moved along, for the tests' quick engines, at a server that runs."""
    folder = tmp_path_factory.mktemp("several")
    photo = write_small_bike(bike, folder)
    with running_server(folder / "server") as server:
        yield GenerateRequest(
            photo,
            DepthFile(next(folder.glob("*depth*.npy"))),
            None,
            folder / "clip.mp4",
            import_settings=ImportSettings(focal_mm=48.2),
            engine="copy",
            also=("refuse", "resume"),
            size=(64, 40),
            frames=4,
            move=read_move("truck 0.2"),
            server=server.address,
        )


def test_each_engine_has_a_clip_of_its_name_and_one_that_fails_is_told(request_: GenerateRequest) -> None:
    result = generate(request_, unwatched)
    assert [clip.name for clip in result.clips] == ["clip-copy.mp4", "clip-resume.mp4"]
    assert all(clip.is_file() for clip in result.clips)
    assert not request_.out.exists()
    assert [note for note in result.notes if note.startswith("refuse: ")]


def test_where_none_makes_one_the_first_says_why(request_: GenerateRequest) -> None:
    with pytest.raises(ServiceError, match="ended as failed"):
        generate(replace(request_, engine="refuse", also=("bug",)), unwatched)


def test_an_option_that_none_has_is_refused(request_: GenerateRequest) -> None:
    with pytest.raises(EngineError, match="copy and refuse and resume has no option soam"):
        generate(replace(request_, options={"soam": 1.0}), unwatched)


def test_names_are_typed_with_commas() -> None:
    assert _engines("draft, realcam,draft") == ("draft", "realcam")
    assert _engines("draft") == ("draft",)


def test_a_clip_of_one_engine_keeps_the_name_that_it_was_given() -> None:
    alone = GenerateRequest(Path("a.png"), None, None, Path("out/clip.mp4"), engine="draft")
    assert alone.file("draft") == Path("out/clip.mp4")
    assert replace(alone, also=("vace",)).file("vace") == Path("out/clip-vace.mp4")
