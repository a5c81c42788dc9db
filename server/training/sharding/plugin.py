"""accelerate's plugins as the training uses them: what learns is split over the processes, the frozen base is not."""

from __future__ import annotations

from collections.abc import Iterator

from accelerate import Accelerator, DistributedType
from accelerate.utils import DynamoBackend
from torch import nn
from torch.distributed.fsdp import CPUOffloadPolicy

from server.training.checkpoints import TrainingError

ZERO_2 = "Run `accelerate launch --use_deepspeed --zero_stage 2`, or 1"
OF_ZERO = {
    "stage", "reduce_bucket_size", "allgather_bucket_size", "overlap_comm", "contiguous_gradients", "reduce_scatter",
    "allgather_partitions", "round_robin_gradients",
    "offload_optimizer", "offload_param", "stage3_gather_16bit_weights_on_model_save",  # accelerate's, of no effect
}  # fmt: skip
"""Settings of ZeRO that change speed and memory alone."""
FILLED = {
    "zero_optimization", "train_batch_size", "train_micro_batch_size_per_gpu", "gradient_accumulation_steps",
    "gradient_clipping", "bf16", "fp16", "steps_per_print", "zero_allow_untested_optimizer",
}  # fmt: skip
"""Settings of DeepSpeed that the training or accelerate fills, whatever a file says, and of its reports."""
FSDP_2 = "Run `accelerate launch --use_fsdp --fsdp_version 2`, which splits the trained tensors and their moments"


def is_split(accelerator: Accelerator) -> bool:
    """Whether each process has a part of the trained tensors only."""
    return bool(accelerator.distributed_type == DistributedType.FSDP)


def is_zero(accelerator: Accelerator) -> bool:
    """Whether DeepSpeed has the optimizer."""
    return bool(accelerator.distributed_type == DistributedType.DEEPSPEED)


def check_sharing(accelerator: Accelerator, precision: str) -> None:
    """Refuse a way to share the training that cannot be used.

    Args:
        accelerator: as `accelerate launch` has it.
        precision: of the training, see `RunSettings`.

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
        for setting, remedy in _refused_of_deepspeed(accelerator, precision):
            raise TrainingError("The training cannot be shared by this DeepSpeed", setting, remedy)


def _refused_of_deepspeed(accelerator: Accelerator, precision: str) -> Iterator[tuple[str, str]]:
    """What of the plugin's settings cannot be used, and what to do instead."""
    settings = accelerator.deepspeed_plugin.deepspeed_config
    zero = settings.get("zero_optimization") or {}
    if str(zero.get("stage", 0)) not in ("1", "2"):
        yield f"its ZeRO stage is {zero.get('stage', 0)}", f"{ZERO_2}."
    for part in ("offload_optimizer", "offload_param"):
        if (device := (zero.get(part) or {}).get("device", "none")) != "none":
            yield f"it moves to the {device} ({part})", "Leave that out: 4.2 GB are split over the cards."
    unknown = sorted((settings.keys() - FILLED) | {f"zero_optimization.{key}" for key in zero.keys() - OF_ZERO})
    if unknown:
        yield f"its configuration has {', '.join(unknown)}", "Leave that out: the training does it, or cannot."
    if precision == "fp16":
        yield "it scales the loss in float16 by rules of its own", 'Set run.precision = "bf16" or "no".'
    if accelerator.state.dynamo_plugin.backend != DynamoBackend.NO:
        yield "it compiles the step as a whole", "Leave --dynamo_backend out; run.compile = true compiles blocks."


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
