"""background.npz: what an engine added to the scene, there and back."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pytest

from blender_addon.core.errors import ShotError
from blender_addon.core.payloads.background import BackgroundLayer, decode_background, encode_background


def layer(name: str = "behind, frame 3") -> BackgroundLayer:
    vertices = np.array([[0, 0, 1], [1, 0, 1], [0, 1, 1]], np.float32)
    texture = np.arange(2 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3)
    return BackgroundLayer(name, vertices, np.array([[0, 1, 2]], np.int32), vertices[:, :2].copy(), texture)


def test_layers_come_back_as_they_went() -> None:
    first, second = decode_background(encode_background([layer(), layer("beside the photo")]))
    assert (first.name, second.name) == ("behind, frame 3", "beside the photo")
    for part in ("vertices", "triangles", "uv", "texture"):
        np.testing.assert_array_equal(getattr(first, part), getattr(layer(), part))
    assert decode_background(encode_background([])) == ()


def test_what_is_no_background_is_refused() -> None:
    data = encode_background([layer()])
    for broken in (b"", b"no npz", data[: len(data) // 2]):
        with pytest.raises(ShotError, match="cannot be read"):
            decode_background(broken)
    stream = io.BytesIO()
    np.savez(stream, version=np.array(2), names=np.array(["x"]))
    with pytest.raises(ShotError, match="newer"):
        decode_background(stream.getvalue())


def test_triangles_beyond_the_vertices_are_refused() -> None:
    good = layer()
    with pytest.raises(ShotError, match="beyond 3 vertices"):
        BackgroundLayer(good.name, good.vertices, good.triangles + 1, good.uv, good.texture)


def test_a_part_of_another_form_is_named() -> None:
    good = layer()
    for changes, words in (
        ({"uv": good.uv[:2]}, "uv"),
        ({"vertices": good.vertices.astype(np.float64)}, "vertices"),
        ({"texture": good.texture[:0]}, "texture"),
    ):
        with pytest.raises(ShotError, match=f"wrong form: behind, frame 3: {words}"):
            replace(good, **changes)
