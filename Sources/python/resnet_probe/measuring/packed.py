"""The packed numbers of one step on their way from the device to the journal's values."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import torch
from torch import Tensor

from resnet_probe.journal.frame import BlockStatistics, LogDistribution, Moments, Pooled

BINS = 96
"""The regular bins of the gap's histogram: bin i is [2^(−20 + i/4), 2^(−20 + (i+1)/4))."""
ZERO, UNDER, OVER, UNDEFINED, NON_FINITE = range(BINS, BINS + 5)
"""The slots for gaps of 0, below and above the bins, and for samples without a gap."""
PERCENTS = (50, 90, 99, 100)
"""The percentiles kept, by nearest rank; the last is the greatest value."""
FEWEST_FOR_CONSTANT = 8
"""The fewest samples that tell how constant a branch is."""

COUNTERS = (
    "samples",
    "dropped",
    "undefined",
    "non_finite",
    "finite",
    "dead",
    "stream_squares",
    "branch_squares",
    "stream_elements",
    "branch_elements",
    "column_squares",
    "zero_gaps",
)
SAMPLED = (
    "cosine",
    "perpendicular_ratio",
    "angular_distance",
    "block_influence",
    "output_grad_norm",
    "branch_gain",
    "taylor_importance",
    "taylor_signed",
    "log_gap",
    "log_ratio",
)
COLUMNS = (
    *COUNTERS,
    *(f"{name} {part}" for name in SAMPLED for part in ("n", "mean", "m2")),
    *(f"{name} p{percent}" for name in ("gap", "ratio") for percent in PERCENTS),
    *(f"below {edge}" for edge in range(BINS + 1)),
)
"""What is packed of every block, in this order."""
_PLACE = {name: place for place, name in enumerate(COLUMNS)}


@dataclass(slots=True)
class BlockLayout:
    """Where a block's numbers lie in the packed vector, and which of them say something."""

    ordinal: int
    offset: int
    micro_batches: int
    dense: bool
    can_be_identity: bool
    has_cosine: bool
    has_turning: bool
    has_gradient: bool
    has_taylor: bool
    has_columns: bool
    stream_unit: int
    """Elements of the stream for one of `stream_elements`; so `branch_unit`."""
    branch_unit: int
    ratio_unit: float
    """What turns √(b/a) into the ratio: of root mean squares for a dense block."""
    absorbed: int = 0
    """Where its counts of absorbed elements lie, two for each of `absorbed_counts`."""
    absorbed_counts: int = 0


@dataclass(slots=True)
class Layout:
    """Where everything lies in the packed vector."""

    blocks: list[BlockLayout]
    extras_offset: int
    extras: list[float | None]
    """Scalars known on the host; None: the next one of the packed vector from its offset on."""


class Packed:
    """One step's numbers: on the device first, then on the host."""

    def __init__(self, values: Tensor, layout: Layout) -> None:
        self.values = values
        self.layout = layout
        self._event: torch.cuda.Event | None = None

    def to_host(self) -> None:
        """Starts the copy to the host, which on CUDA does not wait for the device."""
        if self.values.device.type != "cuda" or self._event is not None:
            return
        host = torch.empty(self.values.shape, dtype=self.values.dtype, pin_memory=True)
        with torch.cuda.device(self.values.device):
            host.copy_(self.values, non_blocking=True)
            self._event = torch.cuda.Event()
            self._event.record()
        self.values = host

    def is_ready(self) -> bool:
        """Whether `unpack` would not wait; asking does not wait either."""
        if self._event is not None:
            return bool(self._event.query())
        return self.values.device.type == "cpu"

    def unpack(self) -> tuple[list[BlockStatistics], list[float]]:
        """The statistics by ordinal and the extra scalars; waits for the copy where need be."""
        if self._event is not None:
            self._event.synchronize()
        numbers: list[float] = self.values.tolist()
        blocks = [_statistics(numbers, layout) for layout in self.layout.blocks]
        blocks.sort(key=lambda block: block.ordinal)
        packed = iter(numbers[self.layout.extras_offset :])
        extras = [next(packed) if value is None else value for value in self.layout.extras]
        return blocks, extras


def _statistics(numbers: list[float], layout: BlockLayout) -> BlockStatistics:
    row = numbers[layout.offset : layout.offset + len(COLUMNS)]

    def count(name: str) -> int:
        return int(row[_PLACE[name]])

    found = BlockStatistics(
        ordinal=layout.ordinal,
        samples=count("samples"),
        micro_batches=layout.micro_batches,
        dropped=count("dropped"),
        undefined=count("undefined"),
        non_finite=count("non_finite"),
    )
    found.residual_ratio = _distribution(row, "ratio", layout.ratio_unit)
    if layout.has_taylor:
        found.taylor_importance = _moments(row, "taylor_importance")
        signed = _moments(row, "taylor_signed")
        found.taylor_signed_mean = None if signed is None else signed.mean
    if layout.dense:
        return found
    if layout.has_gradient:
        found.output_grad_norm = _moments(row, "output_grad_norm")
        found.branch_gain = _moments(row, "branch_gain") if layout.can_be_identity else None
    if layout.has_cosine:
        found.cosine = _moments(row, "cosine")
    if layout.can_be_identity:
        found.identity_gap = _distribution(row, "gap", 1)
        found.identity_gap_histogram = _histogram(row, found)
        if layout.has_turning:
            found.perpendicular_ratio = _moments(row, "perpendicular_ratio")
            found.angular_distance = _moments(row, "angular_distance")
            found.block_influence = _moments(row, "block_influence")
    _pooled(found, row, layout)
    counts = numbers[layout.absorbed : layout.absorbed + 2 * layout.absorbed_counts]
    nonzero, swallowed = sum(counts[::2]), sum(counts[1::2])
    if nonzero > 0:
        found.absorbed_fraction = Pooled(int(nonzero), swallowed / nonzero)
    return found


def _pooled(found: BlockStatistics, row: list[float], layout: BlockLayout) -> None:
    """The root mean squares and the shares of samples."""
    finite = int(row[_PLACE["finite"]])
    if finite == 0:
        return
    found.stream_rms = _rms(row, "stream", layout.stream_unit)
    found.branch_rms = _rms(row, "branch", layout.branch_unit)
    found.dead_fraction = Pooled(finite, row[_PLACE["dead"]] / finite)
    squares = row[_PLACE["branch_squares"]]
    if not layout.has_columns or found.non_finite > 0 or finite < FEWEST_FOR_CONSTANT:
        return
    if squares > 0:
        variance = max(0.0, squares - row[_PLACE["column_squares"]] / finite) / (finite - 1)
        value = 1 - variance / (squares / finite)
        if math.isfinite(value):
            found.constant_fraction = Pooled(finite, value)


def _rms(row: list[float], what: str, unit: int) -> Pooled | None:
    n = int(row[_PLACE[f"{what}_elements"]]) * unit
    value = math.sqrt(row[_PLACE[f"{what}_squares"]] / n) if n > 0 else math.nan
    return Pooled(n, value) if math.isfinite(value) else None


def _moments(row: list[float], name: str) -> Moments | None:
    """The moments of a statistic; None without values, or where their squares overflow."""
    place = _PLACE[f"{name} n"]
    n, mean, m2 = int(row[place]), row[place + 1], row[place + 2]
    if n == 0 or not math.isfinite(mean) or not math.isfinite(m2):
        return None
    return Moments(n, mean, m2)


def _distribution(row: list[float], name: str, unit: float) -> LogDistribution | None:
    place = _PLACE[f"{name} p{PERCENTS[0]}"]
    n = int(row[_PLACE["finite"]] - row[_PLACE["undefined"]])
    p50, p90, p99, greatest = (value * unit for value in row[place : place + len(PERCENTS)])
    if n == 0 or not math.isfinite(greatest):
        return None
    logs = _moments(row, f"log_{name}") or Moments(0, 0.0, 0.0)
    if logs.n > 0:
        logs.mean += math.log(unit)
    return LogDistribution(n, logs, p50, p90, p99, greatest)


def _histogram(row: list[float], found: BlockStatistics) -> dict[int, int] | None:
    place = _PLACE["below 0"]
    below = [int(value) for value in row[place : place + BINS + 1]]
    zeros = int(row[_PLACE["zero_gaps"]])
    defined = int(row[_PLACE["finite"]]) - found.undefined
    slots = [upper - lower for lower, upper in itertools.pairwise(below)]
    slots += [zeros, below[0] - zeros, defined - below[-1], found.undefined, found.non_finite]
    return {slot: samples for slot, samples in enumerate(slots) if samples > 0} or None
