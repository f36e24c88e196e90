"""Where an operation stands in the order of a forward pass, counted alike by a trace and a compiler.

`torch.compile` runs a network's Python once more, symbolically: a function mode sees the same calls
of torch's functions in the same order as when the network runs by itself. So the number of a sum
among the sums of its pass tells a compiler which one joins a block's branch to its shortcut.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from resnet_probe.tracing import operations

#: What may join a branch to its shortcut, or mask it.
JOINING = (
    operations.ADDS | operations.CATS | operations.SCALINGS
    | {"where", "masked_fill", "masked_fill_"}
)  # fmt: skip
#: What a plain block without a module of its own consists of.
LAYERS = operations.MAPS | operations.NORMS | operations.ACTIVATIONS


@dataclass(frozen=True, slots=True)
class Place:
    """Where a block stands among the operations of one call of a module around it."""

    within: str  # name of the module; "" is the network itself
    call: int  # which of the module's calls in the pass
    join: int  # number of the join among the call's joining operations
    mask: int = -1  # number of the product with the drop mask
    first_layer: int = -1  # of a chain: the number of its map among the call's layers
    last_layer: int = -1  # and of its last operation
    fork_layer: int = -1  # number of the layer that a projection's stream comes out of
    joins: int = 0  # how many joining operations the call has
    layers: int = 0  # and how many layers


def is_joining(name: str, args: Sequence[Any]) -> bool:
    """Whether an operation counts as joining: one of two tensors, or of a list of them."""
    if name not in JOINING or len(args) == 0:
        return False
    if name in operations.CATS:
        return isinstance(args[0], (list, tuple))
    return len(args) > 1 and isinstance(args[0], torch.Tensor) and isinstance(args[1], torch.Tensor)


class Places:
    """The count of one pass: joining operations and layers so far."""

    def __init__(self) -> None:
        self.joins = 0
        self.layers = 0

    def count(self, name: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> tuple[int, int]:
        """The numbers of the operation that comes next; -1 where it is none of a kind."""
        join = layer = -1
        if is_joining(name, args):
            join = self.joins
            self.joins += 1
        if name in LAYERS:
            layer = self.layers
            self.layers += 1
        return join, layer
