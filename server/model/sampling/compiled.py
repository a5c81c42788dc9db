"""torch.compile for the UNet's blocks, one at a time.

The temporal transformers are left as they are: the camera's attention follows masks that differ from shot to shot, and
every other shot would compile it anew.
"""

from __future__ import annotations

import logging
from functools import cache

import torch
from torch import nn

from blender_addon.core.errors import EngineError
from server.model.unet.compile_options import many_forms
from server.model.unet.resnet import ResBlock
from server.model.unet.transformers import SpatialTransformer
from server.model.unet.unet import UNet

log = logging.getLogger("realcam.engine")


def compile_blocks(unet: UNet, device: torch.device) -> None:
    """Have every residual block and spatial transformer compiled when it first runs, in place.

    Raises:
        EngineError: this machine cannot compile. PyTorch needs a C++ compiler for the CPU, Triton for a GPU.
    """
    check_compiler(device)
    options = many_forms()
    for block in compiled_blocks(unet):
        block.compile(dynamic=False, **options)


def compiled_blocks(unet: UNet) -> list[nn.Module]:
    """The modules that `compile_blocks` compiles."""
    return [module for module in unet.modules() if isinstance(module, ResBlock | SpatialTransformer)]


def check_compiler(device: torch.device) -> None:
    """Compile a trivial function for the device.

    Raises:
        EngineError: that failed.
    """
    try:
        torch.compile(torch.neg)(torch.ones(2, device=device))
    except torch._dynamo.exc.TorchDynamoException as error:
        raise EngineError(
            "This machine cannot compile the network",
            str(error).strip().splitlines()[0],
            "Install a C++ compiler (and Triton for a card) on the server, or switch off 'Compile the network'.",
        ) from error


@cache
def can_compile(device: torch.device) -> bool:
    """Whether code can be compiled for the device on this machine; the reason why not is logged, once."""
    try:
        check_compiler(device)
    except EngineError as error:
        log.warning("the camera's attention is slower than it could be: %s", error.sentence)
        return False
    return True
