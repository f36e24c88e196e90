"""Where the passes of a network begin and end: the module whose call no compiler sees from inside."""

from __future__ import annotations

import gc
from collections.abc import Callable
from typing import Any

import torch

from resnet_probe.training.compilation import (
    CompiledCall,
    OutsideHook,
    has_compiled_forward,
    is_compiled_in_place,
    is_wrapper,
    outside_of,
    was_called_compiled,
)
from resnet_probe.training.wrapped import held_by, is_redirected

#: What is said where a network was compiled after attach and no hook on it runs any more.
HIDDEN = (
    "the network was compiled after attach in a way that hides its forward, and is recorded from the"
    " next step on: to record every step, attach to what torch.compile returned, or after"
    " model.compile()"
)


def entrance_of(model: torch.nn.Module) -> torch.nn.Module:
    """The module whose hooks run outside of compiled code, where a loop calls `model`.

    It stands at the innermost compiled module around the network or, where none is, is the network.
    """
    found = None
    while (held := held_by(model)) is not None:
        if is_wrapper(model):
            found = outside_of(model)
        elif is_compiled_in_place(model):
            found = model
        model = held
    return found if found is not None and not is_compiled_in_place(model) else model


def compiled_around(network: torch.nn.Module) -> torch.nn.Module | None:
    """The module that was compiled and calls a network, where one is.

    Complexity: looks at every object of the process.
    """
    if is_compiled_in_place(network):
        return network
    for thing in gc.get_objects():
        if not issubclass(type(thing), torch.nn.Module):  # not asked of weak proxies
            continue
        is_compiled = is_wrapper(thing) or is_compiled_in_place(thing)
        if is_compiled and any(module is network for module in thing.modules()):
            return outside_of(thing) if is_wrapper(thing) else thing
    return None


class Entrance:
    """Hooks on one module until `remove`; it can move to another.

    `begins(args, kwargs)` comes before each call, `ended(output)` after it, with None where the
    call raised; `within()` where compiled code begins, in a call that `begins` saw before.
    """

    def __init__(
        self, module: torch.nn.Module, begins: Callable[[Any, Any], Any],
        ended: Callable[[Any], Any], within: Callable[[], Any],
    ) -> None:  # fmt: skip
        self.module = module
        self.is_compiled = False  # whether the call that began last runs compiled
        #: Is told the keywords and the output of each call that trains.
        self.listener: Callable[[dict[str, Any], Any], object] | None = None
        self._keywords: dict[str, Any] | None = None  # of the call under way that trains
        self._begins = begins
        self._ended = ended
        self._within = within
        self._call: CompiledCall | None = None
        self._is_in_call = False
        self._handles: list[Any] = []
        self._open()

    def call_begins(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Takes a call that began before the hooks were there."""
        self._before(self.module, args, kwargs)

    def move(self, module: torch.nn.Module) -> None:
        """Takes another module's calls for the network's."""
        self.remove()
        self.module = module
        self._open()

    def remove(self) -> None:
        """Gives the module back as it was."""
        for handle in self._handles:
            handle.remove()
        self._handles = []
        if self._call is not None:
            self._call.remove()
            self._call = None

    def _open(self) -> None:
        if is_compiled_in_place(self.module):
            self._call = CompiledCall(self.module, self._call_begins, self._call_ended)
        pre = self.module.register_forward_pre_hook(OutsideHook(self._before), with_kwargs=True)
        post = self.module.register_forward_hook(OutsideHook(self._after), always_call=True)
        self._handles = [pre, post]

    def _before(self, module: torch.nn.Module, args: Any, kwargs: Any) -> None:
        if module is self.module and self._is_in_call:
            self._within()
        elif module is self.module and not is_redirected(module):
            self.is_compiled = (
                was_called_compiled() or is_wrapper(module) or has_compiled_forward(module)
            )
            self._note(kwargs)
            self._begins(args, kwargs)

    def _after(self, module: torch.nn.Module, args: Any, output: Any) -> None:
        if module is self.module and not self._is_in_call:
            self._ended(output)
            self._tell(output)

    def _call_begins(self, args: Any, kwargs: Any) -> None:
        self._is_in_call = self.is_compiled = True
        self._note(kwargs)
        self._begins(args, kwargs)

    def _call_ended(self, output: Any) -> None:
        try:
            self._ended(output)
            self._tell(output)
        finally:
            self._is_in_call = False

    def _note(self, kwargs: dict[str, Any]) -> None:
        if self.listener is not None:
            self._keywords = kwargs if self.module.training and torch.is_grad_enabled() else None

    def _tell(self, output: Any) -> None:
        keywords, self._keywords = self._keywords, None
        if keywords is not None and output is not None and self.listener is not None:
            self.listener(keywords, output)
