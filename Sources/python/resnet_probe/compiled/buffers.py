"""The buffers that a compiled pass writes its sums into, and what they say afterwards."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch

from resnet_probe.blocks import Block
from resnet_probe.measuring.gradient_sums import GradientSums
from resnet_probe.measuring.samples import Detail
from resnet_probe.measuring.sums import Change, ForwardSums

#: The rows of the forward buffer, one value a sample each.
SURVIVES, STREAM, BRANCH, PRODUCT, CHANGE, CHANGE_PRODUCT, TURNING, OWN = range(8)
FORWARD_ROWS = 8
#: The rows of the gradient buffer.
ARRIVED, SQUARE, GRADIENT_PRODUCT, THROUGH = range(4)
GRADIENT_ROWS = 4
#: The rows of the buffer of element counts: with F ≠ 0, and those of them that x + F == x swallows.
COUNT_ROWS = 2


class Buffers:
    """One block's buffers for one micro-batch of at most `capacity` samples.

    They are made before the pass that writes them and used again in later steps: what a compiled
    graph writes must be there before it runs.
    """

    def __init__(
        self, block: Block, detail: Detail, capacity: int, width: int, device: torch.device,
        dtype: torch.dtype,
    ) -> None:  # fmt: skip
        self.block = block
        self.capacity = capacity
        self.width = width
        self._detail = detail
        is_identity = block.kind == "residual" and block.shortcut == "identity"
        self._counts_absorbed = is_identity and detail == "full"

        def empty(*shape: int) -> torch.Tensor:
            return torch.zeros(shape, dtype=dtype, device=device)

        self.forward = empty(FORWARD_ROWS, capacity)
        self.gradient = empty(GRADIENT_ROWS, capacity)
        self.columns = empty(width if detail == "full" and block.kind != "concat" else 0)
        self.absorbed = empty(COUNT_ROWS)
        self.begin()

    def begin(self) -> None:
        """Forgets the pass before: what this one does not write is no number."""
        self.forward.fill_(math.nan)
        self.columns.fill_(math.nan)
        self.absorbed.zero_()
        self.gradient[ARRIVED].zero_()

    def sums(
        self, seen: Seen, present: torch.Tensor | None, *, counts_absorbed: bool
    ) -> ForwardSums:
        """The forward sums that a pass left."""
        n, rows, full = seen.samples, self.forward, self._detail == "full"
        dense = self.block.kind == "concat"
        stream, branch = rows[STREAM, :n], rows[BRANCH, :n]
        product = rows[PRODUCT, :n] if full and not dense else None
        turning = rows[TURNING, :n] if full and not dense else None
        change = None if dense else Change(product, branch, turning)
        if self.block.activation == "relu" and self.block.shortcut == "identity":
            change = Change(rows[CHANGE_PRODUCT, :n] if full else None, rows[CHANGE, :n], turning)
        is_own = self.block.shortcut == "projection" and seen.own_width is not None
        is_known = (
            is_own
            or self.block.shortcut != "projection"
            or not self.block.site.operands.is_fork_whole
        )
        return ForwardSums(
            stream_square=stream, branch_square=branch, product=product, change=change,
            rectified=None, own_stream_square=rows[OWN, :n] if is_own else stream,
            survives=rows[SURVIVES, :n] != 0 if seen.is_masked else None, present=present,
            stream_width=seen.stream_width if is_known else 0, branch_width=seen.branch_width,
            column_sum=self.columns if full and seen.branch_width == self.width else None,
            absorbed=self.absorbed if counts_absorbed and self._counts_absorbed else None,
        )  # fmt: skip

    def gradients(self, seen: Seen) -> GradientSums:
        """The gradient sums; NaN where no gradient came, or more than one."""
        rows = self.gradient[:, : seen.samples]
        once = rows[ARRIVED] == 1
        full = self._detail == "full"
        nan = math.nan
        return GradientSums(
            square=torch.where(once, rows[SQUARE], nan),
            product=torch.where(once, rows[GRADIENT_PRODUCT], nan) if full else None,
            through=rows[THROUGH] if full else None,
        )


@dataclass(frozen=True, slots=True)
class Seen:
    """What a pass showed of a block's shapes."""

    samples: int
    stream_width: int
    branch_width: int
    own_width: int | None = None  # of a projection's stream, where that was at hand
    is_masked: bool = False
