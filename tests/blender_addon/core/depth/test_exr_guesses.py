"""A silent guess among several candidates, and the file's own geometry: which channel of an EXR is depth, and where."""

from __future__ import annotations

import struct
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from blender_addon.core.depth.depth_file import read_depth_file, read_stored_depth
from blender_addon.core.depth.depth_format import DepthFormat
from blender_addon.core.depth.depth_question import DepthQuestionError
from blender_addon.core.depth.exr import exr_channels, read_exr_channel
from blender_addon.core.depth.exr_layers import depth_channels, grey_channels
from blender_addon.core.errors import PhotoError
from tests.support.exr_files import ExrPart, write_exr_parts


def layer(name: str, channels: str) -> list[str]:
    return [f"{name}.{channel}" if name else channel for channel in channels]


RGBA = layer("", "ABGR")
BLENDER = [
    *layer("ViewLayer.Combined", "ABGR"),
    *layer("ViewLayer.Denoising Depth", "Z"),
    *layer("ViewLayer.Denoising Normal", "XYZ"),
    *layer("ViewLayer.Mist", "Z"),
    *layer("ViewLayer.Normal", "XYZ"),
    *layer("ViewLayer.Position", "XYZ"),
    *layer("ViewLayer.UV", "AUV"),
    *layer("ViewLayer.Vector", "WXYZ"),
]
RENDERERS: dict[str, tuple[list[str], list[str]]] = {
    "Arnold": ([*RGBA, *layer("N", "XYZ"), *layer("P", "XYZ"), "Z"], ["Z"]),
    "Blender 4": ([*BLENDER, "ViewLayer.Depth.Z"], ["ViewLayer.Depth.Z"]),
    "Blender 5": ([*BLENDER, "ViewLayer.Mist.V", "ViewLayer.Depth.V"], ["ViewLayer.Depth.V"]),
    "two view layers, one with depth": ([*layer("A.Normal", "XYZ"), "B.Depth.Z", "B.Mist.Z"], ["B.Depth.Z"]),
    "two view layers with depth": (["A.Depth.Z", "B.Depth.Z"], ["A.Depth.Z", "B.Depth.Z"]),
    "Nuke": ([*RGBA, "depth.Z", "forward.u", "forward.v"], ["depth.Z"]),
    "V-Ray": ([*RGBA, *layer("normals", "XYZ"), "Z"], ["Z"]),
    "RenderMan": ([*RGBA, "Nn.x", "Nn.y", "Nn.z", "z", "zback"], ["z"]),
    "Karma": ([*RGBA, "hitP.x", "hitP.y", "hitP.z", "hitPz"], ["hitPz"]),
    "Mantra": ([*RGBA, "P.x", "P.y", "P.z", "Pz"], ["Pz"]),
    "Octane": ([*RGBA, *layer("Z-Depth", "BGR")], ["Z-Depth.R"]),
    "Corona": ([*RGBA, *layer("CGeometry_ZDepth", "BGR")], ["CGeometry_ZDepth.R"]),
    "Unreal": (
        [*RGBA, *layer("FinalImageMovieRenderQueue_WorldDepth", "ABGR")],
        ["FinalImageMovieRenderQueue_WorldDepth.R"],
    ),
    "a layer's own Z": ([*layer("rgba", "ABGRZ"), *layer("N", "XYZ")], ["rgba.Z"]),
    "stereo": (["left.R", "left.Z", "right.R", "right.Z"], ["left.Z", "right.Z"]),
    "two names": ([*RGBA, "Z", "depth.Z"], ["Z", "depth.Z"]),
    "no depth": ([*RGBA, *layer("N", "XYZ"), "mist.Z", "ID.V"], []),
}
"""What writes an EXR: its channels, and those that are depth."""


@pytest.mark.parametrize("name", RENDERERS)
def test_the_names_that_renderers_give_depth(name: str) -> None:
    channels, depth = RENDERERS[name]
    assert sorted(depth_channels(channels)) == depth
    assert sorted(depth_channels(channels[::-1])) == depth


@pytest.mark.parametrize(
    ("names", "grey"),
    [
        (["Y"], "Y"),
        (["V"], "V"),
        (["A", "Y"], "Y"),
        (["A", "B", "G", "R"], "RGB"),
        (["depth estimate"], "depth estimate"),
        (["A", "a.B", "b.R"], ""),
        (["U", "V"], ""),
        (["X", "Y", "Z"], ""),
    ],
)
def test_a_picture_of_one_layer_is_grey(names: list[str], grey: str) -> None:
    found = grey_channels(names)
    assert found == ((grey,) if grey in names else tuple(grey))


METRES = np.linspace(2, 6, 12 * 20, dtype=np.float32).reshape(12, 20)
OTHER = METRES[::-1].copy()


class NoDecoder:
    """Of a machine that decodes nothing but what core reads itself."""

    def numbers(self, path: Path, header: object) -> None: ...

    def colours(self, path: Path) -> None: ...

    def single_layer(self, path: Path) -> NDArray[Any] | None:
        return None

    def exr_channel(self, path: Path, part: int, name: str) -> NDArray[Any] | None:
        return None

    def exr_library_remedy(self) -> str:
        return "Or look for a library."


class Decoder(NoDecoder):
    def single_layer(self, path: Path) -> NDArray[Any]:
        return np.stack([METRES, METRES, METRES], axis=-1)


def read(path: Path, channel: str = "", decoder: NoDecoder | None = None) -> NDArray[Any]:
    return read_depth_file(path, DepthFormat(channel=channel), decoder or NoDecoder(), trust_unit=True)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "render.exr"


def test_which_of_several_is_asked_and_answered(path: Path) -> None:
    write_exr_parts(path, [ExrPart({"left.Z": METRES, "right.Z": OTHER, "left.R": OTHER})])
    given = DepthFormat(scale=0.5, unknown=9.0)
    with pytest.raises(
        DepthQuestionError, match=r"which channel.*render\.exr has left\.Z, right\.Z.*--depth-channel"
    ) as asked:
        read_depth_file(path, given, NoDecoder())
    assert [answer.name for answer in asked.value.answers] == ["left.Z", "right.Z"]
    chosen = asked.value.answers[1].format
    assert (chosen.scale, chosen.unknown, chosen.channel) == (0.5, 9.0, "right.Z")
    np.testing.assert_allclose(read_depth_file(path, chosen, NoDecoder()), OTHER / 2, rtol=1e-6)


def test_normals_alone_are_no_depth(path: Path) -> None:
    write_exr_parts(path, [ExrPart({"N.X": METRES, "N.Y": METRES, "N.Z": OTHER, "A": OTHER})])
    with pytest.raises(DepthQuestionError) as asked:
        read(path)
    assert [answer.name for answer in asked.value.answers] == ["N.X", "N.Y", "N.Z"]
    np.testing.assert_array_equal(read(path, "N.Z"), OTHER)


def test_a_picture_in_colour_is_no_depth_and_a_grey_one_is(path: Path) -> None:
    write_exr_parts(path, [ExrPart({"R": METRES, "G": METRES, "B": METRES, "A": OTHER})])
    np.testing.assert_array_equal(read(path), METRES)
    write_exr_parts(path, [ExrPart({"R": METRES, "G": OTHER, "B": METRES})])
    with pytest.raises(DepthQuestionError, match=r"red, green and blue of render\.exr differ"):
        read(path)


def test_an_array_is_asked_as_a_channel_is(tmp_path: Path) -> None:
    np.savez(tmp_path / "maps.npz", near=METRES, far=OTHER)
    with pytest.raises(DepthQuestionError, match=r"which array.*near, far") as asked:
        read(tmp_path / "maps.npz")
    np.testing.assert_array_equal(read(tmp_path / "maps.npz", asked.value.answers[1].format.channel), OTHER)


def test_parts_are_told_apart_by_their_names(path: Path) -> None:
    """Nuke's and Arnold's files of several parts, where every part has a Z or an X of its own."""
    parts = [
        ExrPart({"R": OTHER, "G": OTHER, "B": OTHER}, "rgba", compression=0),
        ExrPart({"X": OTHER, "Y": OTHER, "Z": OTHER}, "N", tile=(8, 8)),
        ExrPart({"depth.Z": METRES}, "depth"),
    ]
    write_exr_parts(path, parts)
    assert exr_channels(path) == ("rgba.B", "rgba.G", "rgba.R", "N.X", "N.Y", "N.Z", "depth.Z")
    np.testing.assert_array_equal(read(path), METRES)
    # As a record of an earlier version may name it.
    np.testing.assert_array_equal(read_exr_channel(path, "Y"), OTHER)
    write_exr_parts(path, [ExrPart({"Z": METRES}, "left"), ExrPart({"Z": OTHER}, "right")])
    with pytest.raises(PhotoError, match=r"no such channel: 'Z'.*left\.Z, right\.Z"):
        read_exr_channel(path, "Z")


@pytest.mark.parametrize(("tile", "compression"), list(product([None, (8, 8), (7, 5), (64, 64)], [0, 3])))
def test_rows_and_tiles(path: Path, tile: tuple[int, int] | None, compression: int) -> None:
    """Arnold writes tiles unless told otherwise."""
    write_exr_parts(path, [ExrPart({"Z": METRES, "N.X": OTHER}, tile=tile, compression=compression)])
    np.testing.assert_array_equal(read(path), METRES)


@pytest.mark.parametrize(
    ("data_at", "display"),
    [
        ((4, 3), (0, 0, 40, 30)),
        ((-5, -4), (0, 0, 10, 6)),
        ((-5, 3), (0, 0, 40, 8)),
        ((104, 53), (100, 50, 18, 30)),
        ((0, 0), (50, 50, 10, 6)),
    ],
    ids=["crop", "overscan", "both", "elsewhere", "outside"],
)
@pytest.mark.parametrize("tile", [None, (8, 8)])
def test_the_data_window_is_placed_in_the_picture(
    path: Path, data_at: tuple[int, int], display: tuple[int, int, int, int], tile: tuple[int, int] | None
) -> None:
    write_exr_parts(path, [ExrPart({"Z": METRES}, data_at=data_at, display=display, tile=tile)])
    # Every pixel by itself: what the file stores there, or nothing.
    expected = np.full((display[3], display[2]), np.nan, np.float32)
    for row, column in product(range(display[3]), range(display[2])):
        y, x = display[1] + row - data_at[1], display[0] + column - data_at[0]
        if 0 <= y < 12 and 0 <= x < 20:
            expected[row, column] = METRES[y, x]
    np.testing.assert_array_equal(read_exr_channel(path, "Z"), expected)


def test_a_compression_that_is_not_read_is_decoded_only_where_nothing_is_guessed(path: Path) -> None:
    grey = {"R": METRES, "G": METRES, "B": METRES}
    write_exr_parts(path, [ExrPart(grey, compression=4)])
    np.testing.assert_array_equal(read(path, decoder=Decoder()), METRES)
    for part in (
        ExrPart(grey, compression=4, data_at=(2, 2), display=(0, 0, 40, 30)),
        ExrPart({**grey, "Z": METRES}, compression=4),
        ExrPart({"Z": METRES}, compression=4),
    ):
        write_exr_parts(path, [part])
        with pytest.raises(PhotoError, match=r"is PIZ\. Save it with ZIP compression\. Or look for a library\."):
            read(path, decoder=Decoder())


def test_a_window_without_area_is_a_broken_file(path: Path) -> None:
    write_exr_parts(path, [ExrPart({"Z": METRES}, display=(0, 0, -3, 5))])
    with pytest.raises(PhotoError, match="EXR is broken"):
        read_stored_depth(path, "", NoDecoder())


def test_a_name_tells_what_the_numbers_mean(path: Path) -> None:
    """Unreal Engine counts centimetres; a Z without a layer may be a network's inverse depth."""
    name = "FinalImageMovieRenderQueue_WorldDepth.R"
    write_exr_parts(path, [ExrPart({name: METRES * 20})])
    with pytest.raises(DepthQuestionError, match="counts centimetres") as asked:
        read_depth_file(path, DepthFormat(), NoDecoder())
    assert asked.value.answers[0].name == "cm"
    np.testing.assert_allclose(read_depth_file(path, asked.value.answers[0].format, NoDecoder()), METRES / 5, rtol=1e-6)
    write_exr_parts(path, [ExrPart({"Z": np.tile(np.linspace(1, 9, 40, dtype=np.float32)[:, None], (1, 60))})])
    with pytest.raises(DepthQuestionError, match="as inverse depth reads"):
        read_depth_file(path, DepthFormat(), NoDecoder())


def test_deep_and_subsampled_pictures_are_said(path: Path) -> None:
    write_exr_parts(path, [ExrPart({"Z": METRES})])
    flat = path.read_bytes()
    one, two = (struct.pack("<iIii", 2, 0, step, step) for step in (1, 2))
    deep = flat[:4] + struct.pack("<I", 2 | 0x800) + flat[8:]
    for content, words in ((flat.replace(one, two, 1), "channel Z is subsampled"), (deep, r"render\.exr is deep")):
        path.write_bytes(content)
        with pytest.raises(PhotoError, match=rf"This kind of EXR is not read: .*{words}"):
            read(path)
    write_exr_parts(path, [ExrPart({"Z": METRES}, name="a"), ExrPart({"Z": METRES}, name="b")])
    kind = struct.pack("<i", 13) + b"scanlineimage"
    path.write_bytes(path.read_bytes().replace(kind, struct.pack("<i", 12) + b"deepscanline", 1))
    with pytest.raises(PhotoError, match=r"render\.exr has a deep part"):
        read(path)


def test_an_array_with_an_axis_of_one(tmp_path: Path) -> None:
    """As networks save a batch of one, or a picture of one channel."""
    path = tmp_path / "depth.npy"
    for array in (METRES[None], METRES[..., None]):
        np.save(path, array)
        np.testing.assert_array_equal(read(path), METRES)
    np.save(path, METRES[:0])
    with pytest.raises(PhotoError, match=r"not a map of one number a pixel: .*\[0, 20\]"):
        read(path)


SHOWN = b"displayWindow\0box2i\0" + struct.pack("<i", 16)


@pytest.mark.parametrize(
    ("stated", "instead"),
    [
        (SHOWN + struct.pack("<4i", 0, 0, 3, 2), SHOWN + struct.pack("<4i", 0, 0, 29_999, 29_999)),
        (b"box2i\0" + struct.pack("<i", 16), b"box2i\0" + struct.pack("<i", -40)),
        (struct.pack("<2IB", 2, 2, 0), struct.pack("<2IB", 0, 2, 0)),
    ],
    ids=["a window of gigabytes", "an attribute that ends before it begins", "tiles of no width"],
)
def test_a_small_file_that_states_what_cannot_be_is_broken_at_once(
    stated: bytes, instead: bytes, tmp_path: Path
) -> None:
    path = tmp_path / "depth.exr"
    write_exr_parts(path, [ExrPart({"Z": np.ones((3, 4), np.float32)}, tile=(2, 2))])
    data = path.read_bytes()
    assert stated in data
    path.write_bytes(data.replace(stated, instead))
    with pytest.raises(PhotoError, match="The EXR is broken"):
        read_exr_channel(path, "Z")
