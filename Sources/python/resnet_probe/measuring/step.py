"""One measured step, from its first forward to its frame."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence

import torch

from resnet_probe.blocks import BlockMap
from resnet_probe.journal.frame import BlockStatistics, Frame
from resnet_probe.measuring import block_parameters
from resnet_probe.measuring.block_parameters import ParameterPasses, UpdateTable
from resnet_probe.measuring.packed import Packed
from resnet_probe.measuring.passes import Pass, Skips, pooled
from resnet_probe.measuring.statistics import pack


class MeasuredStep:
    """Gathers what a step leaves, packs it on the device at its end, makes the frame on the host."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.is_skipped = False
        self.has_frame = False
        self.fired: frozenset[int] = frozenset()
        self.with_gradient: frozenset[int] = frozenset()
        self._rate: float | torch.Tensor | None = None
        self._scale: torch.Tensor | None = None
        self._found_inf: torch.Tensor | None = None
        self._tables: dict[int, UpdateTable] = {}
        self._skips: dict[int, Skips] = {}
        self._packed: Packed | None = None
        self._wall_time = 0.0
        self._sizes: list[int] = []

    # The update

    def update_begins(
        self, optimizer: torch.optim.Optimizer, parameters: ParameterPasses | None,
        rate: float | torch.Tensor | None, scale: torch.Tensor | None,
        gradient_scale: torch.Tensor | None, found_inf: torch.Tensor | None,
    ) -> None:  # fmt: skip
        """Measures parameters and gradients just before an optimizer changes them."""
        self._rate = rate if self._rate is None else self._rate
        self._scale = scale if scale is not None else self._scale
        self._found_inf = found_inf if found_inf is not None else self._found_inf
        one = parameters.of(optimizer) if parameters is not None else None
        if one is not None:
            self._tables[id(optimizer)] = UpdateTable(one.before(gradient_scale))

    def update_ends(
        self, optimizer: torch.optim.Optimizer, parameters: ParameterPasses | None
    ) -> None:
        """Measures how far the parameters moved."""
        one = parameters.of(optimizer) if parameters is not None else None
        table = self._tables.get(id(optimizer))
        if one is not None and table is not None:
            table.ratio = one.after()

    # The end

    def close(self, passes: Sequence[Pass], blocks: BlockMap | None) -> None:
        """Computes the statistics on the device and starts their copy to the host."""
        counted = [one for one in passes if one.counts]
        if blocks is None or not counted:
            return
        steps, self._skips = pooled(counted)
        self.fired = frozenset(step.ordinal for step in steps) | frozenset(self._skips)
        self.with_gradient = frozenset(
            step.ordinal for step in steps if any(sums is not None for sums in step.gradients)
        )
        extras = [table.packed() for table in self._tables.values()]
        self._sizes = [table.numel() for table in extras]
        extras += [
            tensor
            for tensor in (self._scale, self._found_inf, self._rate)
            if isinstance(tensor, torch.Tensor)
        ]
        self._packed = pack(steps, self._scale, extras)
        self._packed.to_host()
        self._wall_time = time.time()
        self.has_frame = True

    def is_ready(self) -> bool:
        """Whether `frame` would not wait for the device."""
        return self._packed is None or self._packed.is_ready()

    def frame(self) -> Frame:
        """The frame; waits for the device where `is_ready` is false."""
        assert self._packed is not None
        blocks, numbers = self._packed.unpack()
        tables, at = [], 0
        for size in self._sizes:
            tables.append(numbers[at : at + size])
            at += size
        rest = iter(numbers[at:])
        scale = next(rest) if isinstance(self._scale, torch.Tensor) else None
        found_inf = next(rest) if isinstance(self._found_inf, torch.Tensor) else 0.0
        rate = next(rest) if isinstance(self._rate, torch.Tensor) else self._rate
        skipped = self.is_skipped or found_inf > 0
        blocks = _with_skips(blocks, self._skips)
        block_parameters.enter(tables, blocks, skipped=skipped)
        return Frame(
            step=self.number,
            wall_time=self._wall_time,
            learning_rate=rate if rate is not None and math.isfinite(rate) else None,
            loss_scale=scale if scale is not None and math.isfinite(scale) else None,
            skipped=skipped,
            blocks=blocks,
        )


def _with_skips(
    blocks: Sequence[BlockStatistics], skips: dict[int, Skips]
) -> list[BlockStatistics]:
    """The blocks with the samples whose branch was skipped, which count as dropped."""
    found = {block.ordinal: block for block in blocks}
    for ordinal, skipped in skips.items():
        block = found.setdefault(ordinal, BlockStatistics(ordinal))
        block.samples += skipped.samples
        block.dropped += skipped.samples
        block.micro_batches += skipped.micro_batches
    return [found[ordinal] for ordinal in sorted(found)]
