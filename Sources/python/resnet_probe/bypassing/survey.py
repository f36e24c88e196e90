"""One pass of a network in eval mode, written down: its blocks, and what each module was given."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch

from resnet_probe.blocks import Block, BlockMap
from resnet_probe.bypassing.stand_ins import Path
from resnet_probe.examining.base_pass import EvalSearch
from resnet_probe.examining.removal import Removal, Seen, Spot
from resnet_probe.finding import graph
from resnet_probe.finding.find import Arguments
from resnet_probe.finding.graph import Candidate
from resnet_probe.finding.plain import PlainCandidate
from resnet_probe.tracing import operations
from resnet_probe.tracing.node import Node
from resnet_probe.tracing.places import Place
from resnet_probe.tracing.trace import Trace, tensors_in


@dataclass(frozen=True, slots=True)
class Leaf:
    """A tensor that went into a call or came out of it."""

    node: int  # -1: it does not depend on the input
    shape: tuple[int, ...]
    dtype: torch.dtype


@dataclass(slots=True)
class Given:
    """What one call of a module was given, and what it returned."""

    module: torch.nn.Module
    inputs: list[tuple[Path, Leaf]]
    others: int  # arguments that are neither tensors nor None
    result: Any = None  # with leaves in place of tensors


@dataclass(frozen=True, slots=True)
class Found:
    """One block in the pass."""

    block: Block
    place: Place  # in the call of the network itself
    end: int  # the node that ends it
    operand: int  # of a join: which argument is the branch
    shortcut: int  # the node of what is left in place of the end; of dense blocks -1
    branch: frozenset[int]  # the nodes of the branch, its last included

    @property
    def spot(self) -> Spot:
        """Where it is for a removal from the whole pass."""
        return self.within(self.place)

    def within(self, place: Place) -> Spot:
        """Where it is for a removal from the call of a module."""
        if place.join >= 0:
            return Spot(place.join, max(0, self.operand))
        if place.first_layer >= 0:
            return Spot(first_layer=place.first_layer, last_layer=place.last_layer)
        own = self.block.site.places[0]
        return Spot(module=own.within, call=own.call)


@dataclass(slots=True)
class Survey:
    """What a pass showed; `found` are its blocks by their names there."""

    model: torch.nn.Module
    trace: Trace
    live: int  # the nodes that lead to the output, as a bit mask
    names: Mapping[int, str]  # of modules, by their ids
    calls: dict[int, Given]  # by the trace's number of the call
    joins: list[Seen]  # all that join, in order
    found: dict[str, Found] = field(default_factory=dict)

    def calls_of(self, module: torch.nn.Module) -> list[int]:
        """The calls of a module in the pass."""
        return [index for index, given in self.calls.items() if given.module is module]

    @property
    def live_nodes(self) -> list[int]:
        """The nodes that the output depends on."""
        return [node.index for node in self.trace.nodes if self.is_live(node.index)]

    def parameters(self, nodes: Iterable[int]) -> set[str]:
        """The names of the parameters that some nodes read."""
        read = {id(p) for node in nodes for p in self.trace.nodes[node].parameters}
        return {name for name, p in self.model.named_parameters() if id(p) in read}

    def is_live(self, node: int) -> bool:
        """Whether the output depends on a node."""
        return bool(self.live >> node & 1)

    def is_written(self, node: int) -> bool:
        """Whether something is written into a tensor, or into a view of it."""
        for index in self.trace.nodes[node].consumers:
            consumer = self.trace.nodes[index]
            is_view = consumer.operation in operations.COPIES
            if (is_view and self.is_written(index)) or (
                consumer.in_place and not is_view and consumer.parents[:1] == (node,)
            ):
                return True
        return False

    def escaping(self, index: int) -> list[int]:
        """The nodes made within a call that the output depends on in another way than within it.

        Not those that are what they were before: `x.to(float32)` may be x itself.
        """
        call = self.trace.calls[index]
        return [
            node.index
            for node in self.trace.nodes[call.first : call.end]
            if any(c >= call.end and self.is_live(c) for c in node.consumers)
            and not self.is_itself(node, call.first)
        ]

    def is_itself(self, node: Node, first: int) -> bool:
        """Whether a node is the very tensor that was there before the node of some number."""
        while node.index >= first and node.in_place and node.operation in operations.COPIES:
            node = self.trace.nodes[node.parents[0]]
        return node.index < first


class SurveySearch(EvalSearch):
    """A search whose candidates can be read once it is over."""

    @property
    def candidates(self) -> list[Candidate]:
        """All that may have been blocks."""
        return self._candidates

    @property
    def plain_candidates(self) -> list[PlainCandidate]:
        """All that may have been plain blocks."""
        return self._plain


def survey(
    network: torch.nn.Module, arguments: Arguments, chosen: Mapping[str, str] | None
) -> tuple[Survey, BlockMap]:
    """Runs a network that is in eval mode, and writes down what it sees.

    The network is one of one's own: hooks come and go, its buffers may be written.
    """
    args, kwargs = arguments
    search = SurveySearch(network, _call, None, None, chosen)
    notes = _Notes(search)
    below = Removal()
    with torch.enable_grad(), notes, below:
        search.begin(tensors_in((args, kwargs)))
        try:
            output = network(*args, **kwargs)
        finally:
            search.end()
    blocks = search.blocks(output)
    trace = search.trace
    nodes = [node.index for t in tensors_in(output) if (node := trace.node(t)) is not None]
    seen = Survey(
        network, trace, graph.live_nodes(trace, nodes), search.names.modules, notes.calls,
        below.seen,
    )  # fmt: skip
    for block in blocks:
        one = _found(seen, search, block)
        if one is not None:
            seen.found[block.name] = one
    return seen, blocks


def under_names(seen: Survey, found: BlockMap, known: BlockMap) -> dict[str, Found]:
    """The blocks of a pass by the names that another map has for them, and by their own else.

    A block is known by its kind, its branch's parameters and their how manieth use.
    """
    names: dict[Any, list[str]] = defaultdict(list)
    for block in known:
        names[block.kind, block.site.parameters].append(block.name)
    uses: Counter[Any] = Counter()
    named = dict(seen.found)
    for block in found:
        key = (block.kind, block.site.parameters)
        if block.name in seen.found and uses[key] < len(names[key]):
            named[names[key][uses[key]]] = seen.found[block.name]
        uses[key] += 1
    return named


class _Notes:
    """Hooks that write down each call while a search listens."""

    def __init__(self, search: SurveySearch) -> None:
        self.calls: dict[int, Given] = {}
        self._search = search
        self._open: list[tuple[torch.nn.Module, int]] = []
        self._handles: list[Any] = []

    def __enter__(self) -> None:
        for module in self._search.model.modules():
            self._handles += [
                module.register_forward_pre_hook(self._enter, with_kwargs=True),
                module.register_forward_hook(self._leave, always_call=True),
            ]

    def __exit__(self, *_: object) -> None:
        for handle in self._handles:
            handle.remove()

    def _enter(self, module: torch.nn.Module, args: Any, kwargs: Any) -> None:
        call = self._search.trace.innermost
        if call is None or call.module is not module:
            return
        inputs: list[tuple[Path, Leaf]] = []
        others = self._note((args, kwargs), (), inputs)
        self.calls[call.index] = Given(module, inputs, others)
        self._open.append((module, call.index))

    def _leave(self, module: torch.nn.Module, _: Any, output: Any) -> None:
        while self._open:
            open_module, index = self._open.pop()
            if open_module is module:
                self.calls[index].result = _call(self._template, output)
                return

    def _note(self, value: Any, path: Path, into: list[tuple[Path, Leaf]]) -> int:
        """Takes in the tensors within an argument; how much else there is."""
        if isinstance(value, torch.Tensor):
            into.append((path, _call(self._leaf, value)))
            return 0
        if isinstance(value, (tuple, list)):
            return sum(self._note(part, (*path, i), into) for i, part in enumerate(value))
        if isinstance(value, dict):
            return sum(self._note(part, (*path, key), into) for key, part in value.items())
        return value is not None

    def _leaf(self, tensor: torch.Tensor) -> Leaf:
        node = self._search.trace.node(tensor)
        return Leaf(-1 if node is None else node.index, tuple(tensor.shape), tensor.dtype)

    def _template(self, value: Any) -> Any:
        if isinstance(value, torch.Tensor):
            return self._leaf(value)
        if type(value) in (tuple, list):
            return type(value)(self._template(part) for part in value)
        if value is None or type(value) in (bool, int, float, str):
            return value
        return _Unknown()


class _Unknown:
    """Stands for a value of which no twin can be made."""


def is_known(result: Any) -> bool:
    """Whether a twin of a result can be made."""
    if isinstance(result, (tuple, list)):
        return all(is_known(part) for part in result)
    return not isinstance(result, _Unknown)


def leaves_in(result: Any) -> list[Leaf]:
    """The tensors of a result."""
    if isinstance(result, (tuple, list)):
        return [leaf for part in result for leaf in leaves_in(part)]
    return [result] if isinstance(result, Leaf) else []


def _found(seen: Survey, search: SurveySearch, block: Block) -> Found | None:
    """Where a block is; None where the pass does not tell."""
    places = block.site.places
    place = next((place for place in places if place.within == ""), None)
    if place is None:
        return None
    trace = seen.trace
    if block.kind != "plain":
        for candidate in search.candidates:
            junction = candidate.junction
            if place.join >= 0 and trace.nodes[candidate.node].join == place.join:
                shortcut = -1
                if block.kind == "residual":
                    shortcut = _other_operand(trace, candidate)
                return Found(
                    block, place, candidate.node, block.site.operands.branch, shortcut,
                    frozenset(junction.branch) | {junction.branch_node},
                )  # fmt: skip
        return None
    for plain in search.plain_candidates:
        if plain.stream is None or not plain.nodes or (plain.module is None) != block.site.is_chain:
            continue
        first, last = trace.nodes[plain.nodes[0]], trace.nodes[plain.nodes[-1]]
        if plain.module is None:
            is_it = (first.layer, last.layer) == (place.first_layer, place.last_layer)
        else:
            name = seen.names.get(id(plain.module))
            before = sum(call.module is plain.module for call in trace.calls[: plain.call.index])
            is_it = (name, before) == (places[0].within, places[0].call)
        if is_it:
            return Found(block, place, last.index, -1, plain.stream.index, frozenset(plain.nodes))
    return None


def _other_operand(trace: Trace, candidate: Candidate) -> int:
    """The node of what a branch is added to; -1 where the sum scales it."""
    parents = trace.nodes[candidate.node].parents
    others = [parent for parent in parents if parent != candidate.junction.branch_node]
    is_plain = candidate.junction.branch_operand >= 0
    return others[0] if is_plain and len(others) == 1 else -1


def _call(function: Callable[..., Any], *args: Any) -> Any:
    with torch._C.DisableTorchFunction():  # no tap sees what is only written down
        return function(*args)
