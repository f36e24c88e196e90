"""What a forward written by hand says of each block."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import singledispatch
from typing import Any

import torch
from torch import Tensor, nn


@dataclass
class BlockTrace:
    """One block in one forward, with tensors of the graph.

    `x` is the stream as this block alone consumes it; `shortcut` is s(x); `branch` is F before
    the mask of stochastic depth and before a division by the probability of survival; `total` is h,
    the sum with the mask (of a plain block y, of a concat block F). `survivors` holds one truth a
    row of the batch, `tokens` one a token (False: padding).
    """

    name: str
    kind: str
    shortcut_kind: str
    activation: str
    x: Tensor
    shortcut: Tensor
    branch: Tensor
    total: Tensor
    parameters: list[nn.Parameter]
    gate: list[nn.Parameter] = field(default_factory=list)
    last_map: list[nn.Parameter] = field(default_factory=list)
    survivors: Tensor | None = None
    tokens: Tensor | None = None

    @property
    def sample_axis(self) -> str:
        """ "token" for tensors of rank 3, else "row"."""
        return "token" if self.branch.ndim == 3 else "row"


class Trace:
    """The blocks of one forward, in the order of their sums."""

    def __init__(self) -> None:
        self.blocks: list[BlockTrace] = []
        self.tokens: Tensor | None = None

    @staticmethod
    def enter(x: Tensor) -> Tensor:
        """The stream as a tensor of its own, so that its gradient is that through one block."""
        x = x.view_as(x)
        if not x.requires_grad:
            x.requires_grad_()
        x.retain_grad()
        return x

    def add(
        self,
        name: str,
        x: Tensor,
        branch: Tensor,
        of: Sequence[nn.Module | nn.Parameter],
        *,
        last: nn.Module | nn.Parameter | None,
        shortcut: Tensor | None = None,
        relu: bool = False,
        mask: Tensor | None = None,
    ) -> Tensor:
        """h = s(x) + mask * F, kept; returns y."""
        total = (x if shortcut is None else shortcut) + (branch if mask is None else mask * branch)
        total.retain_grad()
        survivors = None
        if mask is not None:
            survivors = (mask.flatten() != 0).expand(x.shape[0])  # one value a row, or one for all
        self.blocks.append(
            BlockTrace(
                name,
                "residual",
                "identity" if shortcut is None else "projection",
                "relu" if relu else "identity",
                x,
                x if shortcut is None else shortcut,
                branch,
                total,
                _parameters(of),
                _gate(last),
                _parameters([last] if last is not None else []),
                survivors,
                self.tokens,
            )
        )
        return torch.relu(total) if relu else total

    def plain(self, name: str, x: Tensor, y: Tensor, of: nn.Module, last: nn.Module) -> Tensor:
        """A block without a shortcut: F := y - x, g at y."""
        y.retain_grad()
        self.blocks.append(
            BlockTrace(
                name, "plain", "none", "identity", x, x, y - x, y, _parameters([of]),
                _gate(last), _parameters([last]),
            )
        )  # fmt: skip
        return y

    def concat(self, name: str, x: Tensor, new: Tensor, of: nn.Module, last: nn.Module) -> Tensor:
        """A dense layer: the new maps beside the reused ones; g at the new maps."""
        new = self.enter(new)
        self.blocks.append(
            BlockTrace(
                name, "concat", "none", "identity", x, x, new, new, _parameters([of]),
                _gate(last), _parameters([last]),
            )
        )  # fmt: skip
        return torch.cat((x, new), 1)


def _parameters(of: Sequence[nn.Module | nn.Parameter]) -> list[nn.Parameter]:
    found: list[nn.Parameter] = []
    for part in of:
        found += [part] if isinstance(part, nn.Parameter) else list(part.parameters())
    return found


def _gate(last: nn.Module | nn.Parameter | None) -> list[nn.Parameter]:
    """The last norm's scale, or a LayerScale or ReZero; a last map is no gate."""
    if isinstance(last, nn.Parameter):
        return [last]
    if isinstance(last, (nn.BatchNorm2d, nn.LayerNorm, nn.GroupNorm)):
        return [last.weight]
    return []


@singledispatch
def traced_forward(model: nn.Module, _: Trace, *__: Any, **___: Any) -> Any:
    """The model's output, computed by a forward written by hand that keeps each block in the trace."""
    raise TypeError(f"no forward by hand for {type(model).__name__}")
