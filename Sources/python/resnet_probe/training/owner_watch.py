"""The modules that hold blocks, watched through one measured step."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from types import FrameType
from typing import Any

import torch

from resnet_probe.blocks import Block
from resnet_probe.inert import Hook
from resnet_probe.measuring.sites import Sites, is_in_backward
from resnet_probe.names import modules_of
from resnet_probe.tracing.fast_paths import FastPaths
from resnet_probe.tracing.tap import Tap, call_frame, close, is_running, open_tap
from resnet_probe.tracing.trace import Trace, tensors_in
from resnet_probe.training.guard import Guard


@dataclass(slots=True)
class _Entry:
    """The call of a module that holds blocks."""

    module: torch.nn.Module
    plain: list[tuple[Block, torch.Tensor, int]]  # with the stream and its version
    records: int  # of the pass, when it began
    shape: tuple[int, ...]  # of its first argument
    unknown_joins: int  # of the step, when it began


@dataclass(slots=True)
class _Opening:
    """The tap that is open in a thread, and the owners inside which it is.

    `within` is the frame of the outermost owner's call.
    """

    within: FrameType | None = None
    tap: Tap | None = None
    depth: int = 0
    entries: list[_Entry] = field(default_factory=list)


class _Openings(threading.local):
    opening: _Opening | None = None


class OwnerWatch:
    """Hooks on the modules in whose forward blocks are, from `install` to `remove`.

    A tap is open while any of them runs. `is_under_way` tells whether a measured pass of this thread
    has begun and not ended.
    """

    def __init__(
        self, model: torch.nn.Module, guard: Guard, is_under_way: Callable[[], bool]
    ) -> None:
        self._model = model
        self._guard = guard
        self._is_under_way = is_under_way
        self._sites: Sites | None = None
        self._names: dict[int, str] = {}
        self._openings = _Openings()
        self._handles: list[Any] = []
        self._fast_paths: FastPaths | None = None
        self.strangers: set[str] = set()  # blocks that ran with other parameters than known

    def install(self, sites: Sites) -> None:
        """Watches the owners of some blocks."""
        self._sites = sites
        modules = dict(modules_of(self._model))
        for name in sites.by_owner:
            module = modules.get(name)
            if module is None or module is self._model:
                continue
            pre = module.register_forward_pre_hook(Hook(self._before), with_kwargs=True)
            post = module.register_forward_hook(Hook(self._after), always_call=True)
            self._handles += [pre, post]
        self._names = {id(module): name for name, module in modules.items()}
        self._fast_paths = FastPaths(self._model, self._open_tap, self._guard, Hook)

    def remove(self) -> None:
        """Takes the hooks away."""
        self._sites = None
        for handle in self._handles:
            handle.remove()
        self._handles = []
        if self._fast_paths is not None:
            self._fast_paths.remove()
            self._fast_paths = None

    def release(self, nothing: torch.nn.Module) -> None:
        """Lets go of the network."""
        self._model = nothing
        self._names = {}

    def close(self) -> None:
        """Closes the tap that is open in this thread."""
        opening, self._openings.opening = self._openings.opening, None
        if opening is not None and opening.tap is not None:
            close(opening.tap)

    def _open_tap(self) -> Tap | None:
        opening = self._openings.opening
        return opening.tap if opening is not None else None

    def _before(self, module: torch.nn.Module, args: Any, kwargs: Any) -> None:
        if self._is_under_way() or is_in_backward():
            self._guard(self.enter, module, args, kwargs)

    def enter(self, module: torch.nn.Module, args: Any, kwargs: Any) -> None:
        """A module's call begins."""
        sites = self._sites
        name = self._names.get(id(module))
        if sites is None or name is None:
            return
        opening = self._openings.opening
        if opening is not None and opening.within is not None and not is_running(opening.within):
            self.close()  # an interrupt left it
            opening = None
        if opening is None:
            opening = self._openings.opening = _Opening(call_frame())
        plain = []
        tensors = tensors_in((args, kwargs))
        floating = [t for t in tensors if t.is_floating_point() and t.ndim > 1]
        for block in sites.by_owner[name]:
            if block.kind == "plain" and not block.site.is_chain and len(floating) == 1:
                plain.append((block, floating[0], floating[0]._version))
        records = len(sites.current.records) if sites.current is not None else 0
        shape = next((tuple(tensor.shape) for tensor in tensors if tensor.ndim), ())
        opening.entries.append(_Entry(module, plain, records, shape, sites.unknown_joins))
        sites.running.append(name)
        if sites.traces(name):
            if opening.tap is None:
                trace = Trace(sites.parameters)
                opening.tap = Tap(
                    trace, sites, self._guard, sees_chains=sites.sees_chains(),
                    within=opening.within,
                )  # fmt: skip
                open_tap(opening.tap)
            opening.depth += 1
            for tensor in tensors:
                opening.tap.trace.add_input(tensor)

    def _after(self, module: torch.nn.Module, args: Any, output: Any) -> None:
        if self._openings.opening is not None:
            self._guard(self.leave, module, output)

    def leave(self, module: torch.nn.Module, output: Any) -> None:
        """It ended, with None where it raised."""
        opening, sites = self._openings.opening, self._sites
        if opening is None or not any(entry.module is module for entry in opening.entries):
            return
        entry = opening.entries.pop()
        while entry.module is not module:
            self._leave_tap(opening, entry.module)
            entry = opening.entries.pop()
        if sites is not None:
            del sites.running[len(opening.entries) :]
        name = self._names.get(id(module), "")
        trace = opening.tap.trace if opening.tap is not None else None
        is_settled = sites.settle(name, trace, output) if sites is not None else False
        self._leave_tap(opening, module)
        if not opening.entries:
            self._openings.opening = None
        if sites is None or output is None:
            return
        for block, stream, version in entry.plain:
            if isinstance(output, torch.Tensor) and stream._version == version:
                sites.plain_module(block, stream, output)
        if sites.unknown_joins == entry.unknown_joins:
            if module is not self._model:
                sites.skipped(name, entry.records, entry.shape)
        elif not is_settled and sites.lacks(name, entry.records):
            self.strangers.update(block.name for block in sites.by_owner[name])

    def _leave_tap(self, opening: _Opening, module: torch.nn.Module) -> None:
        sites = self._sites
        name = self._names.get(id(module))
        if opening.tap is None or sites is None or name is None or not sites.traces(name):
            return
        opening.depth -= 1
        if opening.depth == 0:
            tap, opening.tap = opening.tap, None
            tap.end()
            close(tap)
            tap.trace.release()
            sites.forget_trace()
