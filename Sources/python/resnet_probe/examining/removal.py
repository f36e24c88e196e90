"""Runs a network with blocks removed: where a block's branch joins, zeros join in its place.

The join then returns s(x), and what follows it (a ReLU, say) still runs. A plain block returns its
input. Joins are found by their number in the pass, which a function mode counts as the trace of the
untouched pass did.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

from resnet_probe.tracing import operations
from resnet_probe.tracing.places import LAYERS
from resnet_probe.tracing.tap import is_counter
from resnet_probe.tracing.trace import Trace, tensors_in

#: A join as it came up: its name and the shapes of what it joins.
Seen = tuple[str, tuple[tuple[int, ...], ...]]


class Misplaced(Exception):
    """A pass ran other operations than the untouched one; the message says how."""


@dataclass(frozen=True, slots=True)
class Spot:
    """Where one block is in the pass of one batch."""

    join: int = -1  # its number among the joins; -1: a plain block
    branch: int = -1  # which operand, or part of a concatenation, is the branch
    first_layer: int = -1  # of a plain block without a module of its own
    last_layer: int = -1
    module: str = ""  # of a plain block with one
    call: int = 0  # which of the module's calls


def is_counted(func: Callable[..., Any], args: Sequence[Any]) -> bool:
    """Whether an operation has a number among the joins."""
    return operations.name_of(func) in operations.JOINS and not is_counter(func, args)


class EvalTrace(Trace):
    """A trace that numbers every join, also within checkpoints, as `Removal` does."""

    def count(self, name: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> None:
        """Numbers the operation that is recorded next."""
        join = layer = -1
        if name in operations.JOINS:
            join = self._places.joins
            self._places.joins += 1
        if name in LAYERS:
            layer = self._places.layers
            self._places.layers += 1
        self._place = (join, layer)


class Removal(TorchFunctionMode):
    """One pass without the blocks at some spots; without any it only writes down what joins.

    `expected` is what joined in the untouched pass of the same batch.
    """

    def __init__(self, spots: Sequence[Spot] = (), expected: Sequence[Seen] | None = None) -> None:
        super().__init__()
        self.seen: list[Seen] = []
        self.layers = 0
        self._expected = expected
        self._joins = {spot.join: spot for spot in spots if spot.join >= 0}
        self._first = {spot.first_layer: spot for spot in spots if spot.first_layer >= 0}
        self._last = {spot.last_layer: spot for spot in spots if spot.first_layer >= 0}
        self._modules: dict[tuple[str, int], Spot] = {
            (spot.module, spot.call): spot
            for spot in spots
            if spot.join < 0 and spot.first_layer < 0
        }
        self._streams: dict[int, torch.Tensor] = {}
        self._calls: dict[str, int] = {}
        self._gone: list[torch.Tensor] = []  # new maps of dense blocks, which later layers join too
        self._wanted = len(spots)
        self._removed = 0

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        """Does the operation, or what is left of it."""
        kwargs = kwargs or {}
        name = operations.name_of(func)
        if name in operations.JOINS and is_counted(func, args):
            args, kwargs = self._joined(name, args, kwargs)
        elif name in LAYERS:
            return self._layered(func, args, kwargs)
        return func(*args, **kwargs)

    def _joined(self, name: str, args: Any, kwargs: Any) -> tuple[Any, Any]:
        number = len(self.seen)
        self.seen.append((name, _shapes(args, kwargs)))
        if self._expected is not None and (
            number >= len(self._expected) or self.seen[-1] != self._expected[number]
        ):
            raise Misplaced("its passes do not all run the same operations")
        spot = self._joins.get(number)
        is_list = name in operations.CATS
        if spot is not None:
            self._removed += 1
            if not is_list:
                return _without(spot, args, kwargs, is_in_place=name == "add_")
            self._gone.append(_parts(args, kwargs)[spot.branch])
        if is_list and self._gone:
            return self._cleared(args, kwargs)
        return args, kwargs

    def _cleared(self, args: Any, kwargs: Any) -> tuple[Any, Any]:
        """A concatenation with zeros in place of what is gone."""
        parts = [
            torch.zeros_like(part) if any(part is one for one in self._gone) else part
            for part in _parts(args, kwargs)
        ]
        return ((parts, *args[1:]), kwargs) if args else (args, {**kwargs, "tensors": parts})

    def _layered(self, func: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        layer = self.layers
        self.layers += 1
        first = self._first.get(layer)
        if first is not None:
            stream = args[0] if args else kwargs["input"]
            self._streams[first.last_layer] = stream.clone()
        result = func(*args, **kwargs)
        last = self._last.get(layer)
        if last is None:
            return result
        stream = self._streams.pop(layer)
        return self._instead(stream, result)

    def _instead(self, stream: torch.Tensor, result: Any) -> torch.Tensor:
        if not isinstance(result, torch.Tensor) or stream.shape != result.shape:
            raise Misplaced("what it returns has not the shape of its input")
        self._removed += 1
        return stream

    def hooks(self, modules: Mapping[str, torch.nn.Module]) -> list[Any]:
        """Makes plain blocks that are modules return their input; handles to be removed."""
        handles: list[Any] = []
        for name in {name for name, _ in self._modules}:
            module = modules.get(name)
            if module is None:
                raise Misplaced("its module is gone")
            streams: list[torch.Tensor | None] = []

            def enters(
                _: Any, args: Any, kwargs: Any, streams: list[Any] = streams, name: str = name
            ) -> None:
                call = self._calls.get(name, 0)
                self._calls[name] = call + 1
                is_here = (name, call) in self._modules
                streams.append(_stream_in(args, kwargs).clone() if is_here else None)

            def leaves(*given: Any, streams: list[Any] = streams) -> Any:
                stream = streams.pop()
                return None if stream is None else self._instead(stream, given[-1])

            handles += [
                module.register_forward_pre_hook(enters, with_kwargs=True),
                module.register_forward_hook(leaves),
            ]
        return handles

    def check(self) -> None:
        """After the pass.

        Raises:
            Misplaced: Where it ran other operations than the untouched one.
        """
        is_whole = self._expected is None or len(self._expected) == len(self.seen)
        if not is_whole or self._removed != self._wanted:
            raise Misplaced("its passes do not all run the same operations")


def run_without(
    call: Callable[[], Any], removal: Removal, modules: Mapping[str, torch.nn.Module]
) -> Any:
    """What a call of the network returns under a removal.

    Raises:
        Misplaced: Where the pass is not that of the trace.
    """
    handles = removal.hooks(modules)
    try:
        with removal:
            output = call()
    finally:
        for handle in handles:
            handle.remove()
    removal.check()
    return output


def _shapes(args: Any, kwargs: Any) -> tuple[tuple[int, ...], ...]:
    return tuple(tuple(tensor.shape) for tensor in tensors_in((args, kwargs), depth=3))


def _stream_in(args: Any, kwargs: Any) -> torch.Tensor:
    streams = [t for t in tensors_in((args, kwargs)) if t.is_floating_point() and t.ndim > 1]
    if len(streams) != 1:
        raise Misplaced("it takes more than one tensor")
    return streams[0]


def _parts(args: Any, kwargs: Any) -> list[torch.Tensor]:
    return list(args[0] if args else kwargs["tensors"])


def _without(spot: Spot, args: Any, kwargs: Any, *, is_in_place: bool) -> tuple[Any, Any]:
    """The arguments of a sum with zeros in the branch's place."""
    key = ("input", "other")[spot.branch]
    branch = args[spot.branch] if spot.branch < len(args) else kwargs[key]
    if spot.branch == 0 and is_in_place:
        branch.zero_()  # the sum is written there, and may be read there
        return args, kwargs
    zeros = torch.zeros_like(branch)
    if spot.branch < len(args):
        changed = list(args)
        changed[spot.branch] = zeros
        return tuple(changed), kwargs
    return args, {**kwargs, key: zeros}
