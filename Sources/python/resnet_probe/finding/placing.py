"""What a compiler's trace of a network is told about where its blocks are."""

from __future__ import annotations

from resnet_probe.blocks import Operands
from resnet_probe.finding.graph import Candidate, Names
from resnet_probe.tracing.node import Call, Node
from resnet_probe.tracing.places import Place
from resnet_probe.tracing.trace import Trace


def places_of(
    trace: Trace,
    names: Names,
    end: Node,
    *,
    mask: Node | None = None,
    first: Node | None = None,
    fork: Node | None = None,
) -> tuple[Place, ...]:
    """Where a block ends, in each call of a module around it, the innermost first.

    `mask` is the product with its drop mask; `first` the map of a chain, which `end` is the last
    operation of; `fork` what a projection's stream comes out of.
    """
    found = []
    for index in trace.calls_around(end.call):
        call = trace.calls[index]
        name = names.modules.get(id(call.module))
        if name is None:
            continue
        before = sum(other.module is call.module for other in trace.calls[:index])
        ended = (call.end_join, call.end_layer) if call.end >= 0 else trace.counted
        found.append(
            Place(
                name, before,
                join=end.join - call.first_join if end.join >= 0 else -1,
                mask=mask.join - call.first_join if mask is not None and mask.join >= 0 else -1,
                first_layer=first.layer - call.first_layer if first is not None else -1,
                last_layer=end.layer - call.first_layer if first is not None else -1,
                fork_layer=max(-1, fork.layer - call.first_layer) if fork is not None else -1,
                joins=ended[0] - call.first_join,
                layers=ended[1] - call.first_layer,
            )
        )  # fmt: skip
    return tuple(found)


def places_of_call(trace: Trace, names: Names, own: Call) -> tuple[Place, ...]:
    """Where the call of a plain block's module is, in each call around it."""
    found = []
    for index in trace.calls_around(own.index):
        module = trace.calls[index].module
        before = sum(other.module is module for other in trace.calls[:index])
        found.append(Place(names.modules.get(id(module), ""), before, -1))
    return tuple(found)


def operands_of(
    trace: Trace, candidate: Candidate, owner: int, samples: int, inputs: int
) -> Operands:
    """Which arguments of a candidate's operations are its branch, its stream and its mask."""
    junction = candidate.junction
    masked = junction.ending.mask_node
    mask = trace.nodes[masked] if masked is not None else None
    arguments = trace.calls[owner].arguments
    fork = junction.forks[0]
    return Operands(
        branch=junction.branch_operand,
        mask=mask.factor_operand if mask is not None else -1,
        is_mask_inverted=mask is not None and mask.operation.startswith("masked_fill"),
        mask_scale=junction.ending.mask_scale,
        alpha=junction.alpha,
        fork=arguments.index(fork) if fork in arguments else -1,
        is_fork_whole=junction.is_fork_whole,
        is_fork_added=junction.is_fork_added,
        samples=samples,
        inputs=inputs,
    )
