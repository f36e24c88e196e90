"""Modules of torch that take another path while any function mode is on.

`MultiheadAttention` and the transformer's encoder, in eval mode and where no gradient is asked for,
run one fused operation, unless `torch.overrides.has_torch_function` says that somebody listens. A
tap would so change what the network computes in its last bits: it is taken off around them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch

from resnet_probe.tracing.tap import Tap, close_for_now, open_tap
from resnet_probe.tracing.trace import tensors_in

FAST = (
    torch.nn.MultiheadAttention,
    torch.nn.TransformerEncoderLayer,
    torch.nn.TransformerEncoder,
)


class FastPaths:
    """Hooks on such modules of a network that take the tap off and put it on again.

    `tap_of` is the tap that is open in this thread; `wrap` makes a function a hook.
    """

    def __init__(
        self, model: torch.nn.Module, tap_of: Callable[[], Tap | None], guard: Callable[..., Any],
        wrap: Callable[[Callable[..., Any]], Callable[..., Any]],
    ) -> None:  # fmt: skip
        self._tap_of = tap_of
        self._guard = guard
        self._paused: list[tuple[torch.nn.Module, Tap]] = []
        self._handles: list[Any] = []
        for module in model.modules():
            if isinstance(module, FAST) and not module.training:
                before, after = wrap(self._before), wrap(self._after)
                self._handles += [
                    module.register_forward_pre_hook(before, with_kwargs=True),
                    module.register_forward_hook(after, with_kwargs=True, always_call=True),
                ]

    def remove(self) -> None:
        """Takes the hooks away."""
        for handle in self._handles:
            handle.remove()
        self._handles = []

    def _before(self, module: torch.nn.Module, args: Any, kwargs: Any) -> None:
        self._guard(self._pause, module, args, kwargs)

    def _pause(self, module: torch.nn.Module, args: Any, kwargs: Any) -> None:
        tap = self._tap_of()
        if tap is not None and may_be_fused(module, args, kwargs) and close_for_now(tap):
            self._paused.append((module, tap))

    def _after(self, module: torch.nn.Module, args: Any, kwargs: Any, output: Any) -> None:
        self._guard(self._resume, module, args, kwargs, output)

    def _resume(self, module: torch.nn.Module, args: Any, kwargs: Any, output: Any) -> None:
        if not self._paused or self._paused[-1][0] is not module:
            return
        _, tap = self._paused.pop()
        open_tap(tap)
        parameters: Sequence[torch.Tensor] = list(module.parameters())
        tap.trace.record(opaque, [args, parameters], kwargs, output)


def may_be_fused(module: torch.nn.Module, args: Any, kwargs: Any) -> bool:
    """Whether a module may take its fused path: in eval mode and without gradients."""
    if module.training or not torch.is_grad_enabled():
        return not module.training
    tensors = (*tensors_in((args, kwargs)), *module.parameters())
    return not any(tensor.requires_grad for tensor in tensors)


def opaque() -> None:
    """Stands in a trace for what ran unseen; its name is what a trace reads."""
