"""Measured passes of a network that is compiled, as a whole or in parts."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch.overrides import _get_current_function_mode_stack, _pop_mode, _push_mode

from resnet_probe.blocks import Block, BlockMap
from resnet_probe.compiled.buffers import Buffers, Seen
from resnet_probe.compiled.observe import shapes_of
from resnet_probe.compiled.order_tap import OrderTap, Reading, Table
from resnet_probe.inert import TracedHook
from resnet_probe.measuring.gradient_sums import GradientSums
from resnet_probe.measuring.passes import Pass, Record
from resnet_probe.measuring.samples import Detail
from resnet_probe.names import modules_of, parameters_of
from resnet_probe.summary import MOST_NAMES
from resnet_probe.tracing.trace import tensors_in
from resnet_probe.training.compilation import call_outside, compiled_modules


class CompiledGradient:
    """The gradient sums of one block in one compiled pass, which arrive without a call."""

    __slots__ = ("_buffers", "_seen", "arrived")

    def __init__(self, buffers: Buffers, seen: Seen) -> None:
        self._buffers = buffers
        self._seen = seen
        self.arrived = False  # the pass learns of its backward at the network's output

    @property
    def sums(self) -> GradientSums | None:
        """What came."""
        return self._buffers.gradients(self._seen)

    def cancel(self) -> None:
        """Nothing waits."""


class _Region:
    """A compiled part under way: what the tap held around it."""

    __slots__ = ("around", "name")

    def __init__(self, name: str, around: tuple[Any, ...]) -> None:
        self.name = name
        self.around = around


class CompiledPasses:
    """Measures the passes of one network while any of it is compiled.

    A pass begins and ends outside of compiled code; parts that are compiled by themselves count
    their operations from their own beginning, so that equal parts share their compiled code.
    """

    def __init__(
        self, model: torch.nn.Module, blocks: BlockMap, detail: Detail,
        say: Callable[[str, str], None],
    ) -> None:  # fmt: skip
        self._model = model
        self._blocks = [block for block in blocks if _is_placed(block)]
        apart = [block.name for block in blocks if not _is_placed(block)]
        if apart:
            say(
                "not followed",
                f"{len(apart)} of {len(blocks)} blocks cannot be followed through compiled code, as"
                f" within checkpoints, and are left out ({', '.join(apart[:MOST_NAMES])})",
            )
        self._detail: Detail = detail
        self._say = say
        self._tap = OrderTap()
        self._sets: list[dict[int, Buffers]] = []  # one for each micro-batch of a step
        self._used = 0
        self._tables: dict[tuple[str, int], Table] = {}
        self._calls: defaultdict[str, int] = defaultdict(int)
        self._regions: list[_Region] = []
        self._found: list[tuple[str, int, Any]] = []  # region, its call, what the tap saw
        self._handles: list[Any] = []
        self._pass: Pass | None = None
        self._growth = 1.0
        self._is_other = False  # whether the pass ran other sums than when blocks were found
        names = dict(parameters_of(model))
        self._maps = {
            block.ordinal: shapes_of(
                [tuple(names[n].shape) for n in block.site.parameters if names[n].requires_grad]
            )
            for block in self._blocks
            if all(name in names for name in block.site.parameters)
        }
        self._floats = [p for _, p in parameters_of(model) if p.is_floating_point()]

    # A pass

    def begin(
        self, args: Any, kwargs: Any, present: torch.Tensor | None, *, is_whole: bool
    ) -> Pass:
        """Begins to measure a pass, in this thread; `is_whole`: all of it is compiled."""
        self._pass = Pass(present)
        buffers = self._buffers_for(args, kwargs)
        if not self._handles:
            self._hook()
        tap = self._tap
        self._calls.clear()
        self._found = []
        self._regions = []
        self._make_tables(buffers)
        tap.present = present
        tap.arguments, tap.unmasked, tap.streams = [], [], {}
        self._begin_region("", is_compiled=is_whole)
        _push_mode(tap)
        return self._pass

    def end(self, *, counts_absorbed: bool, is_whole: bool) -> None:
        """Ends it: the records of its blocks are what its buffers hold, if it ran to its end."""
        one, self._pass = self._pass, None
        close(self._tap)
        if one is None:
            return
        while self._regions:
            self._end_region()
        self._tap.table = Table()
        is_other, self._is_other = self._is_other, False
        if is_other and is_whole:
            self._say(
                "other sums",
                "the compiled network ran other operations than when its blocks were found, and such"
                " steps are left out: parts that Python skips, or that torch.compiler.disable"
                " leaves uncompiled, cannot be followed",
            )
            return
        buffers = self._sets[self._used - 1]
        for name, call, entry in self._found:
            block = self._block_at(name, call, entry[0])
            if block is None:
                continue
            own, seen = buffers[block.ordinal], _seen(block, entry)
            if seen is None or not self._fits(own, seen):
                continue
            present = _fitting(one.present, entry[1], block)
            record = Record(
                own.sums(seen, present, counts_absorbed=counts_absorbed),
                CompiledGradient(own, seen), block,  # type: ignore[arg-type]
            )  # fmt: skip
            one.records.append(record)

    def abandon(self) -> None:
        """Takes the tap off a pass that ended without a word."""
        close(self._tap)
        self._pass = None
        self._regions = []

    def end_step(self) -> None:
        """Lets go of the step's hooks; the buffers can be written again."""
        self._used = 0
        for handle in self._handles:
            handle.remove()
        self._handles = []

    # Buffers

    def _buffers_for(self, args: Any, kwargs: Any) -> dict[int, Buffers]:
        first = next((t for t in tensors_in((args, kwargs)) if t.ndim), None)
        rows = first.shape[0] if first is not None else 1
        if self._used == len(self._sets):
            self._sets.append({})
        own = self._sets[self._used]
        self._used += 1
        for block in self._blocks:
            wanted = math.ceil(rows * max(1, block.site.operands.samples) * self._growth)
            known = own.get(block.ordinal)
            if known is None or known.capacity < wanted:
                own[block.ordinal] = self._new_buffers(block, wanted)
            else:
                known.begin()
        return own

    def _new_buffers(self, block: Block, capacity: int) -> Buffers:
        place = next((p for p in self._floats), torch.zeros(()))
        is_wide = any(p.dtype == torch.float64 for p in self._floats)
        wide = torch.float64 if is_wide else torch.float32
        device = place.device
        named = dict(parameters_of(self._model))
        for name in block.site.parameters:
            if name in named:
                device = named[name].device
                break
        return Buffers(block, self._detail, capacity, math.prod(block.branch_shape), device, wide)

    def _fits(self, buffers: Buffers, seen: Seen) -> bool:
        """Whether the buffers had room; more is made for the next pass where not."""
        if seen.samples <= buffers.capacity:
            return True
        self._growth *= 1.25 * seen.samples / buffers.capacity
        return False

    # Regions

    def _make_tables(self, buffers: dict[int, Buffers]) -> None:
        self._tables = defaultdict(Table)
        modules: defaultdict[tuple[str, int], int] = defaultdict(int)
        for block in self._blocks:
            for place in block.site.places:
                reading = Reading(
                    buffers[block.ordinal],
                    place,
                    self._detail,
                    self._maps.get(block.ordinal, "unknown"),
                )
                table = self._tables[place.within, place.call]
                if block.kind != "plain":
                    table.joins[place.join] = reading
                    table.total = place.joins
                    if reading.fork_layer >= 0:
                        table.forks[reading.fork_layer] = reading
                    if place.mask >= 0:
                        table.masks[place.mask] = reading
                elif block.site.is_chain:
                    table.starts[place.first_layer] = reading
                    table.ends[place.last_layer] = reading
                    table.layers = place.layers
                else:
                    key = (place.within, place.call)
                    table.modules[modules[key]] = reading
                    modules[key] += 1

    def _block_at(self, name: str, call: int, key: Any) -> Block | None:
        table = self._tables.get((name, call), Table())
        if isinstance(key, tuple):
            kind, number = key
            reading = (table.ends if kind == "layer" else table.modules).get(number)
        else:
            reading = table.joins.get(key)
        return None if reading is None else reading.block

    def _begin_region(self, name: str, *, is_compiled: bool) -> None:
        tap = self._tap
        around = (tap.table, tap.is_compiled, tap.join, tap.layer, tap.module, tap.seen)
        tap.is_compiled = is_compiled
        self._regions.append(_Region(name, around))
        call = self._calls[name]
        tap.table = self._tables.get((name, call), Table())
        tap.join = tap.layer = tap.module = 0
        tap.seen = []

    def _end_region(self) -> None:
        tap, region = self._tap, self._regions.pop()
        call = self._calls[region.name]
        self._calls[region.name] = call + 1
        self._found += [(region.name, call, entry) for entry in tap.seen]
        joins, layers, modules = tap.join, tap.layer, tap.module
        expected, counted = (tap.table.total, tap.table.layers), (joins, layers)
        if any(a not in (-1, b) for a, b in zip(expected, counted, strict=True)):
            self._is_other = True
        tap.table, tap.is_compiled, tap.join, tap.layer, tap.module, tap.seen = region.around
        tap.join += joins
        tap.layer += layers
        tap.module += modules

    # Hooks, for one measured step

    def _hook(self) -> None:
        modules = dict(modules_of(self._model))
        tap = self._tap
        for name in {b.site.owner for b in self._blocks if b.shortcut == "projection"}:
            if name and name in modules:
                owner = modules[name]
                enter = TracedHook(lambda _, args: tap.entered(args))
                leave = TracedHook(lambda *_: tap.left())
                self._handles.append(owner.register_forward_pre_hook(enter))
                self._handles.append(owner.register_forward_hook(leave))
        for name in {
            b.site.owner for b in self._blocks if b.kind == "plain" and not b.site.is_chain
        }:
            if name in modules:
                end = TracedHook(lambda _, args, output: tap.module_ended(args, output))
                self._handles.append(modules[name].register_forward_hook(end))
        for name, module in compiled_modules(self._model):
            self._handles += call_outside(module, partial(self._enter, name), self._leave)

    def _enter(self, name: str) -> None:
        if self._pass is not None:
            self._begin_region(name, is_compiled=True)

    def _leave(self) -> None:
        if self._pass is not None and len(self._regions) > 1:
            self._end_region()


def _is_placed(block: Block) -> bool:
    """Whether a compiler's trace can be told where a block is."""
    own = next((p for p in block.site.places if p.within == ""), None)
    if own is None:
        return False
    return block.kind == "plain" or (own.join >= 0 and block.site.operands.branch >= 0)


def _seen(block: Block, entry: Any) -> Seen | None:
    """The shapes of a block in a pass; None where they are not those of the block."""
    _, branch, fork, parts = entry
    shape = tuple(branch) + (1,) * (2 - len(branch))
    lead = len(shape) - 1 if block.sample_axis == "token" else 1
    known = block.branch_shape
    if known and (len(known) != len(shape) - lead or known[0] != shape[lead]):
        return None
    samples, width = math.prod(shape[:lead]), math.prod(shape[lead:])
    own = None
    if fork is not None:
        own = math.prod(fork) // max(1, samples)
    stream = width
    if parts is not None:
        stream = sum(math.prod(part) // max(1, samples) for part in parts)
    elif own is not None:
        stream = own
    return Seen(samples, stream, width, own, block.site.operands.mask >= 0)


def _fitting(present: torch.Tensor | None, shape: Any, block: Block) -> torch.Tensor | None:
    """The mask where it is one of this block's tokens (or rows), as one value a sample."""
    lead = len(shape) - 1 if block.sample_axis == "token" else 1
    if present is None or tuple(present.shape) != tuple(shape[:lead]):
        return None
    return present.reshape(-1)


def close(tap: OrderTap) -> None:
    """Takes a tap off this thread's function modes, also from under others."""
    if not any(mode is tap for mode in _get_current_function_mode_stack()):
        return
    above: list[Any] = []
    while (mode := _pop_mode()) is not tap:
        above.append(mode)
    for mode in reversed(above):
        _push_mode(mode)
