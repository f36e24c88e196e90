"""Watches known blocks in the untouched passes: how alike their streams and branches are.

A block is recognised while the pass runs, by its kind, its branch's parameters and their how
manieth use, a plain one that is a module by that module's call. Where the pass, once it is over,
has the block elsewhere, or not at all, nothing of it counts.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any

import torch

from resnet_probe.blocks import Block, BlockMap
from resnet_probe.examining.cka import FEWEST_ROWS, Alignment, features_of
from resnet_probe.examining.removal import Spot
from resnet_probe.examining.reuse import Layouts, Reading, reuse_of
from resnet_probe.examining.row_axes import RowAxes
from resnet_probe.examining.similarities import Similarities
from resnet_probe.examining.spans import Pair, Spans, SpanSums
from resnet_probe.finding.plain import PlainCandidate
from resnet_probe.journal.similarity_wire import Similarity
from resnet_probe.measuring.measurer import branch_of
from resnet_probe.summary import first_names
from resnet_probe.tracing.junction import parameters_of
from resnet_probe.tracing.listener import Join
from resnet_probe.tracing.trace import Trace

Key = tuple[str, tuple[str, ...]]


class Watch:
    """Similarity between the blocks of a map, one batch after another.

    What fails ends the watch and is told by what is left out, not raised: the pass goes on.
    """

    def __init__(self, blocks: BlockMap) -> None:
        self._blocks = blocks
        self._spans = Spans(blocks)
        self._outputs = Alignment(len(blocks))
        self._branches = Alignment(len(blocks))
        self._read: Mapping[int, Reading] = {}
        self._by_key: dict[Key, list[Block]] = defaultdict(list)
        self._by_call: dict[tuple[str, int], Block] = {}  # plain blocks that are modules
        for block in blocks:
            if block.kind == "plain" and not block.site.is_chain:
                self._by_call |= {(one.within, one.call): block for one in block.site.places[:1]}
            else:
                self._by_key[block.kind, block.site.parameters].append(block)
        self._batches = 0
        self._chunks = 0  # batches with enough rows for CKA
        self._found: Counter[int] = Counter()  # batches that a block was found in
        self._problem: str | None = None
        self._axes = RowAxes()
        self._unsettled: set[Hashable] | None = None  # while a batch with one row less runs
        self._untold: set[str] = set()  # blocks whose rows nothing tells
        # Of the batch under way:
        self._rows = 0
        self._layouts = Layouts(blocks)
        self._uses: Counter[Key] = Counter()
        self._spots: dict[int, Spot] = {}  # as far as they are known before its end
        self._joining: tuple[Join, Block] | None = None

    # A batch

    def begin(self, rows: int) -> None:
        """A pass over so many rows begins."""
        self._rows = rows
        self._axes.begin()
        self._layouts = Layouts(self._blocks)
        self._uses.clear()
        self._spots.clear()
        self._joining = None

    def before(self, trace: Trace, join: Join, present: torch.Tensor | None) -> None:
        """Before a candidate's branch joins."""
        self._guarded(self._before, trace, join, present)

    def after(
        self, trace: Trace, join: Join, result: torch.Tensor, present: torch.Tensor | None
    ) -> None:
        """After it."""
        self._guarded(self._after, trace, join, result, present)

    def plain(
        self, trace: Trace, candidate: PlainCandidate, name: str, stream: torch.Tensor,
        output: torch.Tensor, present: torch.Tensor | None,
    ) -> None:  # fmt: skip
        """After a candidate without a shortcut; `name` is its module's, where it is one."""
        self._guarded(self._plain, trace, candidate, name, stream, output, present)

    def end(self, spots: Mapping[int, Spot]) -> None:
        """The pass is over, and has the blocks at these spots."""
        self._guarded(self._end, spots)

    @property
    def is_unclear(self) -> bool:
        """Whether the pass counted for nothing, as its rows could not be told from its tokens.

        Then the same batch with one row less is to run, and after `settle` the batch itself again.
        """
        return self._unsettled is not None and self._problem is None

    def settle(self) -> None:
        """The batch with one row less has run, or could not."""
        if self._unsettled is not None:
            self._axes.settle(self._unsettled)
        self._unsettled = None

    def give_up(self, problem: Exception) -> None:
        """Ends the watch, for this reason."""
        self._problem = " ".join(f"{type(problem).__name__}: {problem}".split())[:200]
        self.clear()

    def clear(self) -> None:
        """Lets go of what a pass left that ended too early."""
        self._joining = None
        for one in (self._spans, self._outputs, self._branches):
            one.clear()

    # What came of it

    def similarities(self, network: torch.nn.Module) -> Similarities:
        """All that is known of pairs of blocks, and what is missing."""
        names = tuple(block.name for block in self._blocks)
        if self._problem is not None:
            return Similarities(names, (), (), (f"similarity is left out: {self._problem}",))
        reuse = reuse_of(network, self._blocks, self._read)
        return Similarities(names, tuple(self._pairs()), tuple(reuse), tuple(self._missing()))

    def _pairs(self) -> list[Similarity]:
        spans: Mapping[Pair, SpanSums] = self._spans.sums
        complete = {one for one, batches in self._found.items() if batches == self._batches}
        cka, branch_cka = self._outputs.values(self._chunks), self._branches.values(self._chunks)
        found = []
        for first, last in sorted({*spans, *cka, *branch_cka}):
            pair = Similarity(first, last)
            if complete.issuperset((first, last)):
                pair.cka, pair.branch_cka = cka.get((first, last)), branch_cka.get((first, last))
            if complete.issuperset(range(first, last + 1)) and (first, last) in spans:
                sums = spans[first, last]
                pair.angular_distance, pair.gap_samples = sums.angles, sums.gaps
                pair.gap_logs = sums.gap_logs
            if not pair.is_empty:
                found.append(pair)
        return found

    def _missing(self) -> list[str]:
        said = []
        missing = [b.name for b in self._blocks if self._found[b.ordinal] < self._batches]
        if missing:
            said.append(f"no similarity of {first_names(missing)}: not every batch runs it")
        if self._untold:
            names = [block.name for block in self._blocks if block.name in self._untold]
            said.append(
                f"no CKA of {first_names(names)}, nor spans under a mask: rows and tokens cannot be"
                " told apart"
            )
        if self._chunks == 0:
            said.append(f"no CKA: it takes batches of {FEWEST_ROWS} rows or more")
        return said

    # Within a batch

    def _guarded(self, work: Callable[..., None], *args: Any) -> None:
        if self._problem is not None:
            return
        try:
            with torch.no_grad():
                work(*args)
        except Exception as problem:
            self.give_up(problem)

    def _known(self, key: Key) -> Block | None:
        """The block that this use of some parameters is."""
        known, use = self._by_key.get(key, []), self._uses[key]
        self._uses[key] += 1
        return known[use] if use < len(known) else None

    def _before(self, trace: Trace, join: Join, present: torch.Tensor | None) -> None:
        self._joining = None
        junction = join.junction
        names = _names(trace, junction.parameters(trace))
        block = self._known((junction.kind, names))
        if block is None:
            return
        self._joining = (join, block)
        self._spots[block.ordinal] = Spot(trace.counted[0], max(0, junction.branch_operand))
        if block.kind == "residual":
            self._spans.enter(block, join.operands[0])
        self._take("branch", block, branch_of(join)[0], present)

    def _after(
        self, trace: Trace, join: Join, result: torch.Tensor, present: torch.Tensor | None
    ) -> None:
        joining, self._joining = self._joining, None
        if joining is None or joining[0] is not join:
            return
        block = joining[1]
        if block.kind == "concat":
            self._layouts.joined(trace, block, join, trace.nodes[-1].index)
        result = result.detach()
        output = result.relu() if block.activation == "relu" else result
        if block.kind == "residual":
            self._leave(block, output, present)
        self._take("output", block, output, present)

    def _plain(
        self, trace: Trace, candidate: PlainCandidate, name: str, stream: torch.Tensor,
        output: torch.Tensor, present: torch.Tensor | None,
    ) -> None:  # fmt: skip
        nodes = [trace.nodes[node] for node in candidate.nodes]
        if candidate.module is None:
            names = _names(trace, parameters_of(trace, list(candidate.nodes)))
            block = self._known(("plain", names))
            spot = Spot(first_layer=nodes[0].layer, last_layer=nodes[-1].layer)
        else:
            calls = trace.calls[: candidate.call.index]
            call = sum(one.module is candidate.module for one in calls)
            block = self._by_call.get((name, call))
            spot = Spot(module=name, call=call)
        if block is None:
            return
        self._spots[block.ordinal] = spot
        stream, output = stream.detach(), output.detach()
        self._spans.enter(block, stream)
        self._leave(block, output, present)
        self._take("output", block, output, present)
        wide = torch.promote_types(output.dtype, torch.float32)
        self._take("branch", block, output.to(wide) - stream.to(wide), present)

    def _leave(self, block: Block, output: torch.Tensor, present: torch.Tensor | None) -> None:
        axis = self._axis("output", block, output, present)
        if self._axes.is_mask_clear(present, output, axis):
            self._spans.leave(block, output, self._axes.beside(present, output, axis))
        else:
            self._untold.add(block.name)

    def _take(
        self, what: str, block: Block, values: torch.Tensor, present: torch.Tensor | None
    ) -> None:
        if self._rows < FEWEST_ROWS and self._unsettled is None:
            return
        axis = self._axis(what, block, values, present)
        if axis is None or self._unsettled is not None:
            return
        if not self._axes.is_mask_clear(present, values, axis):
            self._untold.add(block.name)
            return
        features = features_of(values.detach(), axis, self._axes.beside(present, values, axis))
        if features is not None:
            into = self._branches if what == "branch" else self._outputs
            into.take(block.ordinal, features)

    def _axis(
        self, what: str, block: Block, values: torch.Tensor, present: torch.Tensor | None
    ) -> int | None:
        """Which dimension of a block's tensor are rows, where that matters."""
        if self._rows < FEWEST_ROWS and present is None and self._unsettled is None:
            return None
        self._axes.see_mask(present, self._rows)
        key, shape = (what, block.ordinal), tuple(values.shape)
        axis = self._axes.of(key, shape, self._rows)
        if self._axes.is_untold(key) and self._rows in shape[:2]:
            self._untold.add(block.name)
        return axis

    def _end(self, spots: Mapping[int, Spot]) -> None:
        if self._unsettled is not None or self._axes.is_unclear:
            self._unsettled = self._unsettled or self._axes.take_unclear()
            self._untold.clear()
            self.clear()
            return
        self._batches += 1
        self._chunks += self._rows >= FEWEST_ROWS
        known = {one for one, spot in self._spots.items() if spots.get(one) == spot}
        self._found.update(known)
        self._spans.end_batch(known)
        self._outputs.end_batch(known)
        self._branches.end_batch(known)
        if not self._read:
            self._read = {one: layout for one, layout in self._layouts.read.items() if one in known}


def _names(trace: Trace, parameters: Sequence[torch.Tensor]) -> tuple[str, ...]:
    return tuple(trace.parameters.get(id(one), "") for one in parameters)
