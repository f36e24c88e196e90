"""From the joins that a trace saw to the blocks of a network: the filters that need all of it."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import torch

from resnet_probe.blocks import Block, Site, renumbered
from resnet_probe.finding.naming import named, prefix_of
from resnet_probe.names import modules_of
from resnet_probe.sharding import used_by, used_parameters_of
from resnet_probe.tracing import operations
from resnet_probe.tracing.junction import Junction, Unclear, maps_in
from resnet_probe.tracing.junction import parameters_of as parameters_read
from resnet_probe.tracing.node import Node
from resnet_probe.tracing.trace import Trace


@dataclass(slots=True)
class Candidate:
    """A join that may be a block's, with the node that it made."""

    node: int
    junction: Junction


@dataclass(frozen=True, slots=True)
class UnclearSum:
    """A sum that was not understood: in whose forward, and the node that it made."""

    where: str
    node: int
    unclear: Unclear


@dataclass(frozen=True, slots=True)
class Names:
    """What a network calls its modules and parameters, by id."""

    modules: Mapping[int, str]
    parameters: dict[int, str]
    by_name: Mapping[str, torch.nn.Module]

    @staticmethod
    def of(model: torch.nn.Module) -> Names:
        """The names that `named_modules` and `named_parameters` give."""
        modules = dict(modules_of(model))
        return Names(
            {id(module): name for name, module in modules_of(model)},
            {id(tensor): name for name, tensor in used_parameters_of(model)},
            modules,
        )

    def take_used(self, module: torch.nn.Module) -> None:
        """A module ends its call: sharded parameters are other tensors there than between calls."""
        prefix = self.modules[id(module)]
        for name, parameter in used_by(module):
            self.parameters[id(parameter)] = f"{prefix}.{name}" if prefix else name


def live_nodes(trace: Trace, outputs: Sequence[int]) -> int:
    """The nodes that lead to an output, as a bit mask."""
    live = 0
    for index in outputs:
        live |= trace.nodes[index].ancestors | 1 << index
    return live


def accepted(
    trace: Trace, candidates: Sequence[Candidate], live: int, names: Names,
    unclear: Sequence[UnclearSum] = (),
) -> tuple[list[Candidate], list[str]]:  # fmt: skip
    """The candidates that are blocks, and remarks on those that are not."""
    remarks: list[str] = []
    kept: list[Candidate] = []
    for candidate in sorted(candidates, key=lambda c: (len(c.junction.region), c.node)):
        where = describe(trace, candidate, names)
        if not live >> candidate.node & 1:
            remarks.append(f"{where}: its result reaches no output; not measured")
        elif _is_read_elsewhere(trace, candidate, live):
            remarks.append(f"{where}: its branch is also read outside the block; not measured")
        elif is_parallel(trace, candidate, unclear):
            remarks.append(
                f"{where}: parallel maps are added, none of them a shortcut; not measured"
            )
        elif any(_is_one_of_two(other, candidate) for other in candidates):
            remarks.append(
                f"{where}: two branches are added to the stream one after the other; the second is"
                " not measured"
            )
        else:
            inner = [other for other in kept if _is_inside(other, candidate)]
            residual = [other for other in inner if other.junction.kind == "residual"]
            if len(residual) > 1 or (inner and candidate.junction.kind == "concat"):
                count = f"{len(inner)} block{'s' * (len(inner) > 1)}"
                remarks.append(f"{where}: a long skip over {count}; not measured itself")
                continue
            for child in inner:
                words = describe(trace, child, names)
                remarks.append(f"{words}: inside the branch of a larger block; not measured itself")
                kept.remove(child)
            kept.append(candidate)
    return sorted(kept, key=lambda c: c.node), remarks


def is_parallel(trace: Trace, candidate: Candidate, unclear: Sequence[UnclearSum]) -> bool:
    """Whether a projection is one of three or more parallel paths of one stream (RepVGG)."""
    junction = candidate.junction
    return junction.shortcut == "projection" and any(
        one.node in junction.region
        and one.unclear.fork in junction.forks
        and one.unclear.maps <= max(1, len(maps_in(trace, junction.projection)))
        for one in unclear
    )


def _is_one_of_two(other: Candidate, candidate: Candidate) -> bool:
    """Whether what a projection adds holds the sum of another branch with the stream before it."""
    junction = candidate.junction
    if junction.shortcut != "projection" or other.junction.shortcut != "identity":
        return False
    fork = other.junction.forks[0]
    from_before = fork not in junction.region and fork not in junction.forks
    return other.node in junction.projection or (other.node in junction.region and from_before)


def _is_inside(inner: Candidate, outer: Candidate) -> bool:
    """Whether a block lies within another's branch; reused maps joined anew do not."""
    if inner.node not in outer.junction.region:
        return False
    joined = {*inner.junction.forks, inner.junction.branch_node}
    return not joined <= set(outer.junction.forks)


def _is_read_elsewhere(trace: Trace, candidate: Candidate, live: int) -> bool:
    region = candidate.junction.region
    inside = region | {candidate.node}
    return any(
        consumer not in inside and live >> consumer & 1
        for index in region
        for consumer in trace.nodes[index].consumers
    ) and not _only_recat(trace, candidate, live, inside)


def _only_recat(trace: Trace, candidate: Candidate, live: int, inside: frozenset[int]) -> bool:
    """Of a dense block: whether its new maps are read only by concatenations, as they should be."""
    junction = candidate.junction
    if junction.kind != "concat":
        return False
    for index in junction.branch:
        readers = [c for c in trace.nodes[index].consumers if c not in inside and live >> c & 1]
        own = index == junction.branch_node
        if readers and not (own and all(_is_cat(trace.nodes[c]) for c in readers)):
            return False
    return True


def _is_cat(node: Node) -> bool:
    return node.operation in operations.CATS


def describe(trace: Trace, candidate: Candidate, names: Names) -> str:
    """Where a candidate is, for a remark."""
    used = [names.parameters.get(id(p), "") for p in candidate.junction.parameters(trace)]
    return prefix_of([name for name in used if name]) or names_of_owner(trace, candidate, names)


def names_of_owner(trace: Trace, candidate: Candidate, names: Names) -> str:
    """The module in whose forward a candidate is, for people."""
    owner = trace.calls[owner_of(trace, candidate.junction.region | {candidate.node})].module
    return names.modules.get(id(owner), "") or "the network"


def owner_of(trace: Trace, indices: frozenset[int]) -> int:
    """The deepest module call that holds all of some nodes."""
    common: list[int] | None = None
    for index in indices:
        around = list(trace.calls_around(trace.nodes[index].call))
        common = around if common is None else [call for call in common if call in around]
    return common[0] if common else 0


def activation_after(
    trace: Trace, candidate: Candidate, live: int, owner: int, streams: frozenset[int]
) -> tuple[str, bool, str | None]:
    """What follows a sum: its activation, whether it is overwritten otherwise, and a remark.

    A ReLU that alone reads the sum is the block's where the stream came out of a ReLU too, where it
    runs in the forward of the block's own module, or where it makes the stream of another block
    with an identity shortcut (`streams`). Else it is the first operation of what follows, as behind
    the last block of a pre-activation network.
    """
    consumers = [trace.nodes[c] for c in trace.nodes[candidate.node].consumers if live >> c & 1]
    overwritten = any(
        c.in_place and c.operation not in operations.RELUS for c in consumers
    )  # fmt: skip
    if len(consumers) == 1 and consumers[0].operation in operations.RELUS:
        before = origin_of(trace, candidate.junction.forks[0])
        is_own = owner in trace.calls_around(consumers[0].call)
        is_alone = trace.calls[owner].parent >= 0 or before not in operations.ADDS
        is_stream = consumers[0].index in streams
        if before in operations.RELUS or (is_own and is_alone) or is_stream:
            return "relu", overwritten, None
        return "identity", overwritten, None
    if len(consumers) == 1 and consumers[0].operation in operations.ACTIVATIONS:
        return "identity", overwritten, f"{consumers[0].operation} after the sum is not counted"
    return "identity", overwritten, None


def origin_of(trace: Trace, index: int) -> str:
    """The operation that a stream came out of, before copies, permutations and pooling."""
    node = trace.nodes[index]
    passing = operations.COPIES | operations.PERMUTATIONS | operations.POOLINGS
    while node.operation in passing and len(node.parents) == 1:
        node = trace.nodes[node.parents[0]]
    return node.operation


def has_other_readers(trace: Trace, candidate: Candidate, live: int, outputs: int) -> bool:
    """Whether the stream goes elsewhere than into this block."""
    junction = candidate.junction
    inside = junction.region | {candidate.node}
    waiting = [junction.forks[0]]
    while waiting:
        index = waiting.pop()
        if outputs >> index & 1:
            return True
        for consumer in trace.nodes[index].consumers:
            if consumer in inside or not live >> consumer & 1:
                continue
            if trace.nodes[consumer].operation not in operations.COPIES:
                return True
            waiting.append(consumer)
    return False


def sample_axis_of(trace: Trace, branch: Sequence[int], shape: tuple[int, ...]) -> str:
    """What a sample is: rank 3 is one token a leading position, unless the branch holds a Conv1d."""
    is_sequence = len(shape) == 3
    if not is_sequence or any("1d" in trace.nodes[i].operation for i in branch):
        return "row"
    return "token"


def per_sample(shape: tuple[int, ...], sample_axis: str) -> tuple[int, ...]:
    """A tensor's shape without its sample axes."""
    return shape[-1:] if sample_axis == "token" else shape[1:]


def block_of(
    trace: Trace, candidate: Candidate, names: Names, live: int, outputs: int,
    streams: frozenset[int], sample_axis: str | None,
) -> tuple[Block, str | None]:  # fmt: skip
    """The block of an accepted candidate, still without name, ordinal and stage; and a remark."""
    junction = candidate.junction
    branch_shape = trace.nodes[junction.branch_node].shape
    axis = sample_axis or sample_axis_of(trace, junction.branch, branch_shape)
    stream = trace.nodes[junction.forks[0]].shape
    if junction.kind == "concat":
        channels = sum(trace.nodes[fork].shape[1] for fork in junction.forks)
        stream = (stream[0], channels, *stream[2:])
    owner = trace.calls[owner_of(trace, junction.region | {candidate.node})]
    parameters = junction.parameters(trace)
    activation, overwritten, remark = activation_after(trace, candidate, live, owner.index, streams)
    if junction.kind == "concat":
        activation, remark = "identity", None
    samples = branch_shape[0] * (branch_shape[1] if axis == "token" else 1)
    macs = [trace.nodes[index].macs for index in junction.branch]
    gate = junction.ending.gate
    site = Site(
        names.modules.get(id(owner.module), ""),
        tuple(names.parameters.get(id(tensor), "") for tensor in parameters),
        keeps_branch=overwritten or junction.kind == "concat",
        has_other_readers=has_other_readers(trace, candidate, live, outputs),
        last_map=tuple(names.parameters.get(id(tensor), "") for tensor in junction.ending.last_map),
        maps=tuple(
            names.parameters.get(id(tensor), "")
            for tensor in parameters_read(trace, maps_in(trace, junction.branch))
        ),
        stream_elements=math.prod(stream[1:]),
    )
    known = [number for number in macs if number is not None]
    block = Block(
        0, "", junction.kind, junction.shortcut, 0, axis, activation,
        per_sample(stream, axis), per_sample(branch_shape, axis),
        sum(tensor.numel() for tensor in parameters),
        sum(known) // max(1, samples) if known else None,
        names.parameters.get(id(gate)) if gate is not None else None,
        _drop_probability(trace, junction), "graph", site,
    )  # fmt: skip
    return block, remark


def _drop_probability(trace: Trace, junction: Junction) -> float | None:
    """What made the mask, or the module that masks the branch, says of itself."""
    if junction.ending.mask_node is None:
        return None
    random = trace.nodes[junction.ending.mask_node].random
    keep = trace.keep_probability(random) if random is not None else None
    if keep is not None:
        return 1 - keep
    module = trace.calls[trace.nodes[junction.ending.mask_node].call].module
    if not re.search("drop|depth", type(module).__name__, re.IGNORECASE):
        return None
    for name in ("drop_prob", "p", "drop_probability", "drop_rate", "drop_path_prob"):
        value = getattr(module, name, None)
        if isinstance(value, (int, float)) and 0 <= value <= 1:
            return float(value)
    return None


def in_order(blocks: Sequence[Block], names: Names) -> list[Block]:
    """Blocks in forward order with ordinals, stages, occurrences and unique names."""
    uses: Counter[tuple[str, ...]] = Counter()
    made: list[Block] = []
    for block in blocks:
        key = (block.kind, *block.site.parameters)
        made.append(replace(block, site=replace(block.site, occurrence=uses[key])))
        uses[key] += 1
    return named(renumbered(made), {name for name in names.by_name if name})


def unclear_remarks(unclear: Sequence[UnclearSum]) -> list[str]:
    """A sentence for each sum that was not understood."""
    return [f"{one.where}: {one.unclear.reason}; not measured" for one in unclear]
