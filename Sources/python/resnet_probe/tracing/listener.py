"""What a tap tells of: joins of branches and shortcuts, and who listens."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

from resnet_probe.tracing.junction import Junction, Unclear
from resnet_probe.tracing.trace import Trace


@dataclass(slots=True)
class Join:
    """One sum or concatenation under way: seen before it is done, ended after."""

    junction: Junction
    operands: tuple[torch.Tensor, ...]
    operation: str
    mask: torch.Tensor | None
    unmasked: torch.Tensor | None  # F before the drop mask, where it is still there
    fork: torch.Tensor | None
    scale: float = 1.0  # of the branch, `alpha` of torch.add
    overwrites: int | None = None  # the operand that is overwritten
    taken: Any = None  # what `before_join` made of it


class Listener:
    """What a tap tells of; the measuring and the searching half derive from it."""

    def is_declared(self, trace: Trace) -> bool:
        """Whether a user declared that what runs now is a residual block."""
        return False

    def before_join(self, trace: Trace, join: Join) -> Any:
        """A block's operands, before the operation; its answer is given to `after_join`."""

    def after_join(self, trace: Trace, join: Join, result: torch.Tensor) -> None:
        """The operation is done."""

    def unclear(self, trace: Trace, first: torch.Tensor, unclear: Unclear) -> None:
        """A sum that looks like a block's and is not understood."""

    def relu(self, trace: Trace, source: int, result: torch.Tensor) -> None:
        """A ReLU was applied to the tensor of a node."""

    def chain(self, trace: Trace, stream: torch.Tensor, output: torch.Tensor,
              nodes: Sequence[int]) -> None:  # fmt: skip
        """A convolution or linear of equal shapes ended, with its norm and activation."""
