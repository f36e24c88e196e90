"""Finds the blocks of a network in one forward pass, and can measure them in the same pass."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from types import FrameType
from typing import Any

import torch
from torch.nn.modules import module as torch_module

from resnet_probe.blocks import Block, BlockMap, Operands, Site
from resnet_probe.finding import graph, plain
from resnet_probe.finding.graph import Candidate, Names, UnclearSum
from resnet_probe.finding.inferred import with_inferred
from resnet_probe.finding.placing import operands_of, places_of, places_of_call
from resnet_probe.finding.plain import PlainCandidate
from resnet_probe.finding.registry import Declared, declared_in
from resnet_probe.inert import Hook
from resnet_probe.measuring.measurer import Manner, Measured, Measurer
from resnet_probe.measuring.passes import Pass, Record, samples_in
from resnet_probe.sharding import has_sharded
from resnet_probe.tracing import operations
from resnet_probe.tracing.fast_paths import FastPaths
from resnet_probe.tracing.junction import Junction, Unclear
from resnet_probe.tracing.listener import Join, Listener
from resnet_probe.tracing.node import Call
from resnet_probe.tracing.tap import Tap, close, open_tap
from resnet_probe.tracing.trace import Trace, tensors_in


@dataclass(slots=True)
class _Entry:
    """A module's call under way, as far as it may be a plain block."""

    call: Call
    stream: torch.Tensor | None
    version: int


@dataclass(slots=True)
class Search(Listener):
    """One search: what the tap tells it of, and the blocks at the end.

    With a `measurer` every candidate is measured as it comes, and the records of those that turn
    out to be blocks stay in `found_pass`.
    """

    model: torch.nn.Module
    guard: Callable[..., Any]
    measurer: Measurer | None = None
    sample_axis: str | None = None
    chosen: Mapping[str, str] | None = None  # a user's map of modules to kinds
    found_pass: Pass = field(default_factory=Pass)

    names: Names = field(init=False)
    trace: Trace = field(init=False)
    _candidates: list[Candidate] = field(default_factory=list)
    _has_shortcuts: bool = False  # then plain blocks are not looked for
    _plain: list[PlainCandidate] = field(default_factory=list)
    _unclear: list[UnclearSum] = field(default_factory=list)
    _records: dict[int, Record] = field(default_factory=dict)  # by the candidate's node
    _plain_records: dict[int, Record] = field(default_factory=dict)  # by place in _plain
    _entries: list[_Entry] = field(default_factory=list)
    _with_maps: set[int] = field(default_factory=set)
    _declared: dict[int, Declared] = field(default_factory=dict)
    _handles: list[Any] = field(default_factory=list)
    _tap: Tap | None = None
    _fast_paths: FastPaths | None = None
    _shape: tuple[int, ...] = ()  # of the first input
    _inputs: int = 0  # elements of all inputs
    _is_sharded: bool = False  # whether parameters are other tensors while their modules run
    _thread: int = 0

    def __post_init__(self) -> None:
        self.names = Names.of(self.model)
        self.trace = Trace(self.names.parameters, counts_macs=True)
        self._with_maps = plain.modules_with_maps(self.model)
        self._declared = declared_in(self.model, self.chosen)
        self._is_sharded = has_sharded(self.model)

    # The pass

    def begin(self, inputs: Sequence[torch.Tensor], within: FrameType | None = None) -> None:
        """Begins to listen, in this thread, to a forward pass with these inputs.

        `within` is the frame that ends with the pass.
        """
        self._thread = threading.get_ident()
        self.trace.enter(self.model)
        for tensor in inputs:
            self.trace.add_input(tensor)
        self._inputs = sum(tensor.numel() for tensor in inputs)
        self._shape = next((tuple(tensor.shape) for tensor in inputs if tensor.ndim), ())
        self._handles = [
            torch_module.register_module_forward_pre_hook(self._enter),
            torch_module.register_module_forward_hook(self._leave, always_call=True),
        ]
        self._tap = Tap(self.trace, self, self.guard, sees_chains=True, within=within)
        open_tap(self._tap)
        self._fast_paths = FastPaths(self.model, lambda: self._tap, self.guard, Hook)

    def end(self) -> None:
        """Stops listening."""
        if self._is_sharded:
            self.names.take_used(self.model)
        for handle in self._handles:
            handle.remove()
        self._handles = []
        if self._tap is not None:
            self._tap.end()
            close(self._tap)
            self._tap = None
        if self._fast_paths is not None:
            self._fast_paths.remove()
            self._fast_paths = None

    @property
    def tap(self) -> Tap | None:
        """The tap, while the search listens."""
        return self._tap

    def _enter(self, module: torch.nn.Module, args: Any) -> None:
        if torch.compiler.is_compiling() or threading.get_ident() != self._thread:
            return
        if id(module) in self.names.modules and module is not self.model:
            self.guard(self._enter_known, module, args)

    def _enter_known(self, module: torch.nn.Module, args: Any) -> None:
        call = self.trace.enter(module)
        tensors = [t for t in tensors_in(args) if t.is_floating_point() and t.ndim > 1]
        stream = tensors[0] if len(tensors) == 1 else None
        call.shape = tuple(stream.shape) if stream is not None else ()
        known = [self.trace.node(a) if isinstance(a, torch.Tensor) else None for a in args]
        call.arguments = tuple(-1 if node is None else node.index for node in known)
        if not self._may_be_plain(module):
            stream = None
        self._entries.append(_Entry(call, stream, stream._version if stream is not None else 0))

    def _leave(self, module: torch.nn.Module, args: Any, output: Any) -> None:
        if torch.compiler.is_compiling() or threading.get_ident() != self._thread:
            return
        if id(module) in self.names.modules and module is not self.model:
            self.guard(self._leave_known, module, output)

    def _leave_known(self, module: torch.nn.Module, output: Any) -> None:
        if self._is_sharded:
            self.names.take_used(module)
        while self._entries:
            entry = self._entries.pop()
            if entry.call.module is module:
                break
        else:
            return
        self.trace.leave(entry.call)
        stream = entry.stream
        if stream is None or not isinstance(output, torch.Tensor):
            return
        if not self._may_be_plain(module):
            return
        if output.shape == stream.shape and output is not stream:
            nodes = tuple(range(entry.call.first, len(self.trace.nodes)))
            self._take_plain(
                PlainCandidate(entry.call, module, nodes, tuple(stream.shape), self.trace.node(stream)),
                stream, output, whole=stream._version == entry.version,
            )  # fmt: skip

    def _may_be_plain(self, module: torch.nn.Module) -> bool:
        declared = self._declared.get(id(module))
        if declared is not None:
            return declared.kind == "plain"
        return id(module) in self._with_maps and not self._has_shortcuts

    def _declaration(self, calls: Iterable[int]) -> Declared | None:
        """What the innermost declared module of some calls was declared to be."""
        found = (self._declared.get(id(self.trace.calls[index].module)) for index in calls)
        return next((declared for declared in found if declared is not None), None)

    # What the tap tells

    def is_declared(self, trace: Trace) -> bool:
        """Whether the innermost declared module that runs is to be residual."""
        call = trace.innermost
        if call is None or not self._declared:
            return False
        declared = self._declaration(trace.calls_around(call.index))
        return declared is not None and declared.kind == "residual"

    def before_join(self, trace: Trace, join: Join) -> Any:
        """Takes a candidate, measured with what may still follow it."""
        manner = self._manner(join.junction, join.operands[-1])
        measured = Measured()
        self._keep_sums(trace, join)
        if self.measurer is not None:
            measured = self.measurer.join(join, manner, self.found_pass.present)
        return manner, measured

    def after_join(self, trace: Trace, join: Join, result: torch.Tensor) -> None:
        """Completes the candidate."""
        manner, measured = join.taken
        candidate = Candidate(trace.nodes[-1].index, join.junction)
        self._candidates.append(candidate)
        self._has_shortcuts |= join.junction.shortcut == "identity"
        trace.nodes[join.junction.branch_node].unscaled = None
        if self.measurer is not None:
            self.measurer.joined(measured, join, manner, result)
            record = Record(measured.forward, measured.gradient)
            self._records[candidate.node] = record

    def relu(self, trace: Trace, source: int, result: torch.Tensor) -> None:
        """A ReLU on a candidate's sum."""
        record = self._records.get(source)
        if record is not None and record.gradient is not None:
            record.gradient.follow_relu(result)

    def _keep_sums(self, trace: Trace, join: Join) -> None:
        """Of the block whose sum is this one's stream: h itself, and F where h is overwritten."""
        fork = trace.nodes[join.junction.forks[0]]
        before, stream = self._records.get(fork.index), fork.reference()
        if before is not None and before.gradient is not None and stream is not None:
            before.gradient.unfollow_relu(stream)
        if join.overwrites is None:
            return
        node = trace.node(join.operands[join.overwrites])
        if node is not None and node.operation in operations.RELUS:
            node = trace.nodes[node.parents[0]]
        record = self._records.get(node.index) if node is not None else None
        if record is not None and record.gradient is not None:
            record.gradient.secure()

    def unclear(self, trace: Trace, first: torch.Tensor, unclear: Unclear) -> None:
        """Remembers where, by the module whose forward runs."""
        call = trace.innermost
        name = self.names.modules.get(id(call.module), "") if call is not None else ""
        self._unclear.append(UnclearSum(name or "the network", len(trace.nodes), unclear))

    def chain(
        self, trace: Trace, stream: torch.Tensor, output: torch.Tensor, nodes: Sequence[int]
    ) -> None:
        """A map with norm and activation, of equal shapes in and out."""
        if self._has_shortcuts:
            return
        call = trace.calls[trace.nodes[nodes[0]].call]
        candidate = PlainCandidate(
            call, None, tuple(nodes), tuple(stream.shape), trace.node(stream)
        )
        self._take_plain(candidate, stream, output, whole=True)

    def _take_plain(
        self, candidate: PlainCandidate, stream: torch.Tensor, output: torch.Tensor, *, whole: bool
    ) -> None:
        place = len(self._plain)
        self._plain.append(candidate)
        if self.measurer is None or not whole:
            return
        axis = self.sample_axis or graph.sample_axis_of(
            self.trace, candidate.nodes, tuple(output.shape)
        )
        manner = Manner("plain", "none", "identity", axis, False, False,  # type: ignore[arg-type]
                        takes_gradient=torch.is_grad_enabled())  # fmt: skip
        measured = self.measurer.plain(stream, output, manner, self.found_pass.present)
        self._plain_records[place] = Record(measured.forward, measured.gradient)

    def _manner(self, junction: Junction, branch: torch.Tensor) -> Manner:
        axis = self.sample_axis or graph.sample_axis_of(
            self.trace, junction.branch, tuple(branch.shape)
        )
        return Manner(
            junction.kind, junction.shortcut, "both", axis,  # type: ignore[arg-type]
            keeps_branch=False, has_other_readers=False, takes_gradient=torch.is_grad_enabled(),
        )  # fmt: skip

    # The end

    def blocks(self, output: Any) -> BlockMap:
        """The blocks, once the pass is over; the records of all others are let go."""
        indices = [node.index for t in tensors_in(output) if (node := self.trace.node(t))]
        live = graph.live_nodes(self.trace, indices)
        outputs = sum(1 << index for index in set(indices))
        candidates = [c for c in self._candidates if self._is_wanted(c)]
        kept, remarks = graph.accepted(self.trace, candidates, live, self.names, self._unclear)
        found: list[tuple[int, Block, Record | None]] = []  # by the node that ends the block
        streams = frozenset(c.junction.forks[0] for c in kept if c.junction.shortcut == "identity")
        for candidate in kept:
            block, remark = graph.block_of(
                self.trace, candidate, self.names, live, outputs, streams, self.sample_axis
            )
            where = graph.describe(self.trace, candidate, self.names)
            if not all(block.site.parameters) or not block.site.parameters:
                remarks.append(f"{where}: its parameters are not the network's; not measured")
                continue
            remarks += [] if remark is None else [f"{where}: {remark}"]
            block = replace(
                block, found=self._found(candidate), site=self._placed(candidate, block)
            )
            found.append((candidate.node, block, self._records.pop(candidate.node, None)))
        has_joins = any(
            not graph.is_parallel(self.trace, candidate, self._unclear) for candidate in candidates
        )
        for place in self._plain_places(live, has_joins=has_joins):
            one = self._plain[place]
            block = plain.block_of(self.trace, one, self.names, live, outputs, self.sample_axis)
            declared = self._declared.get(id(one.module))
            site = block.site
            if one.module is None:
                first, last = (self.trace.nodes[n] for n in (one.nodes[0], one.nodes[-1]))
                site = replace(site, places=places_of(self.trace, self.names, last, first=first))
            else:
                site = replace(site, places=places_of_call(self.trace, self.names, one.call))
            found_as = declared.found if declared is not None else "module"
            counted = Operands(samples=samples_in(one.shape, block), inputs=self._inputs)
            block = replace(block, found=found_as, site=replace(site, operands=counted))
            found.append((one.nodes[-1], block, self._plain_records.pop(place, None)))
        found.sort(key=lambda entry: entry[0])
        remarks += graph.unclear_remarks(self._unclear)
        made, records = with_inferred(
            self.model, self.trace, [block for _, block, _ in found],
            [record for _, _, record in found], [end for end, _, _ in found],
        )  # fmt: skip
        ordered = graph.in_order(made, self.names)
        self._settle(ordered, records)
        return BlockMap(ordered, dict.fromkeys(remarks))

    def _placed(self, candidate: Candidate, block: Block) -> Site:
        """A block's site with its places."""
        trace, junction = self.trace, candidate.junction
        masked = junction.ending.mask_node
        mask = trace.nodes[masked] if masked is not None else None
        end = trace.nodes[candidate.node]
        fork = trace.nodes[junction.forks[0]] if junction.shortcut == "projection" else None
        owner = graph.owner_of(trace, junction.region | {candidate.node})
        samples = samples_in(trace.nodes[junction.branch_node].shape, block)
        return replace(
            block.site, places=places_of(trace, self.names, end, mask=mask, fork=fork),
            operands=operands_of(trace, candidate, owner, samples, self._inputs),
        )  # fmt: skip

    def _plain_places(self, live: int, *, has_joins: bool) -> list[int]:
        """The plain candidates that are blocks: declared ones, and all where nothing else is."""
        declared = [
            place
            for place, one in enumerate(self._plain)
            if one.module is not None and id(one.module) in self._declared
            and one.nodes and live >> one.nodes[-1] & 1
            and (self.chosen is None or self._declared[id(one.module)].found == "user")
        ]  # fmt: skip
        if declared or has_joins or self._has_shortcuts or self.chosen is not None:
            return declared
        return plain.chosen(self.trace, self._plain, live, self.names)

    def _is_wanted(self, candidate: Candidate) -> bool:
        """Whether a user's declarations let a candidate be a block."""
        if not self._declared:
            return self.chosen is None
        declared = self._declaration(self._calls_of(candidate))
        if declared is None or (self.chosen is not None and declared.found != "user"):
            return self.chosen is None
        return declared.kind == "residual"

    def _calls_of(self, candidate: Candidate) -> Iterator[int]:
        owner = graph.owner_of(self.trace, candidate.junction.region | {candidate.node})
        return self.trace.calls_around(owner)

    def _found(self, candidate: Candidate) -> str:
        declared = self._declaration(self._calls_of(candidate)) if self._declared else None
        return declared.found if declared is not None else "graph"

    def _settle(self, blocks: Sequence[Block], records: Sequence[Record | None]) -> None:
        for unused in (*self._records.values(), *self._plain_records.values()):
            if unused.gradient is not None:
                unused.gradient.cancel()
        self._records.clear()
        self._plain_records.clear()
        for block, record in zip(blocks, records, strict=True):
            if record is None:
                skipped = Record(None, None, block, samples=samples_in(self._shape, block))
                self.found_pass.records += [skipped] if block.found == "inferred" else []
                continue
            record.block = block
            if record.forward is not None:
                record.forward = record.forward.settled(block.activation)  # type: ignore[arg-type]
            if record.gradient is not None:
                record.gradient.settle(block.activation)
                if block.site.has_other_readers:
                    record.gradient.ignore_stream()
            self.found_pass.records.append(record)
        self.trace.release()


@contextmanager
def searching(search: Search, inputs: Sequence[torch.Tensor]) -> Iterator[Search]:
    """Listens to what runs inside."""
    search.begin(inputs)
    try:
        yield search
    finally:
        search.end()
