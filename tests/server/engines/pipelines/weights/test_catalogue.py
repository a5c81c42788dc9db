"""What is said of weights that exist, and the pins that come with the program."""

from __future__ import annotations

from pathlib import Path

import pytest

from server.engines.pipelines.weights.catalogue import PIPELINE_WEIGHTS, PublishedWeights, WeightsPart
from server.engines.pipelines.weights.getting import wanted_files
from server.engines.pipelines.weights.pins import PACKAGED, Pin, PinnedFile, git_id, is_used, read_pin, write_pin
from server.model.weights.weights_sources import WeightsError

SANA, REFINER = PIPELINE_WEIGHTS["sana-wm"], PIPELINE_WEIGHTS["sana-wm-refiner"]


def test_commercial_use_is_what_the_strictest_part_allows() -> None:
    assert [PIPELINE_WEIGHTS[name].commercial for name in ("vace", "vace-14b", "wan-i2v")] == ["yes"] * 3
    assert SANA.commercial == "not clear"
    words = REFINER.commercial_use
    assert words.startswith("commercial use: not clear (")
    assert "LTX-2" in words
    assert "10 million dollars" in words


def test_parts_of_sana_wm_have_licences_of_their_own() -> None:
    by_name = {part.name: part for part in (*SANA.parts, *REFINER.parts)}
    assert by_name["VAE"].licence == by_name["refiner"].licence == "LTX-2 Community License Agreement"
    assert by_name["text encoder Gemma-2-2B"].licence == "Gemma Terms of Use"
    assert not [name for name, part in by_name.items() if part.commercial == "yes"]
    assert all(part.why for weights in PIPELINE_WEIGHTS.values() for part in weights.parts)


@pytest.mark.parametrize("name", ["vace", "wan-i2v"])
def test_a_pin_of_the_program_names_every_file_and_the_sizes_that_are_said(name: str) -> None:
    published = PIPELINE_WEIGHTS[name]
    pin = read_pin(PACKAGED / f"{name}.toml", published)
    assert pin is not None
    assert len(pin.revision) == 40
    files = wanted_files(published, pin)
    assert files == pin.files
    assert all(len(file.sha256) == 64 or len(file.git) == 40 for file in files.values())
    for part in published.parts:
        size = sum(file.bytes for path, file in files.items() if part.holds(path))
        assert size == pytest.approx(part.bytes, rel=0.01), part.name
    assert "the hub itself was not asked" in pin.known_by


def test_of_the_larger_network_the_commit_alone_is_known_and_of_sana_wm_nothing() -> None:
    pin = read_pin(PACKAGED / "vace-14b.toml", PIPELINE_WEIGHTS["vace-14b"])
    assert pin is not None
    assert pin.files == {}
    assert read_pin(PACKAGED / "sana-wm.toml", SANA) is None


@pytest.mark.parametrize(
    ("name", "used"),
    [
        ("model_index.json", True),
        ("transformer/diffusion_pytorch_model-00001-of-00002.safetensors", True),
        ("tokenizer/spiece.model", True),
        ("transformer/diffusion_pytorch_model.bin", False),
        ("text_encoder/modeling.py", False),
        ("README.md", False),
        ("assets/example.json", False),
        ("transformer/../../outside.json", False),
        ("/etc/passwd.json", False),
        ("vae\\..\\..\\outside.json", False),
        ("C:/outside.json", False),
    ],
)
def test_only_what_a_pipeline_is_loaded_from_is_used(name: str, used: bool) -> None:
    """Pickles, code and paths that lead out of the folder are not, whatever a repository lists."""
    assert is_used(SANA, name) is used


def test_weights_that_are_only_pickled_are_refused() -> None:
    part = WeightsPart("network", ("network",), 1, "MIT", "yes", "its card")
    published = PublishedWeights("tiny", "Tiny", "org/tiny", (part,))
    pin = Pin(repo="org/tiny", revision="", files={"model_index.json": PinnedFile(bytes=1)})
    with pytest.raises(WeightsError, match=r"no weights for the network: no \.safetensors file in network; pickles"):
        wanted_files(published, pin)


def test_a_pin_is_read_as_it_was_written(tmp_path: Path) -> None:
    files = {
        'odd "name" = #.json': PinnedFile(bytes=3, git="ab" * 20),
        "vae/x.safetensors": PinnedFile(bytes=5, sha256="cd" * 32),
    }
    pin = Pin(repo=SANA.repo, revision="12" * 20, origin="command", known_by='said "so"\nhere', files=files)
    write_pin(tmp_path / "pins" / "sana-wm.toml", pin)
    assert read_pin(tmp_path / "pins" / "sana-wm.toml", SANA) == pin
    with pytest.raises(WeightsError, match="The pin is not that of vace"):
        read_pin(tmp_path / "pins" / "sana-wm.toml", PIPELINE_WEIGHTS["vace"])


def test_the_id_of_a_file_is_that_of_git() -> None:
    """`printf 'hello\\n' | git hash-object --stdin`."""
    assert git_id(b"hello\n") == "ce013625030ba8dba906f756967f9e9ca394464a"
