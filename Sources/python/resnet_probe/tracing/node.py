"""What a trace knows of tensors and calls: its nodes, constants and modules' calls."""

from __future__ import annotations

import weakref
from dataclasses import dataclass, field

import torch


@dataclass(slots=True)
class Node:
    """A tensor that depends on the input, as one operation made it."""

    index: int
    operation: str
    parents: tuple[int, ...]
    ancestors: int  # bit mask over indices, without itself
    parameters: tuple[torch.Tensor, ...]  # read by this operation
    shape: tuple[int, ...]
    call: int  # of the innermost module, see `Trace.calls`
    reference: weakref.ref[torch.Tensor]
    version: int  # of the tensor, when this was made
    is_map: bool = False
    in_place: bool = False
    is_direct: bool = True  # its parameters are its arguments, not something made of them
    scale: float | None = None  # of a product with a number
    random: torch.Tensor | None = None  # the random factor of a product: maybe a drop mask
    unscaled: torch.Tensor | None = None  # what was multiplied by `random`
    macs: int | None = None
    factor_operand: int = -1  # which argument of a masked product is `random`
    join: int = -1  # its number among the joining operations, see `tracing.places`
    layer: int = -1  # its number among the layers
    consumers: list[int] = field(default_factory=list)

    @property
    def bit(self) -> int:
        """The node in a bit mask."""
        return 1 << self.index


@dataclass(slots=True)
class Constant:
    """A tensor that does not depend on the input: made of parameters, buffers and randomness."""

    reference: weakref.ref[torch.Tensor]
    parameters: tuple[torch.Tensor, ...] = ()
    is_random: bool = False
    is_mask: bool = False  # random, each value 0 or one and the same number; of no parameter
    is_scaled: bool = False  # a mask that was multiplied or divided by a number
    keep: float | None = None  # of a random mask: the probability of a value above 0, where known


@dataclass(slots=True)
class Call:
    """One call of a module; the root's is the first."""

    index: int
    parent: int  # -1: none
    module: torch.nn.Module | None
    first: int  # the index of the first node made inside
    shape: tuple[int, ...] = ()  # of the only floating tensor that it was called with
    end: int = -1  # the index after the last node made inside; -1: under way
    arguments: tuple[int, ...] = ()  # the nodes that it was called with; -1: no node
    first_join: int = 0  # how many joining operations came before
    first_layer: int = 0
    end_join: int = 0  # how many came before its end
    end_layer: int = 0
