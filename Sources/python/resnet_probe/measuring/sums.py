"""Per-sample sums of one micro-batch of one block, on the device of its tensors.

x is the stream (a projection's s(x)), F the branch as added, y = φ(x + F). y - x is never formed
through a rounded y: it is F where φ is the identity and max(F, -x) where φ is a ReLU. Sums are
taken in float32, of float64 values in float64; a sample whose squares overflow that is not finite.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from resnet_probe.measuring.samples import (
    Detail,
    SampleAxis,
    accumulator,
    beside,
    both,
    chunks,
    exact,
    laid_out,
    leading,
    memory_order,
    per_sample,
    square_sum,
    total,
    width,
)


@dataclass(slots=True)
class Change:
    """The sums of d = y - x of each sample; what was not asked for is None."""

    product: Tensor | None  # (n,) r = ⟨x, d⟩
    square: Tensor  # (n,) q = ‖d‖²
    turning: Tensor | None  # (n,) p = ‖d - (r/a)x‖², 0 where a = 0


@dataclass(slots=True)
class ForwardSums:
    """What one micro-batch says of one block: vectors of one value a sample.

    `product`, the change's product and turning part and `column_sum` are None with detail "norms";
    a dense block has the squares alone.
    """

    stream_square: Tensor  # (n,) a = ‖x‖², of a projection ‖s(x)‖²
    branch_square: Tensor  # (n,) b = ‖F‖²
    product: Tensor | None  # (n,) c = ⟨x, F⟩
    change: Change | None
    rectified: Change | None  # the change if a ReLU follows, until that is settled
    own_stream_square: Tensor  # (n,) ‖x‖² of the stream itself
    survives: Tensor | None  # (n,) bool: stochastic depth kept the branch
    present: Tensor | None  # (n,) bool: no padding
    stream_width: int  # elements of one sample of the stream
    branch_width: int
    column_sum: Tensor | None  # (D,) Σ F over the samples that survive and are present
    absorbed: Tensor | None  # (2,) elements with F ≠ 0, and those of them with x + F == x

    @property
    def samples(self) -> int:
        """The samples of the micro-batch, padded and dropped ones too."""
        return self.stream_square.shape[0]

    @property
    def change_product(self) -> Tensor | None:  # (n,)
        """r = ⟨x, y − x⟩."""
        return None if self.change is None else self.change.product

    @property
    def change_square(self) -> Tensor | None:  # (n,)
        """q = ‖y − x‖²."""
        return None if self.change is None else self.change.square

    @property
    def turning_square(self) -> Tensor | None:  # (n,)
        """p = ‖y − x − (r/a)x‖²."""
        return None if self.change is None else self.change.turning

    def alive(self) -> Tensor | None:
        """The samples that stochastic depth and padding leave; None: all."""
        return both(self.survives, self.present)

    def entering(self) -> Tensor:
        """The samples that enter statistics: alive and finite."""
        known = self.stream_square + self.branch_square + self.own_stream_square
        finite = torch.isfinite(known)  # (n,)
        alive = self.alive()
        return finite if alive is None else finite & alive

    def settled(self, activation: Literal["identity", "relu"]) -> ForwardSums:
        """The sums for the activation that turned out to follow the add."""
        if self.rectified is None:
            return self
        change = self.rectified if activation == "relu" else self.change
        return dataclasses.replace(self, change=change, rectified=None)


def residual_sums(
    stream_or_shortcut: Tensor,
    branch: Tensor,
    *,
    activation: Literal["identity", "relu", "both"],
    sample_axis: SampleAxis,
    present: Tensor | None = None,
    survives: Tensor | None = None,
    own_stream: Tensor | None = None,
    count_absorbed: bool = False,
    detail: Detail = "full",
) -> ForwardSums:
    """The sums of a residual block.

    Shapes: `stream_or_shortcut` and `branch` equal; `own_stream` (the x of a projection) with the
    same sample axis. `survives` and `present` hold one value a sample, a row or a batch. With
    `activation="both"` the change is kept in both variants, see `ForwardSums.settled`.
    """
    x, f = laid_out(stream_or_shortcut), laid_out(branch)
    shape = leading(x, sample_axis)
    lead, wide, full = len(shape), accumulator(x, f), detail == "full"
    order = memory_order(x, lead)
    x, f = x.permute(order), f.permute(order)
    columns = ColumnSum(lead, order) if full else None

    def work(x: Tensor, f: Tensor, alive: Tensor | None = None) -> dict[str, Tensor]:
        given_x, given_f = x, f
        x, f = x.to(wide), f.to(wide)
        if columns is not None:
            columns.add(f, alive)
        found = {"a": square_sum(x, lead), "b": square_sum(f, lead)}
        scratch = None
        if full:
            scratch = torch.mul(x, f)
            found["c"] = total(scratch, lead)
            if activation != "relu":
                found["p"] = _turning(x, f, found["a"], found["c"], scratch)
        if activation != "identity":
            change = torch.neg(x) if scratch is None else torch.neg(x, out=scratch)
            torch.maximum(change, f, out=change)
            found["rectified q"] = square_sum(change, lead)
            if full:
                product = torch.mul(x, change)
                found["rectified r"] = r = total(product, lead)
                found["rectified p"] = _turning(x, change, found["a"], r, product)
        if count_absorbed:
            found["nonzero"], found["absorbed"] = _absorbed(given_x, given_f, lead)
        return found

    with exact(x.device):
        survives, present = per_sample(survives, shape), per_sample(present, shape)
        found = _over_samples((x, f), shape, survives, present, work)
        change = Change(found.get("c"), found["b"], found.get("p"))
        rectified = None
        if activation != "identity":
            q = found["rectified q"]
            rectified = Change(found.get("rectified r"), q, found.get("rectified p"))
        own, own_width = found["a"], math.prod(x.shape[lead:])
        if own_stream is not None:
            own, own_width = _own_squares(laid_out(own_stream), sample_axis, own.shape[0])
        sums = ForwardSums(
            stream_square=found["a"],
            branch_square=found["b"],
            product=found.get("c"),
            change=rectified if activation == "relu" else change,
            rectified=rectified if activation == "both" else None,
            own_stream_square=own,
            survives=survives,
            present=present,
            stream_width=own_width,
            branch_width=math.prod(x.shape[lead:]),
            column_sum=columns.sum if columns is not None else None,
            absorbed=None,
        )
        if count_absorbed:
            counted = torch.stack((found["nonzero"], found["absorbed"]))  # (2, n)
            sums.absorbed = torch.where(sums.entering(), counted, 0).sum(1)
    return sums


def plain_sums(
    stream: Tensor,
    output: Tensor,
    *,
    sample_axis: SampleAxis,
    present: Tensor | None = None,
    detail: Detail = "full",
) -> ForwardSums:
    """The sums of a block without a shortcut, whose F := y − x. Shapes: both equal."""
    x, y = laid_out(stream), laid_out(output)
    shape = leading(x, sample_axis)
    lead, wide, full = len(shape), accumulator(x, y), detail == "full"
    order = memory_order(x, lead)
    x, y = x.permute(order), y.permute(order)
    columns = ColumnSum(lead, order) if full else None

    def work(x: Tensor, y: Tensor, alive: Tensor | None = None) -> dict[str, Tensor]:
        x = x.to(wide)
        f = y.to(wide) - x
        found = {"a": square_sum(x, lead), "b": square_sum(f, lead)}
        if columns is not None:
            columns.add(f, alive)
            scratch = torch.mul(x, f)
            found["c"] = total(scratch, lead)
            found["p"] = _turning(x, f, found["a"], found["c"], scratch)
        return found

    with exact(x.device):
        present = per_sample(present, shape)
        found = _over_samples((x, y), shape, None, present, work)
    return ForwardSums(
        stream_square=found["a"],
        branch_square=found["b"],
        product=found.get("c"),
        change=Change(found.get("c"), found["b"], found.get("p")),
        rectified=None,
        own_stream_square=found["a"],
        survives=None,
        present=present,
        stream_width=math.prod(x.shape[lead:]),
        branch_width=math.prod(x.shape[lead:]),
        column_sum=columns.sum if columns is not None else None,
        absorbed=None,
    )


def concat_sums(
    reused: Sequence[Tensor],
    new: Tensor,
    *,
    sample_axis: SampleAxis = "row",
    present: Tensor | None = None,
) -> ForwardSums:
    """The sums of a dense block: squares of the reused maps (at least one) and of the new ones."""
    maps = [laid_out(tensor) for tensor in (*reused, new)]
    shape = leading(maps[-1], sample_axis)
    lead = len(shape)
    wide = accumulator(*maps)

    def work(values: Tensor) -> dict[str, Tensor]:
        return {"square": square_sum(values.to(wide), lead)}

    with exact(new.device):
        squares = [
            chunks((values.permute(memory_order(values, lead)),), lead, work)["square"]
            for values in maps
        ]
        stream = squares[0]
        for square in squares[1:-1]:
            stream = stream + square
        present = per_sample(present, shape)
    return ForwardSums(
        stream_square=stream,
        branch_square=squares[-1],
        product=None,
        change=None,
        rectified=None,
        own_stream_square=stream,
        survives=None,
        present=present,
        stream_width=sum(width(values, sample_axis) for values in maps[:-1]),
        branch_width=width(maps[-1], sample_axis),
        column_sum=None,
        absorbed=None,
    )


class ColumnSum:
    """Adds up F over samples, element by element.

    `order` is the permutation that the chunks come in: the sum is in the order of the tensor.
    """

    def __init__(self, samples: int, order: tuple[int, ...]) -> None:
        self._over = tuple(range(samples))
        self._back = tuple(order.index(place) - samples for place in range(samples, len(order)))
        self._sum: Tensor | None = None

    def add(self, branch: Tensor, alive: Tensor | None) -> None:
        """Takes in a chunk; `alive` has its leading shape."""
        if alive is not None:
            branch = torch.where(beside(alive, branch), branch, 0)
        part = branch.sum(self._over)
        self._sum = part if self._sum is None else self._sum.add_(part)

    @property
    def sum(self) -> Tensor | None:  # (D,)
        """Σ F; None before the first chunk."""
        return None if self._sum is None else self._sum.permute(self._back).reshape(-1)


def _over_samples(
    tensors: tuple[Tensor, Tensor],
    shape: tuple[int, ...],
    survives: Tensor | None,
    present: Tensor | None,
    work: Callable[..., dict[str, Tensor]],
) -> dict[str, Tensor]:
    alive = both(survives, present)
    if alive is None:
        return chunks(tensors, len(shape), work)
    return chunks((*tensors, alive.reshape(shape)), len(shape), work)


def _turning(x: Tensor, change: Tensor, a: Tensor, r: Tensor, scratch: Tensor) -> Tensor:
    """‖d − (r/a)x‖² with no difference of sums, 0 where a = 0; overwrites `scratch`."""
    samples = a.ndim
    is_there = a > 0
    share = torch.where(is_there, r / a, 0)
    torch.addcmul(change, x, beside(share, x), value=-1, out=scratch)
    return square_sum(scratch, samples).mul_(is_there)


def _absorbed(x: Tensor, f: Tensor, samples: int) -> tuple[Tensor, Tensor]:
    """The elements with F ≠ 0 of each sample, and those of them that x + F == x swallows.

    Compared into float32 ones and zeros, which is several times faster than into booleans on a
    CPU; counts are exact up to 2²⁴ elements a sample.
    """
    moves = torch.ne(f, 0, out=torch.empty_like(f, dtype=torch.float32))
    sum_ = (x + f).to(x.dtype)
    swallowed = torch.eq(sum_, x, out=torch.empty_like(x, dtype=torch.float32))
    return total(moves, samples), total(swallowed.mul_(moves), samples)


def _own_squares(stream: Tensor, axis: SampleAxis, samples: int) -> tuple[Tensor, int]:
    """‖x‖² of each sample and its width.

    Where a projection merges samples (other tokens enter than leave) each gets its share of the
    whole.
    """
    lead = len(leading(stream, axis))
    wide = accumulator(stream)
    stream = stream.permute(memory_order(stream, lead))
    square = chunks((stream,), lead, lambda x: {"a": square_sum(x.to(wide), lead)})["a"]
    if square.shape[0] == samples:
        return square, math.prod(stream.shape[lead:])
    share = square.sum() / max(1, samples)
    return share.expand(samples), stream.numel() // max(1, samples)
