"""Plain blocks: what stands in for residual blocks in a network that has none.

The innermost module class that occurs at least twice and holds two maps or more, of which those
calls count that leave the shape as it was; else each map of equal shapes with its following norm
and activation. F := y - x.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from resnet_probe.blocks import Block, Site
from resnet_probe.finding import graph
from resnet_probe.finding.graph import Candidate, Names
from resnet_probe.tracing.junction import Junction, maps_in, parameters_of
from resnet_probe.tracing.node import Call, Node
from resnet_probe.tracing.trace import Trace

#: Modules that are maps by themselves.
MAP_MODULES = (
    torch.nn.modules.conv._ConvNd,
    torch.nn.Linear,
    torch.nn.Bilinear,
    torch.nn.MultiheadAttention,
)


@dataclass(slots=True)
class PlainCandidate:
    """One call of a module (or one chain) with one tensor in and out of equal shapes."""

    call: Call
    module: torch.nn.Module | None  # None: a chain
    nodes: tuple[int, ...]
    shape: tuple[int, ...]
    stream: Node | None


def modules_with_maps(model: torch.nn.Module) -> set[int]:
    """The ids of the modules that hold two maps or more."""
    return {
        id(module)
        for module in model.modules()
        if sum(isinstance(part, MAP_MODULES) for part in module.modules()) >= 2
    }


def chosen(
    trace: Trace, candidates: Sequence[PlainCandidate], live: int, names: Names
) -> list[int]:
    """The places of the candidates that are blocks, in forward order."""
    usable = [
        place
        for place, candidate in enumerate(candidates)
        if len(maps_in(trace, list(candidate.nodes))) >= (1 if candidate.module is None else 2)
        and candidate.stream is not None
        and candidate.nodes
        and live >> candidate.nodes[-1] & 1
        and _is_named(trace, candidate, names)
    ]
    modules = [place for place in usable if candidates[place].module is not None]
    classes = Counter(
        type(module)
        for module in names.by_name.values()
        if type(module) is not torch.nn.Sequential and not isinstance(module, MAP_MODULES)
    )
    repeated = [
        place
        for place in modules
        if classes[type(candidates[place].module)] > 1  # type: ignore[index]
    ]
    innermost = _innermost([(place, candidates[place].nodes) for place in repeated])
    if innermost:
        return innermost
    return [place for place in usable if candidates[place].module is None]


def _is_named(trace: Trace, candidate: PlainCandidate, names: Names) -> bool:
    used = parameters_of(trace, list(candidate.nodes))
    return all(id(tensor) in names.parameters for tensor in used)


def _innermost(spans: list[tuple[int, tuple[int, ...]]]) -> list[int]:
    """The places whose nodes hold no other candidate's."""
    holds: dict[int, list[int]] = defaultdict(list)
    for place, nodes in spans:
        for other, inside in spans:
            is_within = other != place and nodes[0] <= inside[0] and inside[-1] <= nodes[-1]
            if is_within and (len(inside) < len(nodes) or other < place):
                holds[place].append(other)
    return [place for place, _ in spans if not holds[place]]


def block_of(
    trace: Trace, candidate: PlainCandidate, names: Names, live: int, outputs: int,
    sample_axis: str | None,
) -> Block:  # fmt: skip
    """The block of a chosen candidate, still without name, ordinal and stage."""
    indices = list(candidate.nodes)
    assert candidate.stream is not None
    axis = sample_axis or graph.sample_axis_of(trace, indices, candidate.shape)
    parameters = parameters_of(trace, indices)
    owner = candidate.call.module
    if candidate.module is None:
        call = graph.owner_of(trace, frozenset(indices))
        owner = trace.calls[call].module
        if isinstance(owner, MAP_MODULES):
            owner = _above(trace, call)
    macs = [trace.nodes[index].macs for index in indices]
    known = [number for number in macs if number is not None]
    samples = candidate.shape[0] * (candidate.shape[1] if axis == "token" else 1)
    join = Candidate(
        indices[-1],
        Junction("plain", "none", (candidate.stream.index,), indices[-1], indices, []),
    )  # fmt: skip
    site = Site(
        names.modules.get(id(owner), ""),
        tuple(names.parameters[id(tensor)] for tensor in parameters),
        is_chain=candidate.module is None,
        maps=tuple(
            names.parameters[id(tensor)] for tensor in parameters_of(trace, maps_in(trace, indices))
        ),
        stream_elements=math.prod(candidate.shape[1:]),
        has_other_readers=graph.has_other_readers(trace, join, live, outputs),
    )
    shape = graph.per_sample(candidate.shape, axis)
    return Block(
        0, "", "plain", "none", 0, axis, "identity", shape, shape,
        sum(tensor.numel() for tensor in parameters),
        sum(known) // max(1, samples) if known else None, None, None, "module", site,
    )  # fmt: skip


def _above(trace: Trace, call: int) -> torch.nn.Module | None:
    """The module around one that is a map by itself: an activation after it runs there."""
    parent = trace.calls[call].parent
    return trace.calls[parent].module if parent >= 0 else trace.calls[call].module
