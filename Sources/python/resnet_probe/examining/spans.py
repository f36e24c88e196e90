"""Span distances: what a run of blocks, taken as one step, does to each sample's stream.

Of a span from the stream x before a block to the stream y after a later one: the angle between
them and ‖y − x‖/‖x‖ (Gromov et al. 2024). Sums are taken as `measuring.sums` takes those of one
block, from differences: y − (1 + r/a)x is the part of y that turns x, and no digits cancel where y
is nearly x.
"""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass, field

import torch
from torch import Tensor

from resnet_probe.blocks import Block, BlockMap
from resnet_probe.journal.frame import Moments
from resnet_probe.measuring.measurer import fitting
from resnet_probe.measuring.reductions import count, moments, wide_type
from resnet_probe.measuring.samples import (
    SampleAxis,
    accumulator,
    beside,
    chunks,
    exact,
    laid_out,
    leading,
    memory_order,
    per_sample,
    square_sum,
    total,
)

#: Two blocks, the earlier one first; of a span its ends.
Pair = tuple[int, int]


@dataclass(slots=True)
class SpanSums:
    """What some batches say of one span."""

    angles: Moments = field(default_factory=lambda: Moments(0, 0.0, 0.0))
    gaps: int = 0  # samples with a finite one
    gap_logs: Moments = field(default_factory=lambda: Moments(0, 0.0, 0.0))

    def add(self, numbers: list[float]) -> None:
        """Takes in a batch: n, mean and squared deviations of both, then the gaps."""
        self.angles = _merged(self.angles, numbers[0:3])
        self.gap_logs = _merged(self.gap_logs, numbers[3:6])
        self.gaps += int(numbers[6])


@dataclass(slots=True)
class _Stream:
    """The stream before a block, while the batch runs through the blocks of its stage."""

    block: Block
    values: Tensor  # a copy: what follows may write into the stream
    squares: dict[SampleAxis, Tensor] = field(default_factory=dict)  # ‖x‖² of each sample

    def square(self, axis: SampleAxis) -> Tensor:
        """‖x‖² of each sample."""
        if axis not in self.squares:
            self.squares[axis] = _squares(self.values, axis)
        return self.squares[axis]


class Spans:
    """The spans of all stages, one batch after another.

    Keeps copies of the streams before the blocks of one stage at most, while a batch runs.
    """

    def __init__(self, blocks: BlockMap) -> None:
        self._run = _runs(blocks)
        self._streams: list[_Stream] = []
        self._found: list[tuple[list[Pair], Tensor]] = []  # of this batch: (pairs, 7) numbers
        self._sums: dict[Pair, SpanSums] = defaultdict(SpanSums)

    @property
    def sums(self) -> dict[Pair, SpanSums]:
        """What all batches say, by span."""
        return self._sums

    def enter(self, block: Block, stream: Tensor) -> None:
        """The stream before a block."""
        run = self._run.get(block.ordinal)
        if run is None or any(self._run[kept.block.ordinal] != run for kept in self._streams):
            self._streams = []
        if run is not None:
            self._streams.append(_Stream(block, laid_out(stream).clone()))

    def leave(self, block: Block, stream: Tensor, present: Tensor | None) -> None:
        """The stream after a block: every span that ends here."""
        if block.ordinal not in self._run:
            return
        stream = laid_out(stream)
        by_axis: dict[SampleAxis, list[_Stream]] = {"row": [], "token": []}
        for kept in self._streams:
            fits = kept.block.ordinal <= block.ordinal and kept.values.shape == stream.shape
            if fits and kept.values.device == stream.device:
                axes = {kept.block.sample_axis, block.sample_axis}
                by_axis["row" if "row" in axes else "token"].append(kept)
        with exact(stream.device):
            for axis, starts in by_axis.items():
                if starts:
                    pairs = [(kept.block.ordinal, block.ordinal) for kept in starts]
                    self._found.append((pairs, _numbers(starts, stream, axis, present)))
        if self._run.get(block.ordinal + 1) != self._run[block.ordinal]:
            self._streams = []

    def end_batch(self, known: set[int]) -> None:
        """Takes in the spans whose blocks were all found in the batch."""
        self._streams = []
        found, self._found = self._found, []
        for pairs, numbers in found:
            for pair, row in zip(pairs, numbers.tolist(), strict=True):
                if all(ordinal in known for ordinal in range(pair[0], pair[1] + 1)):
                    self._sums[pair].add(row)

    def clear(self) -> None:
        """Lets go of what a batch left."""
        self._streams, self._found = [], []


def _runs(blocks: BlockMap) -> dict[int, int]:
    """The blocks that may be in spans, to the first of the consecutive ones that they are among."""
    runs: dict[int, int] = {}
    for block in blocks:
        if block.kind == "concat" or block.shortcut == "projection":
            continue
        before = block.ordinal - 1
        goes_on = before in runs and blocks[before].stage == block.stage
        runs[block.ordinal] = runs[before] if goes_on else block.ordinal
    return runs


def _squares(values: Tensor, axis: SampleAxis) -> Tensor:  # (n,)
    lead, wide = len(leading(values, axis)), accumulator(values)
    values = values.permute(memory_order(values, lead))
    return chunks((values,), lead, lambda x: {"a": square_sum(x.to(wide), lead)})["a"]


def _numbers(
    starts: list[_Stream], end: Tensor, axis: SampleAxis, present: Tensor | None
) -> Tensor:  # (spans, 7)
    """Moments of angle and log gap, and the number of gaps, of spans with one end."""
    wide = wide_type(end.device)
    shape = leading(end, axis)
    sums = [_span_sums(kept.values, kept.square(axis), end, axis) for kept in starts]
    a = torch.stack([kept.square(axis) for kept in starts]).to(wide)  # (spans, n)
    q, r, p = (torch.stack([one[name] for one in sums]).to(wide) for name in ("q", "r", "p"))
    is_there = (a > 0) & torch.isfinite(a) & torch.isfinite(q)
    present = per_sample(fitting(present, end, axis), shape)
    if present is not None:
        is_there &= present
    root = a.sqrt()
    angle = torch.atan2(p.sqrt(), root + r / root) / math.pi
    has_angle = is_there & (_squares(end, axis) > 0) & torch.isfinite(angle)
    log_gap = (q.log() - a.log()) / 2
    return torch.cat(
        (moments([(angle, has_angle), (log_gap, is_there & (q > 0))]), count(is_there)[:, None]), 1
    )


def _span_sums(start: Tensor, square: Tensor, end: Tensor, axis: SampleAxis) -> dict[str, Tensor]:
    """Of d = y − x of each sample: q = ‖d‖², r = ⟨x, d⟩ and p = ‖d − (r/a)x‖²."""
    shape = leading(start, axis)
    lead, wide = len(shape), accumulator(start, end)
    order = memory_order(start, lead)

    def work(x: Tensor, y: Tensor, a: Tensor) -> dict[str, Tensor]:
        x = x.to(wide)
        d = y.to(wide) - x
        scratch = torch.mul(x, d)
        r = total(scratch, lead)
        share = torch.where(a > 0, r / a, 0)
        torch.addcmul(d, x, beside(share, x), value=-1, out=scratch)
        return {"q": square_sum(d, lead), "r": r, "p": square_sum(scratch, lead)}

    tensors = (start.permute(order), end.permute(order), square.reshape(shape))
    return chunks(tensors, lead, work)


def _merged(one: Moments, numbers: list[float]) -> Moments:
    """Source: Chan, Golub and LeVeque 1979."""
    n, mean, m2 = int(numbers[0]), numbers[1], numbers[2]
    if n == 0:
        return one
    if one.n == 0:
        return Moments(n, mean, m2)
    apart, both = mean - one.mean, one.n + n
    return Moments(both, one.mean + apart * n / both, one.m2 + m2 + apart**2 * one.n * n / both)
