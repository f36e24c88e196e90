"""Sees the tensors of blocks while a network runs: the recorder's only place inside the forward."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from types import FrameType
from typing import Any

import torch
from torch.overrides import (
    TorchFunctionMode,
    _get_current_function_mode_stack,
    _pop_mode,
    _push_mode,
)

from resnet_probe.tracing import operations
from resnet_probe.tracing.chain import Chains
from resnet_probe.tracing.junction import Junction, Unclear, join_of_cat, join_of_sum
from resnet_probe.tracing.listener import Join, Listener
from resnet_probe.tracing.trace import Trace


class Tap(TorchFunctionMode):
    """Traces operations between `open` and `close` and tells a listener where blocks join.

    `guard` calls a function and keeps its exceptions from the network; operations themselves are
    never guarded. Belongs to the thread that opened it. `within` is the frame of the module's call:
    an interrupt leaves it without a hook that could close the tap, which then sees nothing any
    more, holds nothing, and is taken off with the next pass or the probe's end.
    """

    def __init__(
        self, trace: Trace, listener: Listener, guard: Callable[..., Any], *, sees_chains: bool,
        within: FrameType | None = None,
    ) -> None:  # fmt: skip
        super().__init__()
        self.trace = trace
        self._within = within
        self._is_left = False
        self._listener = listener
        self._guard = guard
        self._chains = Chains(trace, listener) if sees_chains else None

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        """Does the operation, and looks at it before and after."""
        kwargs = kwargs or {}
        if torch.compiler.is_compiling() or self._is_left or not self._is_within():
            return func(*args, **kwargs)
        if is_counter(func, args):
            return func(*args, **kwargs)
        join = None
        if self._chains is not None or operations.name_of(func) in operations.JOINS:
            join = self._guard(self._before, func, args, kwargs)
        result = func(*args, **kwargs)
        self._guard(self._after, func, args, kwargs, result, join)
        return result

    def _is_within(self) -> bool:
        """Whether the module's call still runs; lets go of everything where it does not."""
        if self._within is None or is_running(self._within):
            return True
        self.leave()
        return False

    def leave(self) -> None:
        """Does nothing more, and lets go of everything; the frame holds what holds the tap."""
        self._is_left, self._within = True, None
        self.trace, self._listener, self._chains = Trace({}), Listener(), None

    def end(self) -> None:
        """Ends what is still under way, before the tap is closed."""
        if self._chains is not None:
            self._guard(self._chains.end)

    def _before(
        self, func: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]
    ) -> Join | None:
        name = operations.name_of(func)
        if self._chains is not None:
            self._chains.before(name, args, kwargs)
        if name in operations.ADDS:
            join = self._before_sum(name, args, kwargs)
        elif name in operations.CATS:
            join = self._before_cat(name, args, kwargs)
        else:
            return None
        if join is not None:
            join.taken = self._listener.before_join(self.trace, join)
        return join

    def _before_sum(self, name: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Join | None:
        first = args[0] if args else kwargs.get("input")
        second = args[1] if len(args) > 1 else kwargs.get("other")
        if not (isinstance(first, torch.Tensor) and isinstance(second, torch.Tensor)):
            return None
        if first.shape != second.shape or first.ndim < 2 or not first.is_floating_point():
            return None
        nodes = self.trace.node(first), self.trace.node(second)
        if nodes[0] is None or nodes[1] is None or not second.is_floating_point():
            return None
        needs_maps = not self._listener.is_declared(self.trace)
        junction = join_of_sum(self.trace, nodes[0], nodes[1], needs_maps=needs_maps)
        alpha = kwargs.get("alpha", 1)
        if isinstance(junction, Unclear):
            self._listener.unclear(self.trace, first, junction)
            return None
        if junction is None:
            return None
        is_second = junction.branch_node == nodes[1].index
        operands = (first, second) if is_second else (second, first)
        overwrites = None if name == "add" else int(not is_second)
        junction.branch_operand = int(is_second)
        junction.is_fork_added = junction.forks[0] == (nodes[0] if is_second else nodes[1]).index
        if alpha != 1 and not isinstance(alpha, (int, float)):
            return None
        if alpha != 1 and not is_second:  # F + αx: the shortcut is no longer the stream itself
            junction.shortcut = "projection"
            junction.branch_operand = -1
            with torch.no_grad():
                operands = (operands[0].detach() * alpha, operands[1])
            alpha = 1
        junction.alpha = float(alpha)
        return self._join(name, junction, operands, float(alpha), overwrites)

    def _before_cat(self, name: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Join | None:
        parts = args[0] if args else kwargs.get("tensors")
        dimension = args[1] if len(args) > 1 else kwargs.get("dim", kwargs.get("axis", 0))
        if not isinstance(parts, (list, tuple)) or dimension in (0, "N"):
            return None
        known = [(part, self.trace.node(part)) for part in parts]
        nodes = [node for _, node in known if node is not None]
        if len(nodes) < len(known) or any(part.ndim < 2 for part in parts):
            return None
        junction = join_of_cat(self.trace, nodes)
        if junction is None:
            return None
        places = [node.index for node in nodes if node is not None]
        junction.branch_operand = places.index(junction.branch_node)
        by_index = {node.index: part for part, node in known if node is not None}
        operands = (*(by_index[fork] for fork in junction.forks), by_index[junction.branch_node])
        return self._join(name, junction, operands, 1.0, None)

    def _join(
        self, name: str, junction: Junction, operands: tuple[torch.Tensor, ...], scale: float,
        overwrites: int | None,
    ) -> Join:  # fmt: skip
        mask = unmasked = None
        masked = junction.ending.mask_node
        if masked is not None:
            node = self.trace.nodes[masked]
            mask = node.random
            scale_beside = junction.ending.mask_scale
            if scale_beside != 1 and mask is not None:
                with torch.no_grad():
                    mask = mask.detach() * scale_beside
            elif masked == junction.branch_node:
                unmasked = node.unscaled
        fork = self.trace.nodes[junction.forks[0]].reference()
        if fork is not None and self.trace.node(fork) is not self.trace.nodes[junction.forks[0]]:
            fork = None  # the tensor was overwritten since
        junction.is_fork_whole = fork is not None
        return Join(junction, operands, name, mask, unmasked, fork, scale, overwrites)

    def _after(
        self, func: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any],
        result: Any, join: Join | None,
    ) -> None:  # fmt: skip
        name = operations.name_of(func)
        self.trace.count(name, args, kwargs)
        self.trace.record(func, args, kwargs, result)
        if not self.trace.nodes:
            return
        newest = self.trace.nodes[-1]
        is_newest = isinstance(result, torch.Tensor) and newest.reference() is result
        if join is not None and join.taken is not None:
            self._listener.after_join(self.trace, join, result)
        elif name in operations.RELUS and is_newest and newest.parents:
            self._listener.relu(self.trace, newest.parents[0], result)
        if self._chains is not None and is_newest:
            self._chains.after(name, newest, result)


def is_counter(func: Callable[..., Any], args: Sequence[Any]) -> bool:
    """Whether a number is added to whole numbers in place: a batch norm counts its batches."""
    return (
        operations.name_of(func) == "add_"
        and len(args) == 2
        and isinstance(args[1], int)
        and not args[0].is_floating_point()
    )


def open_tap(tap: Tap) -> None:
    """Puts a tap on this thread's function modes."""
    tap.__enter__()  # type: ignore[no-untyped-call]


def call_frame() -> FrameType | None:
    """The frame of the module's call that a hook was called from."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and frame.f_code.co_name != "_call_impl":
        frame = frame.f_back
    return frame


def is_running(call: FrameType) -> bool:
    """Whether a call of this thread has not ended."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        if frame is call:
            return True
        frame = frame.f_back
    return False


def close(tap: Tap) -> None:
    """Takes a tap off this thread's function modes, for good."""
    tap.leave()
    close_for_now(tap)


def close_for_now(tap: Tap) -> bool:
    """Takes a tap off, to be put on again, also from under other modes; whether it was on."""
    stack = _get_current_function_mode_stack()
    if not any(mode is tap for mode in stack):
        return False
    above: list[Any] = []
    while (mode := _pop_mode()) is not tap:
        above.append(mode)
    for mode in reversed(above):
        _push_mode(mode)
    return True
