"""What dense blocks read: mean |w| of a block's first weights over each earlier block's maps.

Source: Huang et al. 2017, Fig. 5.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch

from resnet_probe.blocks import Block, BlockMap
from resnet_probe.journal.reuse_wire import Reuse, Source
from resnet_probe.tracing.listener import Join
from resnet_probe.tracing.trace import Trace

#: What made some channels that lie side by side, and how many; None: not a dense block of the stage.
Layout = tuple[tuple[int | None, int], ...]


class Layouts:
    """Whose maps lie where in the concatenations of one pass."""

    def __init__(self, blocks: BlockMap) -> None:
        self._blocks = blocks
        self._made: dict[int, Layout] = {}  # by the number of the tensor's node
        #: What each dense block reads, by ordinal.
        self.read: dict[int, Layout] = {}

    def joined(self, trace: Trace, block: Block, join: Join, result: int) -> None:
        """A dense block's maps were joined to what it read; `result` is the node of the whole."""
        junction = join.junction
        new = junction.branch_node
        parts = list(junction.forks)
        parts.insert(junction.branch_operand, new)
        shapes = trace.nodes[new].shape, trace.nodes[result].shape
        axis = next(
            place for place, (own, all_) in enumerate(zip(*shapes, strict=True)) if own != all_
        )
        channels = {node: trace.nodes[node].shape[axis] for node in parts}
        read = list(junction.forks)
        if any(self._blocks[known].stage == block.stage for known in self.read):
            self.read[block.ordinal] = self._layout(trace, read, channels)
        else:
            self.read[block.ordinal] = ((None, sum(channels[node] for node in read)),)
        self._made[trace.source(new)] = ((block.ordinal, channels[new]),)
        self._made[result] = self._layout(trace, parts, channels)

    def _layout(self, trace: Trace, parts: list[int], channels: dict[int, int]) -> Layout:
        found: list[tuple[int | None, int]] = []
        for node in parts:
            found += self._made.get(trace.source(node), ((None, channels[node]),))
        return tuple(found)


def reuse_of(network: torch.nn.Module, blocks: BlockMap, read: Mapping[int, Layout]) -> list[Reuse]:
    """The rows of the matrix, of the dense blocks whose channels add up."""
    parameters = dict(network.named_parameters())
    found = []
    for block in blocks:
        layout = read.get(block.ordinal)
        if layout is None or not block.site.maps or not _adds_up(block, blocks, read):
            continue
        weight = parameters.get(block.site.maps[0])
        if weight is None or weight.ndim < 2 or weight.shape[1] != sum(n for _, n in layout):
            continue
        sources = _sources(weight.detach(), layout)
        if all(math.isfinite(source.mean_weight) for source in sources):
            found.append(Reuse(block.ordinal, sources))
    return found


def _adds_up(block: Block, blocks: BlockMap, read: Mapping[int, Layout]) -> bool:
    """Whether what a block reads is the stage's whole input, if any of it, and blocks' maps once."""
    made = [ordinal for ordinal, _ in read[block.ordinal] if ordinal is not None]
    reused = sum(channels for ordinal, channels in read[block.ordinal] if ordinal is None)
    first = min(one for one in read if blocks[one].stage == block.stage)
    is_whole = reused in (0, sum(channels for _, channels in read[first]))
    return is_whole and len(set(made)) == len(made)


def _sources(weight: torch.Tensor, layout: Layout) -> tuple[Source, ...]:
    wide = torch.float32 if weight.device.type == "mps" else torch.float64
    by_channel = weight.abs().to(wide).transpose(0, 1).flatten(1).mean(1)  # (channels,)
    sums: dict[int, list[float]] = {}
    maps: dict[int, int] = {}
    start = 0
    for ordinal, channels in layout:
        place = -1 if ordinal is None else ordinal
        sums.setdefault(place, []).append(float(by_channel[start : start + channels].sum()))
        maps[place] = maps.get(place, 0) + channels
        start += channels
    return tuple(
        Source(None if place < 0 else place, maps[place], math.fsum(sums[place]) / maps[place])
        for place in sorted(maps)
    )
