"""One row of the catalogue: a network, its input, and what is to be found in it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class Example:
    """What a forward is called with."""

    args: tuple[Any, ...] = ()
    kwargs: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Entry:
    """A network with the blocks that a reader of its code finds.

    `identity`, `projection`, `plain` and `concat` are counts of blocks; None where two readings
    are both fair, so that nothing is held to it. `trained` tells whether a step is worth its time on two cores; the others
    are for the meta device. `slow`: a step takes more than about a second. `silent`: stochastic
    depth may drop a block for all samples of a step. `parameters` is the count that paper or
    library states, within 1 %, of `full` or, where that is None, of `make`.
    """

    name: str
    make: Callable[[], nn.Module]
    example: Callable[[], Example]
    identity: int | None = 0
    projection: int | None = 0
    plain: int | None = 0
    concat: int | None = 0
    trained: bool = True
    slow: bool = False
    parameters: float | None = None
    silent: bool = False
    full: Callable[[], nn.Module] | None = None
    needs: str = "torch"

    @property
    def residual(self) -> int | None:
        """Identity and projection together."""
        if self.identity is None or self.projection is None:
            return None
        return self.identity + self.projection

    def on_meta(self) -> tuple[nn.Module, Example]:
        """The model and its input on the meta device: shapes without numbers."""
        with torch.device("meta"):
            return self.make(), self.example()


def images(size: int, samples: int = 2, channels: int = 3) -> Callable[[], Example]:
    """Normal images N x channels x size x size."""
    return lambda: Example((torch.randn(samples, channels, size, size),))


def rows(width: int, samples: int = 4) -> Callable[[], Example]:
    """Normal rows N x width."""
    return lambda: Example((torch.randn(samples, width),))


def tokens(length: int, width: int, samples: int = 2) -> Callable[[], Example]:
    """Normal tokens N x length x width."""
    return lambda: Example((torch.randn(samples, length, width),))


def ids(vocabulary: int, length: int, samples: int = 2) -> Callable[[], Example]:
    """Token ids N x length."""
    return lambda: Example((torch.randint(0, vocabulary, (samples, length)),))


def tensors_of(output: Any) -> list[Tensor]:
    """All floating tensors in a tensor, tuple, list or dictionary, in order."""
    if isinstance(output, Tensor):
        return [output] if output.is_floating_point() else []
    if isinstance(output, Mapping):
        return [tensor for value in output.values() for tensor in tensors_of(value)]
    if isinstance(output, (tuple, list)):
        return [tensor for value in output for tensor in tensors_of(value)]
    return []


def mean_loss(output: Any) -> Tensor:
    """A loss for any output: the mean over samples of a smooth function that has no symmetry."""
    total: Tensor | None = None
    for tensor in tensors_of(output):
        weights = torch.linspace(0.5, 1.5, tensor.shape[-1], device=tensor.device)
        part = ((tensor - 0.3).square() * weights.to(tensor.dtype)).mean()
        total = part if total is None else total + part
    if total is None:
        raise ValueError("the output holds no floating tensor")
    return total
