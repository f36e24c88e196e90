"""Which module a small one can stand in for: what is left of its call is a walk along the stream."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import torch

from resnet_probe.bypassing.stand_ins import COPY, RELU, Path, Shortcut
from resnet_probe.bypassing.survey import Found, Leaf, Survey
from resnet_probe.tracing import operations
from resnet_probe.tracing.fast_paths import FAST

#: Operations that give their argument as it is, or a copy of it.
_SAME = frozenset({"contiguous", "clone", "alias"})


@dataclass(frozen=True, slots=True)
class Walk:
    """What is left of a call: steps from one of its arguments to its result."""

    argument: Path
    steps: tuple[str, ...]  # modules by their names within the call's own, `RELU`, `COPY`

    def shortcut(self, module: torch.nn.Module) -> Shortcut:
        """What can stand in for the module that was called."""
        parts = {s: module.get_submodule(s) for s in self.steps if s not in (RELU, COPY)}
        return Shortcut(self.argument, self.steps, parts)


def shortcut_of(
    seen: Survey, gone: Mapping[int, Found], one: Found
) -> tuple[torch.nn.Module, Walk, list[int]] | None:
    """The module that is to be replaced for a block, by what, and its calls; None where none is.

    `gone` are all blocks that are left out, by the nodes that end them. A module that runs several
    times in a pass is replaced where each of its calls comes to the same.
    """
    for index in _calls_around(seen, one):
        module = seen.calls[index].module
        if isinstance(module, FAST) or _is_layer_of_torch(seen, index):
            continue  # torch's own layers look into each other
        calls = seen.calls_of(module)
        walks = {_walk(seen, gone, call) for call in calls}
        walk = walks.pop()
        if not walks and walk is not None:
            return module, walk, calls
    return None


def _calls_around(seen: Survey, one: Found) -> Iterator[int]:
    """The calls that a block ends in, as far as its own module's, the innermost first.

    None of a chain or a dense block, and not the network's own.
    """
    site = one.block.site
    if one.block.kind == "concat" or site.is_chain:
        return
    if one.block.kind == "plain":
        own = site.places[0]
        calls = [i for i, g in seen.calls.items() if seen.names[id(g.module)] == own.within]
        yield calls[own.call]
        return
    for index in seen.trace.calls_around(seen.trace.nodes[one.end].call):
        if index not in seen.calls or seen.trace.calls[index].parent < 0:
            return
        yield index
        if seen.names[id(seen.calls[index].module)] == site.owner:
            return


def _is_layer_of_torch(seen: Survey, index: int) -> bool:
    parent = seen.calls.get(seen.trace.calls[index].parent)
    kinds = torch.nn.TransformerEncoder, torch.nn.TransformerDecoder
    return parent is not None and isinstance(parent.module, kinds)


def _walk(seen: Survey, gone: Mapping[int, Found], index: int) -> Walk | None:
    """Goes back from a call's result to one of its arguments, past what is left out.

    None where that meets anything that no step can say.
    """
    given, trace = seen.calls[index], seen.trace
    if not isinstance(given.result, Leaf) or given.result.node < 0:
        return None
    if set(seen.escaping(index)) - {given.result.node}:
        return None  # what is made within gets out in another way
    starts = {leaf.node: path for path, leaf in reversed(given.inputs)}
    inside = descendants_or_self(seen, index)
    node, passed = given.result.node, 0
    steps: list[str | None] = []
    taken: set[int] = set()
    while True:
        one = gone.get(node)
        if one is not None and trace.nodes[node].call in inside:
            node, passed = one.shortcut, passed + 1
            if node < 0:
                return None
            continue
        step = _step_to(seen, inside - {index} - taken, node)
        if step is not None:
            call, before = step
            taken.add(call)
            module = seen.calls[call].module
            if type(module) is torch.nn.ReLU:
                steps.append(RELU)
            elif not isinstance(module, torch.nn.Identity):
                steps.append(_name_within(module, given.module))
                if trace.nodes[node].in_place:
                    steps.append(COPY)
            node = before
            continue
        if node in starts:
            break
        at = trace.nodes[node]
        if at.call not in inside or len(at.parents) != 1:
            return None
        if at.operation in operations.RELUS:
            steps.append(RELU)
        elif at.operation not in _SAME and not (at.in_place and at.operation in operations.COPIES):
            return None
        node = at.parents[0]
    if not passed or None in steps:
        return None
    forward = tuple(step for step in reversed(steps) if step is not None)
    if forward == (RELU,) and trace.nodes[node].operation in operations.RELUS:
        forward = ()  # it is one already
    if not forward and seen.is_written(given.result.node):
        forward = (COPY,)
    return Walk(starts[node], forward)


def descendants_or_self(seen: Survey, index: int) -> set[int]:
    """A call and those within it."""
    found = {index}
    for call in seen.trace.calls[index + 1 :]:
        if call.parent in found:
            found.add(call.index)
    return found


def _step_to(seen: Survey, calls: set[int], node: int) -> tuple[int, int] | None:
    """The outermost of some calls that made a node of one tensor, and that tensor's node."""
    for call in sorted(calls):
        given = seen.calls.get(call)
        if given is None or not isinstance(given.result, Leaf) or given.result.node != node:
            continue
        if given.others == 0 and [path for path, _ in given.inputs] == [(0, 0)]:
            before = given.inputs[0][1].node
            if before >= 0:
                return call, before
    return None


def _name_within(module: torch.nn.Module, around: torch.nn.Module) -> str | None:
    return next((name for name, one in around.named_modules() if one is module), None)
