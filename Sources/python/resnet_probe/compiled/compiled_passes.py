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
from resnet_probe.compiled import origin
from resnet_probe.compiled.buffers import Buffers, Seen
from resnet_probe.compiled.observe import shapes_of
from resnet_probe.compiled.order_tap import OrderTap, Reading, Table, Visit
from resnet_probe.inert import TracedHook
from resnet_probe.measuring.checkpoints import first_run
from resnet_probe.measuring.gradient_sums import GradientSums
from resnet_probe.measuring.passes import Pass, Record, samples_in
from resnet_probe.measuring.samples import Detail
from resnet_probe.names import modules_of, parameters_of
from resnet_probe.summary import first_names
from resnet_probe.tracing.trace import tensors_in
from resnet_probe.training.compilation import (
    OwnCode,
    call_outside,
    compiled_modules,
    leave_uncompiled,
)

#: Of compiled code that a checkpoint runs again, which must then save the same tensors.
IN_CHECKPOINT = (
    "compiled code within a checkpoint is left out: a checkpoint runs it again, and must find the very"
    " same code"
)


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
                f" within checkpoints, and are left out ({first_names(apart)})",
            )
        self._detail: Detail = detail
        self._say = say
        self._tap = OrderTap()
        self.own_code = OwnCode()
        self._suspended = 0  # how many compiled parts run that are left to themselves
        self._sets: list[dict[int, Buffers]] = []  # one for each micro-batch of a step
        self._used = 0
        self._handles: list[Any] = []
        self._pass: Pass | None = None
        self._growth: dict[int, float] = {}  # by block: of its samples beyond what was likely
        self._widths: dict[int, int] = {}  # by block: of its branch in the pass before
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
        self._pass, self._suspended = Pass(present), 0
        buffers = self._buffers_for(args, kwargs)
        if not self._handles:
            self._hook()
        tap = self._tap
        tap.begin(self._tables_for(buffers), present)
        self._expect(buffers)
        tap.enter("", (), is_compiled=is_whole)
        self.own_code.enter()
        _push_mode(tap)
        return self._pass

    def end(self, *, counts_absorbed: bool, is_whole: bool) -> None:
        """Ends it: the records of its blocks are what its buffers hold, if it ran to its end."""
        one, self._pass = self._pass, None
        self._close()
        if one is None or not is_whole:
            return
        self._tap.leave(None)
        gradients = [own.gradient for own in self._sets[self._used - 1].values()]
        one.backward_begins = partial(_reset, gradients, [g._version for g in gradients])
        if self._tap.is_blind and not any(visit.seen for visit in self._tap.visits):
            self._say(
                "uncompiled",
                "the compiled network ran uncompiled (torch gives up where code is compiled too often:"
                " torch._dynamo.config.recompile_limit), and such steps are left out",
            )
        buffers = self._sets[self._used - 1]
        for visit in self._tap.visits:
            table = self._tap.tables.get((visit.name, visit.call), Table())
            if visit.is_other and (
                visit.seen or (table.joins and not visit.is_empty and visit.name)
            ):
                self._say(
                    "other sums",
                    f"{visit.name or 'the network'} ran other operations in compiled code than when"
                    " its blocks were found, and is left out of such steps: parts that Python skips,"
                    " or that torch.compiler.disable leaves uncompiled, cannot be followed",
                )
                continue
            if not visit.seen and visit.is_empty and not self._tap.is_blind:
                self._note_skip(one, visit, table)
            for entry in visit.seen:
                self._note(one, table, entry, buffers, counts_absorbed=counts_absorbed)
        one.records.sort(key=lambda record: record.block.ordinal if record.block else -1)

    def _note(
        self, one: Pass, table: Table, entry: Any, buffers: dict[int, Buffers], *,
        counts_absorbed: bool,
    ) -> None:  # fmt: skip
        """The record of one block that was measured."""
        key = entry[0]
        if key == "plain":
            reading = table.plain
        else:
            reading = table.ends.get(key[1]) if isinstance(key, tuple) else table.joins.get(key)
        if reading is None:
            return
        block = reading.block
        own, seen = buffers[block.ordinal], _seen(block, entry)
        if seen is None or not self._fits(own, seen):
            return
        present = _fitting(one.present, entry[1], block)
        sums = own.sums(seen, present, counts_absorbed=counts_absorbed)
        one.records.append(Record(sums, CompiledGradient(own, seen), block))  # type: ignore[arg-type]

    @staticmethod
    def _note_skip(one: Pass, visit: Visit, table: Table) -> None:
        """A module ran whose only block did not join: its branch was skipped for the batch."""
        own = [reading.block for reading in table.joins.values()]
        is_one = len(own) == 1 and own[0].site.owner == visit.name and own[0].kind == "residual"
        if is_one and visit.name and visit.shape is not None:
            samples = samples_in(tuple(visit.shape), own[0])
            one.records.append(Record(None, None, own[0], samples=samples))

    def _expect(self, buffers: dict[int, Buffers]) -> None:
        """Tells which parameters each block's branch is to be made of."""
        named = dict(parameters_of(self._model))
        origin.expect(
            {
                id(own.forward): (
                    own.forward,
                    [p for n in own.block.site.parameters if (p := named.get(n)) is not None
                     and p.requires_grad],
                )
                for own in buffers.values()
            },
            list(named.values()),
        )  # fmt: skip

    def _close(self) -> None:
        close(self._tap)
        self.own_code.leave()

    def abandon(self) -> None:
        """Takes the tap off a pass that ended without a word."""
        self._close()
        self._pass = None

    def end_step(self) -> None:
        """Lets go of the step's hooks; the buffers can be written again."""
        self._used = 0
        for handle in self._handles:
            handle.remove()
        self._handles = []

    # Buffers

    def _buffers_for(self, args: Any, kwargs: Any) -> dict[int, Buffers]:
        tensors = tensors_in((args, kwargs))
        rows = max((t.shape[0] for t in tensors if t.ndim), default=1)
        inputs = sum(t.numel() for t in tensors)
        if self._used == len(self._sets):
            self._sets.append({})
        own = self._sets[self._used]
        self._used += 1
        for block in self._blocks:
            found = block.site.operands
            likely = found.samples * inputs / max(1, found.inputs)
            wanted = math.ceil(max(rows, likely) * self._growth.get(block.ordinal, 1.0))
            known = own.get(block.ordinal)
            width = self._widths.get(block.ordinal, math.prod(block.branch_shape))
            if known is None or known.capacity < wanted or known.width != width:
                own[block.ordinal] = self._new_buffers(block, wanted, width)
            else:
                known.begin()
        return own

    def _new_buffers(self, block: Block, capacity: int, width: int) -> Buffers:
        place = next((p for p in self._floats), torch.zeros(()))
        is_wide = any(p.dtype == torch.float64 for p in self._floats)
        wide = torch.float64 if is_wide else torch.float32
        device = place.device
        named = dict(parameters_of(self._model))
        for name in block.site.parameters:
            if name in named:
                device = named[name].device
                break
        return Buffers(block, self._detail, capacity, width, device, wide)

    def _fits(self, buffers: Buffers, seen: Seen) -> bool:
        """Whether the buffers had room; the next pass has buffers that fit where not."""
        ordinal = buffers.block.ordinal
        self._widths[ordinal] = seen.branch_width
        if seen.samples <= buffers.capacity:
            return True
        more = 1.25 * seen.samples / buffers.capacity
        self._growth[ordinal] = self._growth.get(ordinal, 1.0) * more
        return False

    # Regions, for one measured step

    def _tables_for(self, buffers: dict[int, Buffers]) -> dict[tuple[str, int], Table]:
        tables: defaultdict[tuple[str, int], Table] = defaultdict(Table)
        for block in self._blocks:
            maps = self._maps.get(block.ordinal, "unknown")
            for place in block.site.places:
                reading = Reading(buffers[block.ordinal], place, self._detail, maps)
                table = tables[place.within, place.call]
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
                elif place.within == block.site.owner:
                    table.plain = reading
        return dict(tables)

    def _hook(self) -> None:
        """Makes the modules regions that hold blocks, or are compiled by themselves."""
        modules = dict(modules_of(self._model))
        alone = dict(compiled_modules(self._model))
        for name, module in alone.items():
            enter = partial(self._enter, name)
            self._handles += call_outside(module, enter, self._leave, self._within)
        for name in {block.site.owner for block in self._blocks} - {"", *alone}:
            if name in modules:
                self._handles += _region(modules[name], name, self._tap)

    def _enter(self, name: str, args: Any) -> None:
        if self._pass is None:
            return
        if self._suspended or first_run() is not None:
            if not self._suspended:
                close(self._tap)
                self._say("checkpoint", f"{name}: {IN_CHECKPOINT}")
            self._suspended += 1
            return
        self._tap.enter(name, args, is_compiled=True)

    def _within(self) -> None:
        if not self._suspended:
            self.own_code.isolate()

    def _leave(self, output: Any) -> None:
        if self._pass is None:
            return
        if self._suspended:
            self._suspended -= 1
            if not self._suspended:
                _push_mode(self._tap)
        elif len(self._tap.around) > 1:
            self._tap.leave(output)


def _reset(buffers: list[torch.Tensor], versions: list[int], *_: torch.Tensor) -> None:
    """Lets a graph run backward once more, or late: it expects its buffers as its forward left them.

    A compiled graph keeps them as tensors that its backward pass needs, and that pass writes them.
    """
    torch._C._autograd._unsafe_set_version_counter(tuple(buffers), tuple(versions))


def _region(module: torch.nn.Module, name: str, tap: OrderTap) -> list[Any]:
    """Hooks that a compiler traces too."""

    def enters(_: torch.nn.Module, args: Any) -> None:
        tap.enter(name, args)

    def leaves(*given: Any) -> None:
        tap.leave(given[-1])

    for hook in (enters, leaves, TracedHook.__call__):
        leave_uncompiled(hook)
    return [
        module.register_forward_pre_hook(TracedHook(enters)),
        module.register_forward_hook(TracedHook(leaves)),
    ]


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
    if known and not is_like(known, shape[lead:]):
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


def is_like(known: tuple[int, ...], shape: tuple[int, ...]) -> bool:
    """Whether a branch is of a block's shape: images and sequences may be of another size."""
    same_rank = len(known) == len(shape)
    return same_rank and (known[:1] == shape[:1] or known[-1:] == shape[-1:])


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
