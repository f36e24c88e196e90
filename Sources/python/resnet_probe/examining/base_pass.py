"""The untouched passes: losses, identity gaps in eval mode, and where the blocks are."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import FrameType
from typing import Any, Literal

import torch

from resnet_probe.blocks import Block, BlockMap
from resnet_probe.examining.removal import EvalTrace, Removal, Seen, Spot
from resnet_probe.examining.watch import Watch
from resnet_probe.finding.plain import PlainCandidate
from resnet_probe.finding.search import Search
from resnet_probe.journal.frame import LogDistribution
from resnet_probe.measuring.measurer import Measurer
from resnet_probe.measuring.statistics import BlockStep, pack
from resnet_probe.measuring.sums import ForwardSums
from resnet_probe.tracing.listener import Join
from resnet_probe.tracing.trace import Trace, tensors_in

Key = tuple[str, tuple[str, ...]]


class EvalSearch(Search):
    """A search in a pass in eval mode, whose modules take no fused path that nobody sees into."""

    watch: Watch | None = None

    def begin(self, inputs: Sequence[torch.Tensor], within: FrameType | None = None) -> None:
        """Begins to listen."""
        self.trace = EvalTrace(self.names.parameters, counts_macs=True)
        super().begin(inputs, within)
        if self._fast_paths is not None:
            self._fast_paths.remove()
            self._fast_paths = None

    def before_join(self, trace: Trace, join: Join) -> Any:
        """Takes a candidate; the watch sees its operands."""
        taken = super().before_join(trace, join)
        if self.watch is not None:
            self.watch.before(trace, join, self.found_pass.present)
        return taken

    def after_join(self, trace: Trace, join: Join, result: torch.Tensor) -> None:
        """Completes it; the watch sees the sum before anything is written into it."""
        super().after_join(trace, join, result)
        if self.watch is not None:
            self.watch.after(trace, join, result, self.found_pass.present)

    def _take_plain(
        self, candidate: PlainCandidate, stream: torch.Tensor, output: torch.Tensor, *, whole: bool
    ) -> None:
        super()._take_plain(candidate, stream, output, whole=whole)
        if self.watch is not None and whole:
            name = self.names.modules.get(id(candidate.module), "")
            present = self.found_pass.present
            self.watch.plain(self.trace, candidate, name, stream, output, present)


@dataclass(slots=True)
class Passes:
    """What the untouched passes of all batches left."""

    spots: list[dict[int, Spot]] = field(default_factory=list)  # by batch, by ordinal
    seen: list[list[Seen]] = field(default_factory=list)  # by batch: every join
    sums: dict[int, list[ForwardSums]] = field(default_factory=lambda: defaultdict(list))

    def gaps(self, blocks: BlockMap) -> dict[int, LogDistribution]:
        """The identity gap of each block over all samples, where it has one."""
        steps = [
            BlockStep(b.ordinal, b.kind, b.shortcut, b.activation, self.sums[b.ordinal])  # type: ignore[arg-type]
            for b in blocks
            if len(self.sums.get(b.ordinal, ())) == len(self.spots)
        ]
        packed = pack([step for step in steps if step.can_be_identity])
        statistics, _ = packed.unpack()
        return {s.ordinal: s.identity_gap for s in statistics if s.identity_gap is not None}


class BasePass:
    """Runs untouched passes and finds the blocks of a map in each of them.

    A block is known by its kind, its branch's parameters and their how manieth use.
    """

    def __init__(
        self, network: torch.nn.Module, blocks: BlockMap, *,
        sample_axis: Literal["row", "token"] | None, chosen: Mapping[str, str] | None,
        mask_of: Callable[[Any, Any], torch.Tensor | None], watch: Watch | None = None,
    ) -> None:  # fmt: skip
        self.passes = Passes()
        self._watch = watch
        self._network = network
        self._sample_axis = sample_axis
        self._chosen = chosen
        self._mask_of = mask_of
        self._by_key: dict[Key, list[Block]] = defaultdict(list)
        for block in blocks:
            self._by_key[block.kind, block.site.parameters].append(block)

    def run(self, batch: Any, rows: int, call: Callable[[], Any]) -> Any:
        """The network's output for one batch of so many rows."""
        measurer = Measurer(_call, "norms", _trains, counts_absorbed=False)
        search = EvalSearch(self._network, _call, measurer, self._sample_axis, self._chosen)
        search.watch = self._watch
        if self._watch is not None:
            self._watch.begin(rows)

        def called(_: torch.nn.Module, args: Any, kwargs: Any) -> None:
            """A user's own call may give the network what is no part of the batch."""
            search.found_pass.present = self._mask_of(args, kwargs)
            for tensor in tensors_in((args, kwargs)):
                search.trace.add_input(tensor)

        handle = self._network.register_forward_pre_hook(called, with_kwargs=True)
        below = Removal()
        try:
            with below:
                search.begin(tensors_in(batch))
                try:
                    output = call()
                finally:
                    search.end()
        except BaseException:
            if self._watch is not None:
                self._watch.clear()
            raise
        finally:
            handle.remove()
        found = search.blocks(output)
        self.passes.seen.append(below.seen)
        self._note(found, search)
        if self._watch is not None:
            self._watch.end(self.passes.spots[-1])
        return output

    def _note(self, found: BlockMap, search: Search) -> None:
        sums = {
            record.block.ordinal: record.forward
            for record in search.found_pass.records
            if record.block is not None and record.forward is not None
        }
        uses: Counter[Key] = Counter()
        spots: dict[int, Spot] = {}
        for block in found:
            key = (block.kind, block.site.parameters)
            known = self._by_key.get(key, [])
            use = uses[key]
            uses[key] += 1
            spot = _spot(block)
            if use >= len(known) or spot is None:
                continue
            spots[known[use].ordinal] = spot
            if block.ordinal in sums:
                self.passes.sums[known[use].ordinal].append(sums[block.ordinal])
        self.passes.spots.append(spots)


def _spot(block: Block) -> Spot | None:
    whole = next((place for place in block.site.places if place.within == ""), None)
    if whole is None:
        return None
    if block.kind != "plain":
        branch = block.site.operands.branch
        if whole.join < 0 or (branch < 0 and block.kind == "concat"):
            return None
        return Spot(whole.join, max(0, branch))  # -1: of torch.add(F, x, alpha=…)
    if block.site.is_chain:
        return Spot(first_layer=whole.first_layer, last_layer=whole.last_layer)
    own = block.site.places[0]
    return Spot(module=own.within, call=own.call)


def _call(function: Callable[..., Any], *args: Any) -> Any:
    with torch._C.DisableTorchFunction():  # no tap sees what the search itself does
        return function(*args)


def _trains() -> bool:
    return False
