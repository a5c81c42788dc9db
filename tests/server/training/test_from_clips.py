"""From recorded clips on the disk to optimizer steps."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from PIL import Image

torch = pytest.importorskip("torch", reason="torch is not installed: the model tests were not run")
pytest.importorskip("diffusers", reason="diffusers is not installed: the model tests were not run")
accelerate = pytest.importorskip("accelerate", reason="accelerate is not installed: the training was not run")

from server.datasets.align import AlignRecord  # noqa: E402
from server.datasets.align_collection import SUMMARY, CollectionSummary  # noqa: E402
from server.model.model import random_model  # noqa: E402
from server.model.tokenizer import ByteTokenizer  # noqa: E402
from server.model.weights import checkpoint  # noqa: E402
from server.training.batches import ClipBatches  # noqa: E402
from server.training.config import DataSettings, RunSettings, TrainingConfig  # noqa: E402
from server.training.data.aligned_clips import open_aligned  # noqa: E402
from server.training.data.clip_set import ClipSet, DataError  # noqa: E402
from server.training.feeding.frozen_outputs import FrozenOutputs, frozen_outputs  # noqa: E402
from server.training.feeding.loader import SampleLoader  # noqa: E402
from server.training.feeding.sources import SampleSource  # noqa: E402
from server.training.loop import Training  # noqa: E402
from server.training.start import blank_camera  # noqa: E402
from server.training.step import StepRules, training_step  # noqa: E402
from server.training.trained_set import camera_tensors, initialise  # noqa: E402
from tests.server.published.recipe import recipe_trajectory  # noqa: E402
from tests.support.model.reduced_model import TINY_256  # noqa: E402

FRAMES = 4
SIZE = (64, 64)


def record(name: str, frames: int, **changes: Any) -> AlignRecord:
    poses = torch.linalg.inv(recipe_trajectory(frames)[0].double()).tolist()
    made = AlignRecord(
        clip=name, fingerprint="", frames=frames, scale=2.0, spread=0.0, votes=1, inliers=1, refusal="",
        frame_scales=[2.2, *[None] * (frames - 1)], smallest=2.0, largest=2.2, reprojection_error=None,
        camera_to_world=poses, intrinsics=[[[50.0, 0, 48], [0, 50.0, 36], [0, 0, 1]]] * frames,
    )  # fmt: skip
    return msgspec.structs.replace(made, **changes)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three clips that can be trained on, and four that cannot."""
    draw = np.random.default_rng(0)
    records = {name: record(name, 9) for name in ("a", "b", "c", "unseen", "cut")}
    records["short"] = record("short", 3)
    summary = CollectionSummary(kept=list(records), dropped=["far"], refused={"lost": "too few points"})
    (tmp_path / "aligned" / "train").mkdir(parents=True)
    (tmp_path / "aligned" / "train" / SUMMARY).write_bytes(msgspec.json.encode(summary))
    for name, made in records.items():
        (tmp_path / "aligned" / "train" / f"{name}.json").write_bytes(msgspec.json.encode(made))
        if name == "unseen":
            continue
        clip = tmp_path / "train" / name
        clip.mkdir(parents=True)
        (clip / "caption.txt").write_text(f"clip {name}\n")
        for i in range(made.frames - (name == "cut")):
            Image.fromarray(draw.integers(0, 255, (72, 96, 3), np.uint8)).save(clip / f"{i:04d}.png")
    return tmp_path


def source(clips: ClipSet) -> SampleSource:
    return SampleSource(clips, TINY_256, SIZE, (1, 2), 7, {"repeat": 0.5, "continue": 0.5}, False, FRAMES)


def test_clips_are_left_out_by_reason(folder: Path, tmp_path: Path) -> None:
    clips = open_aligned(*DataSettings(train=str(folder / "train")).folders, FRAMES, 30.0)
    assert [clip.name for clip in clips.clips] == ["a", "b", "c"]
    assert clips.refused == {
        "a scale apart from the others'": 1,
        "no accepted scale": 1,
        "fewer frames than poses": 1,
        f"fewer than {FRAMES} poses": 1,
        "no frames": 1,
    }
    assert clips[0].scales is not None
    assert clips[0].scales[:2].tolist() == pytest.approx([1.1, 1.0])
    with pytest.raises(DataError, match="no records"):
        open_aligned(folder / "train", tmp_path / "elsewhere", FRAMES, 30.0)


def test_steps_on_recorded_clips(folder: Path) -> None:
    clips = open_aligned(folder / "train", folder / "aligned" / "train", FRAMES, 30.0)
    model = random_model(TINY_256, ByteTokenizer(TINY_256.clip.vocabulary), seed=4)
    initialise(model, torch.Generator().manual_seed(1))
    run = RunSettings(steps=1, batch=2, precision="no", checkpoint_every=5)
    config = TrainingConfig(
        variant="t", base="b", tokenizer="k", out="o", data=DataSettings(train="t", stride=(1, 2)), run=run
    )
    batches = ClipBatches(model, SampleLoader(source(clips), 0, 2), 0.05)
    once, again = batches(range(2, 4)), batches(range(2, 4))
    assert once.names == again.names
    assert torch.equal(once.batch.latents, again.batch.latents)
    assert torch.equal(once.batch.context, again.batch.context)
    (done,) = Training(model, config, accelerate.Accelerator(cpu=True), folder / "out").run(batches, 1)
    assert not done.skipped
    assert done.loss > 0


def test_depth_tells_the_attention_where_to_look(folder: Path) -> None:
    model = random_model(TINY_256, ByteTokenizer(TINY_256.clip.vocabulary), seed=4)
    initialise(model, torch.Generator().manual_seed(1))
    clips = open_aligned(folder / "train", folder / "aligned" / "train", FRAMES, 30.0)
    told = SampleLoader(replace(source(clips), points=True), 0, 2)

    def losses() -> list[float]:
        made = ClipBatches(model, told, 0.05)(range(2))
        rules = (StepRules(), StepRules(correspondence=0.5))
        return [float(training_step(model, made.batch, made.draws, rule).loss.detach()) for rule in rules]

    without_depth = losses()
    assert without_depth[0] == without_depth[1]
    for clip in ("a", "b", "c"):
        (folder / "train" / clip / "depth").mkdir()
        for i in range(9):
            Image.fromarray(np.full((72, 96), 3000, np.uint16)).save(folder / "train" / clip / "depth" / f"{i:04d}.png")
    plain, with_terms = losses()
    assert plain == without_depth[0]
    assert with_terms > plain + 0.5


def test_the_samples_do_not_depend_on_who_decodes_them(folder: Path) -> None:
    """Two processes decode ahead; a clip that broke since it was looked at is named, and another takes its turn."""
    clips = open_aligned(folder / "train", folder / "aligned" / "train", FRAMES, 30.0)
    for file in (folder / "train" / "b").glob("*.png"):
        file.write_bytes(b"no picture")
    here, ahead = SampleLoader(source(clips), 0, 2), SampleLoader(source(clips), 2, 2)
    state = torch.random.get_rng_state()
    for positions in (range(0, 2), range(2, 4), range(4, 6)):
        for (one, draws), (other, others) in zip(here(positions), ahead(positions), strict=True):
            assert one.clip == other.clip in {"a", "c"}
            assert torch.equal(one.video, other.video)
            assert torch.equal(one.paths.camera_to_world, other.paths.camera_to_world)
            assert torch.equal(draws.noise, others.noise)
    assert torch.equal(state, torch.random.get_rng_state())
    ahead.close()
    assert set(here.broken) == set(ahead.broken) == {"b"}
    assert "0000.png" in ahead.broken["b"] or "picture cannot be read" in ahead.broken["b"]
    assert ahead.waited > 0
    for clip in ("a", "c"):
        for file in (folder / "train" / clip).glob("*.png"):
            file.write_bytes(b"no picture")
    with pytest.raises(DataError, match="Clip after clip"):
        here(range(6, 8))


def test_what_the_frozen_networks_made_is_kept(folder: Path) -> None:
    """The batch is the same from the cache; a torn slot is made again, and another network's slots are not read."""
    clips = open_aligned(folder / "train", folder / "aligned" / "train", FRAMES, 30.0)
    model = random_model(TINY_256, ByteTokenizer(TINY_256.clip.vocabulary), seed=4)
    loader = SampleLoader(source(clips), 0, 3)
    frozen = frozen_outputs(model, folder / "cache", SIZE, True)
    plain = ClipBatches(model, loader, 0.3)(range(3))
    for _ in range(2):
        kept = ClipBatches(model, loader, 0.3, frozen)(range(3))
        assert torch.equal(kept.batch.latents, plain.batch.latents)
        assert torch.allclose(kept.batch.context, plain.batch.context, atol=1e-5)
        assert torch.equal(kept.batch.paths.frame_scales, plain.batch.paths.frame_scales)
    model.unet.half()
    assert frozen_outputs(model, folder / "cache", SIZE, False).moments == frozen.moments, "as the VAE, not the UNet"
    model.unet.float()
    assert frozen.size_said(clips).startswith(f"The cache in {folder / 'cache'} grows to at most 0.0 GB")

    sample, draws = loader(range(1))[0]
    own = FrozenOutputs(frozen.moments, None, frozen.text)
    slots = sample.choice.indices
    frozen.moments.write(sample.key, slots, torch.zeros(FRAMES, *frozen.moments.shape))
    seen = ClipBatches(model, loader, 0.3, own)(range(1)).batch.latents[0].transpose(0, 1)
    assert torch.allclose(seen, TINY_256.vae.scale * draws.posterior, atol=1e-6)
    (file,) = (folder / "cache" / frozen.moments.kind).rglob(f"{sample.key}.slots")
    with file.open("r+b") as stream:
        stream.seek(slots[1] * (frozen.moments.slot + 4) + 5)
        stream.write(b"torn")
    again = ClipBatches(model, loader, 0.3, own)(range(1)).batch.latents
    assert torch.equal(again[0], plain.batch.latents[0])

    other = frozen_outputs(random_model(TINY_256, model.tokenizer, seed=5), folder / "cache", SIZE, True)
    assert other.moments.read(sample.key, slots) is None
    assert frozen.moments.read(sample.key, slots) is not None
    picture = folder / "train" / sample.clip / "0000.png"
    picture.write_bytes(picture.read_bytes() + b" ")
    assert loader(range(1))[0][0].key != sample.key


def test_the_blank_camera_has_every_published_tensor() -> None:
    blank = blank_camera(TINY_256)
    model = random_model(TINY_256, ByteTokenizer(TINY_256.clip.vocabulary))
    whole = camera_tensors(model)
    assert {key: t.shape for key, t in blank.items()} == {key: t.shape for key, t in whole.items()}
    tables = [key for key in whole if key.endswith(".pe")]
    assert tables
    assert all(torch.equal(blank[key], whole[key]) for key in tables)
    assert all(checkpoint.CAMERA_KEY.search(key) for key in blank)
