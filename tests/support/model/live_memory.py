"""How much memory tensors take, fake ones too: what a card would need, counted where there is none."""

from __future__ import annotations

import weakref
from typing import Any

import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves


class LiveMemory(TorchDispatchMode):
    """The most bytes that tensors made under it have held at once; works on fake ones.

    weights: modules whose own tensors do not count, which views of them would bring in.
    """

    def __init__(self, *weights: nn.Module) -> None:
        super().__init__()
        self.weights = [t.untyped_storage() for part in weights for t in (*part.parameters(), *part.buffers())]
        self.live: dict[int, int] = {id(storage): 0 for storage in self.weights}
        self.most = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        for leaf in tree_leaves(out):
            if isinstance(leaf, torch.Tensor):
                storage = leaf.untyped_storage()
                key = id(storage)
                if key not in self.live:
                    self.live[key] = storage.nbytes()
                    weakref.finalize(storage, self.live.pop, key, None)
        self.most = max(self.most, sum(self.live.values()))
        return out
