"""`realcam nano`: the VAE and the base of the network that is trained here, and the folder that ships."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from blender_addon.core.errors import RealCamError
from server.commands.friendly_errors import friendly_errors
from server.packages import MODEL_PACKAGES, absent_packages
from server.terminal.plain_console import say

from .comparison import joins, table

if TYPE_CHECKING:
    from server.training.nano.loop import NanoTraining
    from server.training.nano.processes import Processes

nano_app = typer.Typer(no_args_is_help=True, help="Train the nano network's VAE and base, compare, ship.")
Config = Annotated[Path, typer.Argument(help="Configuration, TOML: server/training/nano/configs.")]


@nano_app.command()
def vae(config: Config) -> None:
    """Train the VAE, or go on where its newest checkpoint is; at the end vae.safetensors.

    With several processes: torchrun --nproc_per_node 2 -m server.cli nano vae CONFIG.toml
    """
    with friendly_errors():
        _need_packages()
        from server.training.nano.processes import joined_processes

        with joined_processes() as processes:
            _vae(config, processes)


@nano_app.command()
def base(config: Config) -> None:
    """Train the base without a camera on the trained VAE, or go on; at the end base.safetensors.

    With several processes: torchrun --nproc_per_node 2 -m server.cli nano base CONFIG.toml
    """
    with friendly_errors():
        _need_packages()
        from server.training.nano.processes import joined_processes

        with joined_processes() as processes:
            _base(config, processes)


@nano_app.command()
def ship(
    config: Config,
    run: Annotated[Path, typer.Argument(help="Folder of the camera modules' training on that base.")],
    into: Annotated[Path | None, typer.Option(help="Gets the folder nano; the code's own if not given.")] = None,
    ema: Annotated[bool, typer.Option("--ema", help="The running mean of the camera modules.")] = False,
) -> None:
    """Write the folder of the network that ships with the server: all parts in float16, tokenizer and card."""
    with friendly_errors():
        _need_packages()
        from server.model.config import NANO
        from server.model.weights.own_networks import SHIPPED
        from server.model.weights.weights_store import WeightsStore
        from server.training.nano.config import read_nano_config
        from server.training.nano.shipping import ship as ship_network

        store = WeightsStore(into) if into else SHIPPED
        facts = ship_network(read_nano_config(config), run, store, ema)
        size = store.model_file(NANO.name).stat().st_size / 1e6
        say(f"{store.folder(NANO.name)}: {facts.steps:,} steps, {size:.1f} MB")


nano_app.command()(table)
nano_app.command()(joins)


def _vae(file: Path, processes: Processes) -> None:
    from server.model.config import NANO
    from server.training.nano.config import read_nano_config
    from server.training.nano.loop import NanoTraining, begun
    from server.training.nano.vae_files import VaeFacts, normalise_latents, write_vae
    from server.training.nano.vae_learner import VaeLearner, continued_vae, new_vae
    from server.training.nano.world_clips import open_worlds

    config = read_nano_config(file)
    pace, folder, worlds = config.vae, config.vae_folder, Path(config.worlds)
    begins = pace.begin and not begun(folder)
    network = continued_vae(Path(pace.begin), NANO.vae) if begins else new_vae(NANO.vae, pace.seed)
    clips, validation = open_worlds(worlds)
    learner = VaeLearner(network, clips, validation, processes.share(pace.batch), pace.seed)
    training = NanoTraining(learner, pace, folder, processes)
    _train(training, len(clips))
    if not processes.first:
        return
    with training.averaged():
        psnr = learner.validate(training.step, folder)["psnr"]
        normalise_latents(network, *learner.latent_statistics())
        write_vae(folder, network, VaeFacts(psnr=psnr, steps=training.step))
    say(f"PSNR {psnr:.2f} dB")


def _base(file: Path, processes: Processes) -> None:
    from server.model.config import NANO
    from server.training.nano.base_learner import BaseLearner
    from server.training.nano.base_model import begin_with, new_base, write_base
    from server.training.nano.config import BASE_FILE, read_nano_config
    from server.training.nano.latent_cache import LatentCache
    from server.training.nano.loop import NanoTraining, begun
    from server.training.nano.world_clips import open_worlds

    config = read_nano_config(file)
    pace, folder = config.base, config.base_folder
    model = new_base(NANO, config.vae_folder, folder, pace.seed)
    if pace.begin and not begun(folder):
        begin_with(model, Path(pace.begin))
    clips, validation = open_worlds(Path(config.worlds))
    latents, measured = (
        LatentCache(model.vae, folder / "latents" / split.folder.name) for split in (clips, validation)
    )
    learner = BaseLearner(
        model, clips, validation, latents, measured, processes.share(pace.batch), pace.seed, pace.mix,
        pace.timestep_shift,
    )  # fmt: skip
    training = NanoTraining(learner, pace, folder, processes)
    _train(training, len(clips))
    if not processes.first:
        return
    with training.averaged():
        write_base(model, folder / BASE_FILE)
    say(f"{folder / BASE_FILE}")


def _need_packages() -> None:
    absent = absent_packages(MODEL_PACKAGES, "models")
    if absent:
        raise RealCamError("Nothing can be trained here", absent)


def _train(training: NanoTraining, clips: int) -> None:
    resumed = training.resume()
    if training.first:
        say(f"{clips} clips; " + (f"going on from step {training.step}" if resumed else "from the beginning"))
    for record in training.run():
        say(f"{record['step']:.0f}: " + ", ".join(f"{k} {v:.4g}" for k, v in record.items() if k != "step"))
