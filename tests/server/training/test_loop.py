"""The loop: resumed exactly, the frozen set untouched, what is no number skipped, checkpoints whole or not there."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed: the model tests were not run")
pytest.importorskip("diffusers", reason="diffusers is not installed: the model tests were not run")
accelerate = pytest.importorskip("accelerate", reason="accelerate is not installed: the training was not run")

from server.model.model import random_model  # noqa: E402
from server.model.tokenizer import ByteTokenizer  # noqa: E402
from server.training.checkpoints import CAMERA, FACTS, STATE, TrainingError, complete  # noqa: E402
from server.training.config import DataSettings, RunSettings, TrainingConfig  # noqa: E402
from server.training.data.camera_paths import CameraPaths  # noqa: E402
from server.training.draws import draw_step, joined_draws, sample_generator  # noqa: E402
from server.training.loop import NamedBatch, Training  # noqa: E402
from server.training.optimizer import MOST_SKIPPED  # noqa: E402
from server.training.order import SampleOrder, positions  # noqa: E402
from server.training.step import TrainingBatch  # noqa: E402
from tests.server.published.recipe import recipe_intrinsics, recipe_trajectory  # noqa: E402
from tests.support.model.tiny_training import SMALLER  # noqa: E402
from tests.support.systems.refused_calls import FOREVER, refused_first  # noqa: E402

FRAMES, SIDE = 2, 64
RUN = RunSettings(steps=4, batch=2, precision="no", checkpoint_every=2, keep=2, ema=0.5)
CONFIG = TrainingConfig(variant="kit-tiny-256", base="b", tokenizer="k", out="o", data=DataSettings(train="t"), run=RUN)


def batch_of(places: range) -> NamedBatch:
    """Samples made of their positions alone."""
    generators = [sample_generator(1, place) for place in places]
    count = len(places)
    latents = torch.cat([torch.randn((1, 4, FRAMES, SIDE // 8, SIDE // 8), generator=g) for g in generators])
    context = torch.cat([torch.randn((1, 77 + 16 * FRAMES, 48), generator=g) for g in generators])
    draws = joined_draws([draw_step(g, SMALLER, FRAMES, (SIDE // 8, SIDE // 8)) for g in generators])
    paths = CameraPaths(
        torch.linalg.inv(recipe_trajectory(FRAMES).double()).expand(count, -1, -1, -1),
        recipe_intrinsics(FRAMES, SIDE, SIDE).expand(count, -1, -1, -1),
        torch.ones(count, FRAMES),
    )
    batch = TrainingBatch(latents, context, torch.full((count,), 3), paths)
    return NamedBatch(tuple(f"clip{place}" for place in places), batch, draws)


def training(
    folder: Path, config: TrainingConfig = CONFIG, scale: float | None = None, base: str = ""
) -> tuple[Training, Any]:
    """A training and its model; with a scale of the loss, as in float16."""
    model = random_model(SMALLER, ByteTokenizer(SMALLER.clip.vocabulary), seed=4)
    accelerator = accelerate.Accelerator(cpu=True)
    if scale is not None:
        accelerator.scaler = torch.amp.GradScaler("cpu", init_scale=scale)
    return Training(model, config, accelerator, folder, base), model


def test_resumed_to_the_same_losses_and_the_same_tensors(tmp_path: Path) -> None:
    whole, model = training(tmp_path / "whole")
    frozen = [(p, p.clone()) for part in model.parts().values() for p in part.parameters() if not p.requires_grad]
    losses = [record.loss for record in whole.run(batch_of, 4)]
    assert all(torch.equal(now, before) for now, before in frozen)

    killed, _ = training(tmp_path / "killed")
    run = killed.run(batch_of, 4)
    first = [next(run).loss for _ in range(3)]
    resumed, _ = training(tmp_path / "killed")
    assert resumed.resume()
    assert resumed.step == 2
    assert first[:2] + [record.loss for record in resumed.run(batch_of, 4)] == losses
    assert first == losses[:3]
    for key, parameter in whole.trained.parameters.items():
        assert torch.equal(parameter, resumed.trained.parameters[key])
        assert torch.equal(whole.mean[key], resumed.mean[key])
    assert [path.name for path in complete(tmp_path / "killed")] == ["step-00000002", "step-00000004"]

    other, _ = training(tmp_path / "killed", msgspec.structs.replace(CONFIG, dropout=0.0))
    with pytest.raises(TrainingError, match=r"another configuration: dropout was 0.1, is 0.0. Choose"):
        other.resume()


def test_what_was_written_before_steps_were_left_out_stays(tmp_path: Path) -> None:
    each = msgspec.structs.replace(RUN, checkpoint_every=1, keep=1)
    run, _ = training(tmp_path, msgspec.structs.replace(CONFIG, run=each))

    def broken(places: range) -> NamedBatch:
        samples = batch_of(places)
        samples.batch.latents.fill_(float("nan") if run.step else 1.0)
        return samples

    with pytest.raises(TrainingError, match="3 steps in a row"):
        list(run.run(broken, 9))
    assert [path.name for path in complete(tmp_path)] == [f"step-0000000{step}" for step in (1, 2, 3)]


@pytest.mark.parametrize("file", [CAMERA, STATE, FACTS])
@pytest.mark.parametrize("left", [0, 60])
def test_a_damaged_checkpoint_is_named_and_the_one_before_it(tmp_path: Path, file: str, left: int) -> None:
    run, _ = training(tmp_path)
    for step in (1, 2):
        run.step = step
        run.save()
    damaged = tmp_path / "step-00000002" / file
    damaged.write_bytes(damaged.read_bytes()[:left])
    with pytest.raises(TrainingError, match=r"cannot be used.*step-00000002.*step-00000001 is before it"):
        training(tmp_path)[0].resume()


def test_what_a_configuration_does_not_say_is_held_too(tmp_path: Path) -> None:
    """The base's own numbers; and as published, by how many batches a step's gradients are divided."""
    config = msgspec.structs.replace(CONFIG, published=True)
    first, _ = training(tmp_path, config, base="one")
    first.step = 1
    first.save()
    assert training(tmp_path, config, base="one")[0].resume()
    with pytest.raises(TrainingError, match=r"another base.*digest one.*has two"):
        training(tmp_path, config, base="two")[0].resume()
    at_once = msgspec.structs.replace(config, run=msgspec.structs.replace(RUN, batch_per_process=2))
    with pytest.raises(TrainingError, match=r"another accumulation.*2 batches a step and process, now 1"):
        training(tmp_path, at_once, base="one")[0].resume()


def test_what_is_no_number_is_skipped_and_three_in_a_row_end_the_training(tmp_path: Path) -> None:
    run, _ = training(tmp_path)
    before = {key: p.detach().clone() for key, p in run.trained.parameters.items()}

    def broken(places: range) -> NamedBatch:
        samples = batch_of(places)
        samples.batch.latents.fill_(float("nan"))
        return samples

    records = run.run(broken, 4)
    assert [next(records).skipped for _ in range(2)] == [True, True]
    assert all(torch.equal(before[key], p) for key, p in run.trained.parameters.items())
    assert run.skipped == 2
    with pytest.raises(TrainingError, match=r"3 steps in a row.*clip4, clip5.*another training.*camera = "):
        next(records)


def test_a_scale_that_is_too_large_is_halved_until_it_fits(tmp_path: Path) -> None:
    """More steps in a row are left out than those that end a training; then it goes on as without a scale."""
    config = msgspec.structs.replace(CONFIG, run=msgspec.structs.replace(RUN, batch=1, checkpoint_every=1))

    def loud(places: range) -> NamedBatch:
        samples = batch_of(range(1))
        return NamedBatch(samples.names, samples.batch, replace(samples.draws, noise=samples.draws.noise * 3e4))

    run, _ = training(tmp_path, config, 2.0**110)
    done = []
    for record in run.run(loud, 30):
        done.append(record)
        if not record.skipped:
            break
    assert len(done) > MOST_SKIPPED + 1
    assert run.skipped == len(done) - 1
    plain, _ = training(tmp_path / "plain", config)
    plain.step = len(done) - 1
    (same,) = plain.run(loud, len(done))
    assert done[-1].gradient_norm == pytest.approx(same.gradient_norm, rel=1e-4)
    for key, parameter in plain.trained.parameters.items():
        torch.testing.assert_close(run.trained.parameters[key], parameter, rtol=1e-4, atol=1e-6)
    run.save()
    resumed, _ = training(tmp_path, config, 2.0**110)
    assert resumed.resume()
    scales = [training._accelerator.scaler.get_scale() for training in (resumed, run)]
    assert scales == [2.0 ** (110 - run.skipped)] * 2


def test_an_unfinished_checkpoint_is_none(tmp_path: Path) -> None:
    (tmp_path / ".step-00000002.part").mkdir()
    (tmp_path / "step-00000009").mkdir()
    run, _ = training(tmp_path)
    assert not run.resume()


@pytest.mark.parametrize(("held", "stays"), [(CAMERA, [CAMERA]), (FACTS, [CAMERA, FACTS, STATE])])
def test_a_checkpoint_that_cannot_be_removed_is_whole_or_none(tmp_path: Path, held: str, stays: list[str]) -> None:
    config = msgspec.structs.replace(CONFIG, run=msgspec.structs.replace(RUN, checkpoint_every=1, keep=1))
    run, _ = training(tmp_path, config)
    with refused_first(FOREVER, tmp_path / "step-00000001" / held):
        list(run.run(batch_of, 2))
    assert sorted(path.name for path in (tmp_path / "step-00000001").iterdir()) == stays
    list(run.run(batch_of, 3))
    assert [path.name for path in tmp_path.iterdir()] == ["step-00000003"]


def test_every_clip_once_an_epoch_whoever_takes_it() -> None:
    order = SampleOrder(clips=8, seed=3)
    epochs = [[order.place(8 * epoch + i)[1] for i in range(8)] for epoch in range(2)]
    assert [sorted(clips) for clips in epochs] == [list(range(8))] * 2
    assert epochs[0] != epochs[1]
    one = [p for micro in range(4) for p in positions(5, micro, 0, 1, 2, 8)]
    two = [p for micro in range(2) for rank in range(2) for p in positions(5, micro, rank, 2, 2, 8)]
    assert one == two == list(range(40, 48))
