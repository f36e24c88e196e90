"""Which part of a LightningModule is the network: the one that its training step calls."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from resnet_probe.inert import Hook
from resnet_probe.training.compilation import is_compiled_in_place
from resnet_probe.training.steps import FirstRun, closure_in, with_closure
from resnet_probe.training.wrapped import is_redirected


@dataclass(slots=True)
class Update:
    """An optimizer's step that runs forward and backward itself, in a closure."""

    optimizer: torch.optim.Optimizer
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    closure_ended: Callable[[], object] | None = None
    """To be called when the closure has run."""


@dataclass(frozen=True, slots=True)
class Call:
    """The call that is under way, and the update whose closure makes it."""

    module: torch.nn.Module
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    update: Update | None


class CalledNetwork:
    """Waits for the first training forward of a module's largest part, or of the module itself.

    A part is the network when it holds at least as many of the trained parameters as any part
    beside it. Hooks stay until it is found or `give_up` is called.
    """

    def __init__(
        self, whole: torch.nn.Module, optimizers: Sequence[torch.optim.Optimizer],
        found: Callable[[torch.nn.Module, Call], object],
    ) -> None:  # fmt: skip
        """Call `found` when the network's forward begins; `optimizers` train the module's parts."""
        self._found = found
        self._update: Update | None = None
        self._parts = dict(whole.named_modules())
        self._names = {id(part): name for name, part in self._parts.items()}
        ids = {id(p) for one in optimizers for group in one.param_groups for p in group["params"]}
        self._sizes = {
            name: sum(p.numel() for p in part.parameters() if id(p) in ids and p.requires_grad)
            for name, part in self._parts.items()
        }
        self._called: list[tuple[str, torch.nn.Module]] = []
        self._handles: list[Any] = [
            part.register_forward_pre_hook(Hook(self._begins), with_kwargs=True)
            for name, part in self._parts.items()
            if self._sizes[name]
        ]
        for optimizer in optimizers:
            self._handles.append(optimizer.register_step_pre_hook(Hook(self._step_begins)))
            self._handles.append(optimizer.register_step_post_hook(Hook(self._step_ends)))

    def compiled_part(self) -> torch.nn.Module | None:
        """The part whose compiled call calls no hooks of ours, where that is the network."""
        compiled = [name for name, part in self._parts.items() if is_compiled_in_place(part)]
        name = max(compiled, key=lambda name: self._sizes[name], default=None)
        return self._parts[name] if name is not None and self._is_largest(name) else None

    def give_up(self) -> torch.nn.Module | None:
        """Takes the hooks away; the largest part that was called."""
        self._remove()
        if not self._called:
            return None
        return max(self._called, key=lambda called: self._sizes[called[0]])[1]

    def _begins(self, part: torch.nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        name = self._names.get(id(part))
        if name is None or not self._handles or not part.training or not torch.is_grad_enabled():
            return
        if is_redirected(part) or any(_is_within(name, other) for other, _ in self._called):
            return
        if not self._is_largest(name):
            self._called.append((name, part))
            return
        self._remove()
        self._found(part, Call(part, args, kwargs, self._update))

    def _step_begins(
        self, optimizer: torch.optim.Optimizer, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]] | None:
        closure = closure_in(args, kwargs)
        if closure is None:
            return None
        update = self._update = Update(optimizer, args, kwargs)

        def ended() -> None:
            if update.closure_ended is not None:
                update.closure_ended()

        return with_closure(FirstRun(closure, ended), args, kwargs)

    def _step_ends(self, optimizer: torch.optim.Optimizer, _args: object, _kwargs: object) -> None:
        self._update = None

    def _is_largest(self, name: str) -> bool:
        """Whether no part beside this one is larger."""
        return self._sizes[name] > 0 and not any(
            size > self._sizes[name]
            for other, size in self._sizes.items()
            if not _is_within(name, other) and not _is_within(other, name)
        )

    def _remove(self) -> None:
        for handle in self._handles:
            handle.remove()
        self._handles = []


def _is_within(name: str, other: str) -> bool:
    """Whether a module's path is another's or lies below it."""
    return not other or name == other or name.startswith(other + ".")
