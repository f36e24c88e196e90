"""Measures known blocks wherever their modules run: the listener of measured steps."""

from __future__ import annotations

import math
import weakref
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch

from resnet_probe.blocks import Block, BlockMap
from resnet_probe.measuring.checkpoints import first_run, reentrant_run, second_run
from resnet_probe.measuring.measurer import Manner, Measured, Measurer
from resnet_probe.measuring.passes import Key, Pass, Record, samples_in
from resnet_probe.sharding import used_parameters_of
from resnet_probe.tracing import operations
from resnet_probe.tracing.junction import parameters_of as parameters_read
from resnet_probe.tracing.listener import Join, Listener
from resnet_probe.tracing.trace import Trace


def _samples(record: Record) -> int | None:
    """How many samples a record's forward had."""
    return None if record.forward is None else record.forward.samples


def _leading_size(record: Record, branch: torch.Tensor) -> int:
    """How many samples a branch has, by the record's block."""
    is_token = record.block is not None and record.block.sample_axis == "token"
    return math.prod(branch.shape[:-1]) if is_token else branch.shape[0]


def is_in_backward() -> bool:
    """Whether autograd runs in this thread: a forward then is a checkpoint's second one."""
    return torch._C._current_graph_task_id() != -1


class Sites(Listener):
    """The blocks of one measured step, by what they are recognised by.

    A checkpoint runs its part twice. Reentrant: first without gradients, which gives the forward
    sums, then within the backward pass, which gives the gradients. Otherwise gradients come by the
    first run's tensors, and the second run gives what they are multiplied with, so that nothing is
    held between the two: of blocks in `run_again`, the ordinals of those that were seen to join in
    a second run, which this completes. (A second run ends early, before the last block may join.)
    """

    def __init__(
        self, model: torch.nn.Module, blocks: BlockMap, measurer: Measurer, run_again: set[int]
    ) -> None:
        ids = {name: id(parameter) for name, parameter in used_parameters_of(model)}
        self.parameters = {place: name for name, place in ids.items()}
        self.current: Pass | None = None
        self._measurer = measurer
        if measurer.turns is not None:
            measurer.turns.begin_step()
        self._run_again = run_again
        self._unfilled: weakref.WeakKeyDictionary[Any, dict[int, list[Record]]] = (
            weakref.WeakKeyDictionary()
        )
        self._by_key: dict[Key, list[Block]] = defaultdict(list)
        self._keys: dict[int, Key] = {}
        self._awaiting: dict[Key, list[Record]] = defaultdict(list)
        self._relus: dict[int, Record] = {}  # by node, in the trace that is open
        self.running: list[str] = []  # the owners that run, the innermost last
        self.unknown_joins = 0
        self._tentative: list[tuple[str, int, Record]] = []  # owner, node, record
        self._has_declared = any(block.found in ("registry", "user") for block in blocks)
        self.by_owner: dict[str, list[Block]] = defaultdict(list)
        for block in blocks:
            key = (block.kind, tuple(ids.get(name, 0) for name in block.site.parameters))
            self._by_key[key].append(block)
            self.by_owner[block.site.owner].append(block)
            self._keys[block.ordinal] = key

    def traces(self, owner: str) -> bool:
        """Whether blocks of a module need its operations seen."""
        return any(b.kind != "plain" or b.site.is_chain for b in self.by_owner[owner])

    def sees_chains(self) -> bool:
        """Whether any block is a chain."""
        return any(b.site.is_chain for blocks in self.by_owner.values() for b in blocks)

    def end_pass(self) -> None:
        """The network's forward is over."""
        self.current = None
        if self._measurer.turns is not None:
            self._measurer.turns.end_pass()

    def forget_trace(self) -> None:
        """The trace is over."""
        self._relus.clear()

    def cancel(self) -> None:
        """Lets go of what a checkpoint never ran again."""
        self._awaiting.clear()
        self._unfilled.clear()

    # Recognising

    def _record_for(self, key: Key, branch: torch.Tensor) -> tuple[Record, bool] | None:
        """The record that a block's run belongs to, and whether it is a checkpoint's second run.

        `branch` is F: of several micro-batches that wait, one of as many samples ran again.
        """
        if key not in self._by_key:
            return None
        if is_in_backward():
            if not torch.is_grad_enabled():
                return None
            awaiting = self._awaiting[key]
            checkpoint = reentrant_run()
            for place in reversed(range(len(awaiting))):
                if checkpoint is not None and awaiting[place].checkpoint not in (None, checkpoint):
                    continue
                if _samples(awaiting[place]) in (None, _leading_size(awaiting[place], branch)):
                    return awaiting.pop(place), True
            return None
        if self.current is None:
            return None
        blocks = self._by_key[key]
        use = self.current.uses[key]
        self.current.uses[key] = use + 1
        if use >= len(blocks):
            return None
        record = Record(None, None, blocks[use])
        self.current.records.append(record)
        if not torch.is_grad_enabled():
            record.checkpoint = reentrant_run()
            self._awaiting[key].append(record)
        return record, False

    def _manner(self, block: Block, *, again: bool) -> Manner:
        return Manner(
            block.kind, block.shortcut, block.activation, block.sample_axis,  # type: ignore[arg-type]
            block.site.keeps_branch, block.site.has_other_readers,
            takes_forward=not again, takes_gradient=torch.is_grad_enabled(), block=block.ordinal,
        )  # fmt: skip

    def await_second_run(self, found: Pass) -> None:
        """Takes the records of the pass that found the blocks, as far as they lack gradients."""
        for record in found.records:
            if record.gradient is None and record.block is not None:
                self._awaiting[self._keys[record.block.ordinal]].append(record)

    # Listening

    def is_declared(self, trace: Trace) -> bool:
        """Whether any block was declared by a user: then its branch may hold no map."""
        return self._has_declared

    def before_join(self, trace: Trace, join: Join) -> Any:
        """Measures a known block; None for any other join."""
        parameters = tuple(id(p) for p in join.junction.parameters(trace))
        key = (join.junction.kind, parameters)
        found = self._record_for(key, join.operands[-1])
        if found is None:
            return self._second_run(key, join) or self._stranger(key, join)
        record, again = found
        assert record.block is not None
        if join.junction.shortcut != record.block.shortcut:
            return None
        manner = self._manner(record.block, again=again)
        present = self.current.present if self.current is not None else None
        checkpoint = first_run() if record.block.ordinal in self._run_again and not again else None
        if checkpoint is not None and manner.takes_gradient and manner.kind == "residual":
            manner = replace(manner, awaits_second_run=True)
            waiting = self._unfilled.setdefault(checkpoint, {})
            waiting.setdefault(record.block.ordinal, []).append(record)
        return record, manner, self._measurer.join(join, manner, present), False

    def _stranger(self, key: Key, join: Join) -> Any:
        """A join of other parameters than any block's: maybe one whose branch varies (experts).

        Measured where the module that runs holds one block, of which it may be; taken for it only
        if it turns out to be what the module returns.
        """
        if key in self._by_key or self.current is None or is_in_backward() or not self.running:
            return None
        self.unknown_joins += 1
        blocks = self.by_owner[self.running[-1]]
        if len(blocks) != 1 or not torch.is_grad_enabled():
            return None
        block = blocks[0]
        own = self._keys[block.ordinal]
        is_like = (block.kind, block.shortcut) == (join.junction.kind, join.junction.shortcut)
        if not is_like or block.kind != "residual" or not set(key[1]) & set(own[1]):
            return None
        manner = self._manner(block, again=False)
        record = Record(None, None, block)
        return record, manner, self._measurer.join(join, manner, self.current.present), True

    def settle(self, owner: str, trace: Trace | None, output: Any) -> bool:
        """Takes what a module returned for its block, if it was measured as maybe it."""
        mine = [(node, record) for name, node, record in self._tentative if name == owner]
        self._tentative = [entry for entry in self._tentative if entry[0] != owner]
        returned = None
        if trace is not None and isinstance(output, torch.Tensor):
            node = trace.node(output)
            if node is not None and node.operation in operations.RELUS and node.parents:
                node = trace.nodes[node.parents[0]]
            returned = trace.source(node.index) if node is not None else None
        taken = False
        for place, record in mine:
            if place == returned and self.current is not None:
                self.current.records.append(record)
                taken = True
            elif record.gradient is not None:
                record.gradient.cancel()
        return taken

    def lacks(self, owner: str, before: int) -> bool:
        """Whether a module's only block left nothing in this pass."""
        blocks, current = self.by_owner[owner], self.current
        if current is None or len(blocks) != 1:
            return False
        return not any(record.block is blocks[0] for record in current.records[before:])

    def _second_run(self, key: Key, join: Join) -> Any:
        """A join in the backward pass: what a record waits for, where one does."""
        blocks = self._by_key.get(key)
        checkpoint = second_run() if blocks and is_in_backward() else None
        if not blocks or checkpoint is None:
            return None
        self._run_again.update(block.ordinal for block in blocks)
        waiting = self._unfilled.get(checkpoint, {})
        record = next((w.pop(0) for b in blocks if (w := waiting.get(b.ordinal))), None)
        if record is None or record.block is None or record.gradient is None:
            return None
        manner = self._manner(record.block, again=True)
        self._measurer.again(record.gradient, join, manner)
        return record, manner, None, False

    def after_join(self, trace: Trace, join: Join, result: torch.Tensor) -> None:
        """Completes it."""
        record, manner, measured, is_stranger = join.taken
        if measured is None:
            self._measurer.joined_again(record.gradient, join, manner, result)
        else:
            self._measurer.joined(measured, join, manner, result)
            self._enter(record, measured)
        if is_stranger:
            self._tentative.append((self.running[-1], trace.nodes[-1].index, record))
        trace.nodes[join.junction.branch_node].unscaled = None
        if manner.activation == "relu":
            self._relus[trace.nodes[-1].index] = record

    def relu(self, trace: Trace, source: int, result: torch.Tensor) -> None:
        """A ReLU on a known block's sum."""
        record = self._relus.pop(source, None)
        if record is not None and record.gradient is not None:
            record.gradient.follow_relu(result)
            if self._measurer.turns is not None and record.block is not None:
                self._measurer.turns.replace(record.block.ordinal, result)

    def chain(
        self, trace: Trace, stream: torch.Tensor, output: torch.Tensor, nodes: Sequence[int]
    ) -> None:
        """Measures a known chain."""
        key = ("plain", tuple(id(p) for p in parameters_read(trace, list(nodes))))
        found = self._record_for(key, output)
        if found is not None:
            self._plain(*found, stream, output)

    def plain_module(self, block: Block, stream: torch.Tensor, output: torch.Tensor) -> None:
        """Measures a plain block that is a module."""
        found = self._record_for(self._keys[block.ordinal], output)
        if found is not None:
            self._plain(*found, stream, output)

    def _plain(
        self, record: Record, again: bool, stream: torch.Tensor, output: torch.Tensor
    ) -> None:
        assert record.block is not None
        manner = self._manner(record.block, again=again)
        present = self.current.present if self.current is not None else None
        self._enter(record, self._measurer.plain(stream, output, manner, present))

    @staticmethod
    def _enter(record: Record, measured: Measured) -> None:
        record.forward = measured.forward or record.forward
        record.gradient = measured.gradient or record.gradient

    def skipped(self, owner: str, before: int, shape: tuple[int, ...]) -> None:
        """A module ran whose only block did not join: its branch was skipped for the batch."""
        blocks = self.by_owner[owner]
        if self.current is None or len(blocks) != 1 or is_in_backward():
            return
        block = blocks[0]
        if 0 in self._keys[block.ordinal][1]:
            return  # its parameters are gone: the network was changed
        fired = any(r.block is block for r in self.current.records[before:])
        if not fired and block.kind == "residual":
            self.current.records.append(Record(None, None, block, samples=samples_in(shape, block)))
