"""What dense blocks read: mean |w| of a block's first weights over each earlier block's maps.

Source: Huang et al. 2017, Fig. 5.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch

from resnet_probe.blocks import Block, BlockMap
from resnet_probe.journal.reuse_wire import Reuse, Source
from resnet_probe.tracing import operations
from resnet_probe.tracing.listener import Join
from resnet_probe.tracing.node import Node
from resnet_probe.tracing.trace import Trace

#: What made some channels that lie side by side, and how many; None: not a dense block of the stage.
Layout = tuple[tuple[int | None, int], ...]
#: Operations under which, if the shape stays, channel k is still channel k.
_KEEPING = operations.NORMS | operations.ACTIVATIONS | operations.DROPOUTS | operations.COPIES
#: Maps whose weights are (out, in, …): of those with channels first, and of one with channels last.
_CONVOLUTIONS = frozenset({"conv1d", "conv2d", "conv3d"})


@dataclass(frozen=True, slots=True)
class Reading:
    """What a dense block reads."""

    layout: Layout
    #: Whether the block's first weights take these channels in this very order.
    is_ordered: bool


class Layouts:
    """Whose maps lie where in the concatenations of one pass."""

    def __init__(self, blocks: BlockMap) -> None:
        self._blocks = blocks
        self._made: dict[int, Layout] = {}  # by the number of the tensor's node
        #: What each dense block reads, by ordinal.
        self.read: dict[int, Reading] = {}

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
        first = _first_map(trace, block, junction.branch, axis)
        known = None if first is None else self._known_before(trace, first, junction.forks, axis)
        is_in_stage = any(self._blocks[one].stage == block.stage for one in self.read)
        layout = known or self._layout(trace, junction.forks, axis)
        if not is_in_stage:
            layout = ((None, sum(count for _, count in layout)),)
        self.read[block.ordinal] = Reading(layout, known is not None)
        self._made[_original(trace, new)] = ((block.ordinal, channels[new]),)
        self._made[result] = self._layout(trace, parts, axis)

    def _layout(self, trace: Trace, parts: Sequence[int], axis: int) -> Layout:
        found: list[tuple[int | None, int]] = []
        for node in parts:
            unknown = ((None, trace.nodes[node].shape[axis]),)
            found += self._made.get(_original(trace, node), unknown)
        return tuple(found)

    def _known_before(
        self, trace: Trace, node: Node, forks: Sequence[int], axis: int
    ) -> Layout | None:
        """The channels that a map takes, where nothing on the way to it moves them."""
        starts = {_original(trace, fork) for fork in forks}
        while len(node.parents) == 1:
            before = trace.nodes[node.parents[0]]
            if before.index in starts or before.index in self._made:
                return self._layout(trace, [before.index], axis)
            if before.operation in operations.CATS:
                parts = before.parents
                is_whole = {_original(trace, part) for part in parts} == starts
                total = sum(trace.nodes[part].shape[axis] for part in parts)
                has_all = is_whole and before.shape[axis] == total
                return self._layout(trace, parts, axis) if has_all else None
            if not _keeps_channels(trace, before):
                return None
            node = before
        return None


def _keeps_channels(trace: Trace, node: Node) -> bool:
    parents = [trace.nodes[parent] for parent in node.parents]
    return (
        node.operation in _KEEPING and len(parents) == 1 and parents[0].shape == node.shape
    )  # fmt: skip


def _original(trace: Trace, index: int) -> int:
    """The node that a node is at last only a copy of in the same shape."""
    node = trace.nodes[index]
    while node.operation in operations.COPIES and _keeps_channels(trace, node):
        node = trace.nodes[node.parents[0]]
    return node.index


def _first_map(trace: Trace, block: Block, branch: Sequence[int], axis: int) -> Node | None:
    """The map that a block's first weights are of, where they are (out, in, …) along the axis."""
    for node in (trace.nodes[index] for index in branch):
        if not node.is_map:
            continue
        is_channel = axis == (1 if node.operation in _CONVOLUTIONS else len(node.shape) - 1)
        is_known = node.operation in _CONVOLUTIONS or node.operation == "linear"
        names = [trace.parameters.get(id(one)) for one in node.parameters[:1]]
        is_first = node.is_direct and names == list(block.site.maps[:1])
        return node if is_known and is_channel and is_first else None
    return None


def reuse_of(
    network: torch.nn.Module, blocks: BlockMap, read: Mapping[int, Reading]
) -> list[Reuse]:
    """The rows of the matrix, of the dense blocks whose channels add up."""
    parameters = dict(network.named_parameters())
    found = []
    for block in blocks:
        reading = read.get(block.ordinal)
        if reading is None or not reading.is_ordered or not _adds_up(block, blocks, read):
            continue
        layout = reading.layout
        weight = parameters.get(block.site.maps[0])
        if weight is None or weight.ndim < 2 or weight.shape[1] != sum(n for _, n in layout):
            continue
        sources = _sources(weight.detach(), layout)
        if all(math.isfinite(source.mean_weight) for source in sources):
            found.append(Reuse(block.ordinal, sources))
    return found


def _adds_up(block: Block, blocks: BlockMap, read: Mapping[int, Reading]) -> bool:
    """Whether what a block reads is the stage's whole input, if any of it, and blocks' maps once."""
    layout = read[block.ordinal].layout
    made = [ordinal for ordinal, _ in layout if ordinal is not None]
    reused = sum(channels for ordinal, channels in layout if ordinal is None)
    first = min(one for one in read if blocks[one].stage == block.stage)
    is_whole = reused in (0, sum(channels for _, channels in read[first].layout))
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
