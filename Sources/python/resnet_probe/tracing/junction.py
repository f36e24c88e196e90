"""Where a branch joins its shortcut: what one sum or concatenation says of a residual block.

The pure half of the search: it looks at a trace up to the operands of one operation and says which
of them is the shortcut, which the branch, and how the branch ends. y = x + F(x), F
before the drop mask of stochastic depth, after the last norm, gate or constant scale.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import torch

from resnet_probe.tracing import operations
from resnet_probe.tracing.node import Node
from resnet_probe.tracing.trace import Trace


@dataclass(slots=True)
class Junction:
    """One recognised join of a branch with its shortcut, by indices into the trace."""

    kind: str  # "residual" or "concat"
    shortcut: str  # "identity", "projection" or "none"
    forks: tuple[int, ...]  # the stream x: one node, of a dense block each reused tensor
    branch_node: int  # the operand that is the branch, as added
    branch: list[int]  # the nodes of the branch, in order
    projection: list[int]  # those of a projection
    ending: Ending = field(default_factory=lambda: Ending())
    branch_operand: int = -1  # which argument (or part of a concatenation) the branch is
    alpha: float = 1.0  # what the join multiplies the branch with
    is_fork_whole: bool = True  # the stream is not overwritten before the join
    is_fork_added: bool = False  # the shortcut is the stream itself, and no view or copy of it

    def parameters(self, trace: Trace) -> list[torch.Tensor]:
        """The branch's parameters in the order of their use."""
        return parameters_of(trace, self.branch)

    @property
    def region(self) -> frozenset[int]:
        """Everything between fork and join."""
        return frozenset(self.branch) | frozenset(self.projection)


@dataclass(slots=True)
class Ending:
    """How a branch ends: what stands between its last map or norm and the join."""

    mask_node: int | None = None  # the product with a drop mask
    mask_scale: float = 1.0  # of a division by the keep probability beside that product
    gate: torch.Tensor | None = None  # the parameter that scales the branch
    last_map: tuple[torch.Tensor, ...] = ()  # parameters whose <θ, ∂θ> is the sum of <g, F>


@dataclass(frozen=True, slots=True)
class Unclear:
    """A join that looks like a block's and is not understood."""

    reason: str
    fork: int
    maps: int  # of each of the branches


def join_of_sum(
    trace: Trace, first: Node, second: Node, *, needs_maps: bool = True
) -> Junction | Unclear | None:
    """What a sum of two tensors of one shape joins; None where it is no residual block.

    A branch without a map with parameters makes none, unless `needs_maps` is false.
    """
    if trace.source(first.index) == trace.source(second.index):
        return None
    for shortcut, end in ((first, second), (second, first)):
        for fork in trace.copies(shortcut.index):
            if end.ancestors >> fork & 1:
                return _identity(trace, fork, end, needs_maps)
    return _projection(trace, first, second)


def _identity(trace: Trace, fork: int, end: Node, needs_maps: bool) -> Junction | Unclear | None:
    branch, _ = trace.between(end.index, 1 << fork)
    if needs_maps and not maps_in(trace, branch):
        if not parameters_of(trace, branch):
            return None
        return Unclear("its branch holds no map (see register_block)", fork, 0)
    return Junction(
        "residual", "identity", (fork,), end.index, branch, [],
        ending_of(trace, end),
    )  # fmt: skip


def _projection(trace: Trace, first: Node, second: Node) -> Junction | Unclear | None:
    common = (first.ancestors | first.bit) & (second.ancestors | second.bit)
    if not common:
        return None
    fork = common.bit_length() - 1
    paths = [trace.between(node.index, 1 << fork) for node in (first, second)]
    maps = [len(maps_in(trace, path)) for path, _ in paths]
    if max(maps) == 0 or {*paths[0][0]} & {*paths[1][0]}:
        return None
    short, long = (0, 1) if maps[0] < maps[1] else (1, 0)
    if paths[short][1]:
        return None
    if maps[0] == maps[1]:
        words = (
            f"two branches with {maps[0]} map{'s' * (maps[0] > 1)} each are added; which is the"
            " shortcut is not clear"
        )
        return None if paths[long][1] else Unclear(words, fork, maps[0])
    ends = (first, second)
    return Junction(
        "residual", "projection", (fork,), ends[long].index, paths[long][0], paths[short][0],
        ending_of(trace, ends[long]),
    )  # fmt: skip


def join_of_cat(trace: Trace, operands: list[Node]) -> Junction | None:
    """What a concatenation joins: maps that were made of all the others; None where none were."""
    if len(operands) < 2 or len({node.index for node in operands}) < len(operands):
        return None
    for end in sorted(operands, key=lambda node: node.index, reverse=True):
        others = tuple(node.index for node in operands if node is not end)
        if not all(end.ancestors >> trace.source(other) & 1 for other in others):
            continue
        starts = 0
        for other in others:
            starts |= 1 << trace.source(other)
        branch, _ = trace.between(end.index, starts)
        if not maps_in(trace, branch) or _resamples(trace, branch, end):
            return None
        return Junction(
            "concat", "none", others, end.index, branch, [],
            ending_of(trace, end),
        )  # fmt: skip
    return None


def _resamples(trace: Trace, branch: list[int], end: Node) -> bool:
    """Whether the branch leaves the resolution that it ends with, as U-Nets do."""
    return any(
        len(trace.nodes[index].shape) == len(end.shape)
        and trace.nodes[index].shape[2:] != end.shape[2:]
        for index in branch
    )


def maps_in(trace: Trace, indices: list[int]) -> list[int]:
    """The maps with parameters among nodes."""
    return [index for index in indices if trace.nodes[index].is_map]


def parameters_of(trace: Trace, indices: list[int]) -> list[torch.Tensor]:
    """The parameters that nodes read, each once, in the order of their use."""
    found: dict[int, torch.Tensor] = {}
    for index in indices:
        found.update((id(tensor), tensor) for tensor in trace.nodes[index].parameters)
    return list(found.values())


def ending_of(trace: Trace, end: Node) -> Ending:
    """Walks back from where a branch joins, over its drop mask, scales and gates."""
    ending = Ending()
    node = end
    while True:
        if node.operation in operations.NORMS or node.is_map:
            _note_last(ending, node)
            return ending
        if len(node.parents) != 1:
            return ending
        if node.random is not None and ending.mask_node is None:
            ending.mask_node = node.index
            ending.mask_scale = _scale_beside(trace, node, end)
        elif node.operation in operations.SCALINGS:
            if node.parameters and ending.gate is None:
                ending.gate = node.parameters[0]
                ending.last_map = node.parameters if node.is_direct else ()
        elif not (node.operation in operations.COPIES or node.operation in operations.DROPOUTS):
            return ending
        node = trace.nodes[node.parents[0]]


def _scale_beside(trace: Trace, mask: Node, end: Node) -> float:
    """The number above 1 that a branch is multiplied with right before or after its drop mask.

    `x.div(keep) * mask` and `x * mask / keep` make up for the mask: F is what was there before.
    """
    before = trace.nodes[mask.parents[0]]
    after = [trace.nodes[index] for index in mask.consumers if end.ancestors >> index & 1]
    if mask.random is None or trace.is_scaled(mask.random):
        return 1.0
    keep = trace.keep_probability(mask.random)
    for node in (before, *after, *([end] if mask.index in end.parents else [])):
        is_ours = keep is None or (node.scale is not None and abs(node.scale * keep - 1) < 1e-6)
        if node.scale is not None and node.scale > 1 and is_ours:
            return node.scale
    return 1.0


def _note_last(ending: Ending, node: Node) -> None:
    """A branch that no gate scales: its last norm is the gate, its last norm or map the last map."""
    if ending.gate is not None:
        return
    if node.operation in operations.NORMS and node.parameters:
        ending.gate = node.parameters[0]
    if node.is_direct and node.operation != "opaque":
        is_attention = node.operation == "multi_head_attention_forward"
        ending.last_map = node.parameters[-2:] if is_attention else node.parameters
