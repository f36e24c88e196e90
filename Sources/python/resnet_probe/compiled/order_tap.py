"""Sees the joins of blocks by their number in the pass; torch.compile traces through it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch
import torch._dynamo
from torch._dynamo.symbolic_convert import InstructionTranslator
from torch.overrides import TorchFunctionMode

from resnet_probe.compiled import observe, origin
from resnet_probe.compiled.buffers import Buffers
from resnet_probe.tracing.places import LAYERS, Place, is_joining
from resnet_probe.tracing.subgraphs import is_in_subgraph
from resnet_probe.training.compilation import is_compiler_awake, leave_uncompiled

_before_sum = torch._dynamo.allow_in_graph(observe.before_sum)
_after_sum = torch._dynamo.allow_in_graph(observe.after_sum)
_concatenation = torch._dynamo.allow_in_graph(observe.concatenation)
_plain = torch._dynamo.allow_in_graph(observe.plain)


_look = torch._dynamo.allow_in_graph(origin.look)
_is_own = torch._dynamo.assume_constant_result(origin.is_own)


@torch._dynamo.assume_constant_result  # type: ignore[untyped-decorator]
def _traces_subgraph() -> bool:
    """Asked while a compiler traces: whether what it traces becomes a graph inside the graph."""
    translator = InstructionTranslator.current_tx()
    return bool(translator.output.current_tracer.parent is not None)


def _is_apart() -> bool:
    if torch.compiler.is_dynamo_compiling():
        return bool(_traces_subgraph())
    return is_in_subgraph()


class Reading:
    """What traced code reads of one block, equal for blocks that share compiled code."""

    __slots__ = (
        "absorbed", "activation", "alpha", "axis", "block", "branch", "columns", "detail",
        "first_layer", "fork", "fork_layer", "forward", "gradient", "is_concat",
        "is_identity", "is_mask_inverted", "listens", "maps", "mask", "mask_scale",
    )  # fmt: skip

    def __init__(self, buffers: Buffers, place: Place, detail: str, maps: str) -> None:
        block = buffers.block
        self.block = block
        operands = block.site.operands
        is_identity = block.shortcut == "identity"
        self.forward = buffers.forward
        self.gradient = buffers.gradient
        self.columns = buffers.columns
        self.absorbed = buffers.absorbed
        self.axis = block.sample_axis
        self.activation = block.activation if is_identity else "identity"
        self.detail = detail
        self.is_concat = block.kind == "concat"
        self.branch = operands.branch
        self.mask = operands.mask
        self.is_mask_inverted = operands.is_mask_inverted
        self.mask_scale = operands.mask_scale
        self.alpha = operands.alpha
        is_projection = block.shortcut == "projection"
        self.fork = operands.fork if is_projection else -1
        self.fork_layer = place.fork_layer if is_projection and self.fork < 0 else -1
        self.first_layer = place.first_layer
        is_own = (is_identity and operands.is_fork_added) or block.kind == "plain"
        # Where a copy of the stream is added, the branch does not come from that.
        self.is_identity = is_identity and operands.is_fork_added
        self.listens = is_own and not block.site.has_other_readers
        self.maps = maps


@dataclass(slots=True)
class Table:
    """The blocks of one call of a module, by their number in it."""

    joins: dict[int, Reading] = field(default_factory=dict)
    masks: dict[int, Reading] = field(default_factory=dict)
    starts: dict[int, Reading] = field(default_factory=dict)  # of chains, by their first layer
    forks: dict[int, Reading] = field(default_factory=dict)  # by the layer that makes a stream
    ends: dict[int, Reading] = field(default_factory=dict)
    plain: Reading | None = None  # the plain block that the call itself is
    total: int = -1  # how many joining operations the call has; -1: they do not matter
    layers: int = -1  # and how many layers


_NONE = Table()


@dataclass(slots=True)
class Visit:
    """One call of a module that holds blocks: what the tap saw in it."""

    name: str
    call: int
    seen: list[Any]
    is_other: bool  # it ran other operations than when blocks were found
    is_empty: bool  # it ran none that are counted
    shape: Any  # of its first argument


class OrderTap(TorchFunctionMode):
    """Measures the blocks of `table` as their numbers come up.

    While it lies on the thread's function modes, `torch.compile` runs other graphs than without it
    (modes are among its guards): measured graphs and bare ones. Only what a compiler can trace
    stands here. `seen` takes the shapes of each block that was measured.
    """

    def __init__(self) -> None:
        super().__init__()
        self.tables: dict[tuple[str, int], Table] = {}
        self.calls: dict[str, int] = {}
        self.visits: list[Visit] = []
        self.present: torch.Tensor | None = None
        self.around: list[Any] = []  # the regions that the one under way is in
        self.table = _NONE
        self.name, self.call = "", 0
        self.is_compiled = False  # whether the region under way is
        self.join = self.layer = 0
        self.args: Any = ()  # of the region's call
        self.seen: list[Any] = []
        self.is_strange = False  # whether another branch stood at a block's number
        self.is_blind = False  # whether operations ran that nobody numbered
        self.unmasked: list[torch.Tensor] = []  # F and its mask, until the join
        self.streams: dict[int, torch.Tensor] = {}  # of chains and projections, by their layer

    def begin(self, tables: dict[tuple[str, int], Table], present: torch.Tensor | None) -> None:
        """Forgets the pass before."""
        self.tables, self.present = tables, present
        self.calls, self.visits, self.around = {}, [], []
        self.is_blind = False
        self.unmasked, self.streams = [], {}

    def enter(self, name: str, args: Any, *, is_compiled: bool = False) -> None:
        """A module begins that holds blocks: a region, in which operations are numbered anew.

        So equal modules are equal to a compiler. `is_compiled`: it is compiled by itself.
        """
        if _is_apart():
            return
        self.around.append(
            (self.table, self.name, self.call, self.is_compiled, self.join, self.layer, self.args,
             self.seen, self.is_strange)
        )  # fmt: skip
        call = self.calls.get(name, 0)
        self.calls[name] = call + 1
        self.table = self.tables.get((name, call), _NONE)
        self.name, self.call = name, call
        self.is_compiled = self.is_compiled or is_compiled
        self.join = self.layer = 0
        self.args = args
        self.seen = []
        self.is_strange = False

    def leave(self, output: Any) -> None:
        """It ended."""
        if _is_apart() or len(self.around) == 0:
            return
        table = self.table
        if table.plain is not None and isinstance(output, torch.Tensor):
            streams = [
                a for a in self.args if isinstance(a, torch.Tensor) and a.is_floating_point()
            ]
            if len(streams) == 1:
                self._plain("plain", table.plain, streams[0], output)
        is_other = (
            self.is_strange
            or (table.total >= 0 and table.total != self.join)
            or (table.layers >= 0 and table.layers != self.layer)
        )
        shapes = [a.shape for a in self.args if isinstance(a, torch.Tensor)]
        shape = shapes[0] if len(shapes) > 0 else None
        is_empty = self.join == 0 and self.layer == 0
        self.visits.append(Visit(self.name, self.call, self.seen, is_other, is_empty, shape))
        join, layer = self.join, self.layer
        around = self.around.pop()
        self.table, self.name, self.call, self.is_compiled = (
            around[0],
            around[1],
            around[2],
            around[3],
        )
        self.join, self.layer = around[4] + join, around[5] + layer
        self.args, self.seen, self.is_strange = around[6], around[7], around[8]

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Does the operation; measures before and after it."""
        kwargs = kwargs or {}
        name = getattr(func, "__name__", "")
        if not torch.compiler.is_dynamo_compiling() and self._runs_graph():
            if is_joining(name, args):
                self.is_blind = True  # a graph of the backend "eager", or no graph at all
            return func(*args, **kwargs)
        if (is_joining(name, args) or name in LAYERS) and _is_apart():
            return func(*args, **kwargs)
        if is_joining(name, args):
            join = self.join
            self.join = join + 1
            if join in self.table.masks:
                self._mask(self.table.masks[join], args)
            elif join in self.table.joins:
                return self._joined(join, self.table.joins[join], func, args, kwargs)
        if name in LAYERS:
            return self._layer(func, args, kwargs)
        return func(*args, **kwargs)

    def _runs_graph(self) -> bool:
        """Whether the operation is a compiled graph's, which measures itself, or the compiler's."""
        if torch.compiler.is_compiling():
            return True
        return self.is_compiled and not is_compiler_awake()

    def _mask(self, reading: Reading, args: Any) -> None:
        mask = args[reading.mask]
        branch = args[1] if reading.mask == 0 else args[0]
        self.unmasked = [branch.clone(), mask.logical_not() if reading.is_mask_inverted else mask]

    def _joined(self, join: int, reading: Reading, func: Any, args: Any, kwargs: Any) -> Any:
        mask = None
        if reading.is_concat:
            parts = list(args[0])
            new = parts.pop(reading.branch)
            if not self._is_block(new, parts, reading):
                return func(*args, **kwargs)
            _concatenation(
                new, parts, reading.forward, reading.gradient, reading.axis, reading.detail
            )
            self.seen.append((join, new.shape, None, [part.shape for part in parts]))
            return func(*args, **kwargs)
        branch, stream = args[reading.branch], args[1 - reading.branch]
        if reading.alpha != 1:
            branch = branch * reading.alpha
        if reading.mask >= 0 and len(self.unmasked) == 2:
            unmasked, mask = self.unmasked
            self.unmasked = []
            if reading.mask_scale != 1:
                mask = mask * reading.mask_scale
                branch = branch / torch.where(mask != 0, mask, torch.ones_like(mask))
            else:
                branch = unmasked
        streams = [stream] if reading.is_identity else []
        if branch.shape != stream.shape or not self._is_block(branch, streams, reading):
            self.is_strange = True
            return func(*args, **kwargs)
        fork = None
        if 0 <= reading.fork < len(self.args):
            fork = self.args[reading.fork]
        elif reading.fork_layer in self.streams:
            fork = self.streams.pop(reading.fork_layer)
        _before_sum(
            stream, branch, mask, fork, self.present, reading.forward, reading.columns,
            reading.absorbed, reading.gradient, reading.axis, reading.activation, reading.detail,
            reading.listens, reading.maps,
        )  # fmt: skip
        self.seen.append((join, branch.shape, None if fork is None else fork.shape, None))
        result = func(*args, **kwargs)
        _after_sum(result, reading.gradient, reading.axis)
        return result

    def _is_block(self, branch: Any, streams: Any, reading: Reading) -> bool:
        """Whether a branch is the block's that is to be here, as far as gradients tell."""
        if not torch.compiler.is_dynamo_compiling():
            return True
        _look(branch, streams, reading.forward)
        if _is_own():
            return True
        self.is_strange = True
        return False

    def _layer(self, func: Any, args: Any, kwargs: Any) -> Any:
        layer = self.layer
        self.layer = layer + 1
        if layer in self.table.starts:
            self.streams[layer] = args[0]
        result = func(*args, **kwargs)
        if layer in self.table.forks:
            self.streams[layer] = result
        if layer in self.table.ends:
            reading = self.table.ends[layer]
            stream = self.streams.pop(reading.first_layer)
            self._plain(("layer", layer), reading, stream, result)
        return result

    def _plain(self, key: Any, reading: Reading, stream: Any, output: Any) -> None:
        if not self._is_block(output, [stream], reading):
            return
        _plain(
            stream, output, self.present, reading.forward, reading.columns, reading.gradient,
            reading.axis, reading.detail, reading.listens, reading.maps,
        )  # fmt: skip
        self.seen.append((key, output.shape, None, None))


for _inlined in (
    OrderTap.__torch_function__, OrderTap._runs_graph, OrderTap._mask, OrderTap._joined,
    OrderTap._layer, OrderTap._plain,
    is_joining, _is_apart,
):  # fmt: skip
    leave_uncompiled(_inlined)
for _whole in (
    observe.before_sum, observe.after_sum, observe.concatenation, observe.plain, is_in_subgraph,
    OrderTap.enter, OrderTap.leave,
):  # fmt: skip
    leave_uncompiled(_whole, with_callees=True)
