"""accelerate's plugins as the training uses them: what learns is split over the processes, the frozen base is not."""

from __future__ import annotations

from collections.abc import Iterator

from accelerate import Accelerator, DistributedType
from torch import nn
from torch.distributed.fsdp import CPUOffloadPolicy

from server.training.checkpoints import TrainingError

from .zero import is_zero

ZERO_2 = "Run `accelerate launch --use_deepspeed --zero_stage 2`, or 1"
FSDP_2 = "Run `accelerate launch --use_fsdp --fsdp_version 2`, which splits the trained tensors and their moments"


def is_split(accelerator: Accelerator) -> bool:
    """Whether each process has a part of the trained tensors only."""
    return bool(accelerator.distributed_type == DistributedType.FSDP)


def check_sharing(accelerator: Accelerator) -> None:
    """Refuse a way to share the training that cannot be used.

    Raises:
        TrainingError: it is Megatron, or FSDP or DeepSpeed with a setting that the training does not know.
    """
    if accelerator.distributed_type == DistributedType.MEGATRON_LM:
        raise TrainingError(
            "The training cannot be shared by Megatron",
            "it keeps the steps to itself, and the training skips steps, clips and resumes by its own rules",
            f"{FSDP_2}; or `--multi_gpu`, where these take 4.2 GB a card.",
        )
    if is_split(accelerator):
        for setting, remedy in _refused_of_fsdp(accelerator):
            raise TrainingError("The training cannot be shared by this FSDP", setting, remedy)
    if is_zero(accelerator):
        for setting, remedy in _refused_of_deepspeed(accelerator):
            raise TrainingError("The training cannot be shared by this DeepSpeed", setting, remedy)


def _refused_of_deepspeed(accelerator: Accelerator) -> Iterator[tuple[str, str]]:
    """What of the plugin's settings cannot be used, and what to do instead."""
    settings = accelerator.deepspeed_plugin.deepspeed_config
    zero = settings.get("zero_optimization", {})
    if zero.get("stage") not in (1, 2):
        yield f"its ZeRO stage is {zero.get('stage', 0)}", f"{ZERO_2}."
    for part in ("offload_optimizer", "offload_param"):
        if zero.get(part, {}).get("device", "none") != "none":
            yield f"it moves to the {zero[part]['device']} ({part})", "Leave --offload_* out: 4.2 GB are split."
    for own in ("optimizer", "scheduler"):
        if own in settings:
            yield f"its configuration file has the part {own}", "Leave it out of the file: the training has its own."
    if accelerator.mixed_precision == "fp16":
        yield "it scales the loss in float16 by rules of its own", 'Set run.precision = "bf16" or "no".'


def _refused_of_fsdp(accelerator: Accelerator) -> Iterator[tuple[str, str]]:
    """What of the plugin's settings cannot be used, and what to do instead."""
    plugin = accelerator.state.fsdp_plugin
    if plugin.fsdp_version != 2:
        yield "it is version 1, which makes one tensor of those that learn and those that do not", f"{FSDP_2}."
    elif isinstance(plugin.cpu_offload, CPUOffloadPolicy):
        yield "it moves parameters to the CPU", "Leave --fsdp_offload_params out: 4.2 GB are split over the cards."
    elif _replicates(accelerator):
        yield "it splits over some of the processes and copies to others", "Leave --parallelism_config_* out."
    elif plugin.activation_checkpointing:
        yield "it computes activations again", "Leave that to the configuration: run.recompute = true."


def _replicates(accelerator: Accelerator) -> bool:
    mesh = accelerator.parallelism_config
    return mesh is not None and mesh.total_size != mesh.dp_shard_size


def split_what_learns(accelerator: Accelerator, module: nn.Module) -> None:
    """Have `accelerator.prepare` split the trained parameters of a module, all in one piece.

    The frozen ones stay whole on each process: no step waits for them. Products are rounded by autocast, as in a
    training that is not split. Does nothing where nothing is to be split.

    Args:
        accelerator: that will prepare the module.
        module: the step; what does not learn is frozen already.
    """
    if not is_split(accelerator):
        return
    plugin = accelerator.state.fsdp_plugin
    plugin.auto_wrap_policy = None
    plugin.mixed_precision_policy = None
    plugin.cpu_ram_efficient_loading = False  # each process has loaded the model
    plugin.ignored_modules = [Frozen(module)]


class Frozen(nn.Module):
    """The frozen parameters of a module, as a module.

    Args:
        module: holds them.
    """

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.held = nn.ParameterList([p for p in module.parameters() if not p.requires_grad])
