"""Where training steps begin and end, told by the optimizers: no line in the training loop."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from functools import partial
from types import FrameType
from typing import TYPE_CHECKING, Any, Protocol, cast

import torch
from torch import Tensor
from torch.optim import Optimizer

from resnet_probe.inert import Hook
from resnet_probe.notices import Notices
from resnet_probe.training.scaled_step import ScaledStep

if TYPE_CHECKING:
    from torch.amp import GradScaler


class UpdateObserver(Protocol):
    """Told about every update of the watched optimizers, in the training thread.

    Nothing that conforms may synchronise a GPU.
    """

    def update_begins(
        self,
        optimizer: Optimizer,
        *,
        scale: Tensor | None,
        gradient_scale: Tensor | None,
        found_inf: Tensor | None,
        closure: bool,
    ) -> bool | None:
        """The optimizer is about to step; with a closure, whether to say when that has run.

        The tensors are scalars on the device; nothing changes them later.

        `scale`: what the loss of this step was multiplied by; None without an enabled scaler.
        `gradient_scale`: what `parameter.grad` is *still* multiplied by and fused optimizers
        divide by inside their step; None where gradients are as they will be applied.
        `found_inf`: above 0 where a fused optimizer will change nothing; None where nothing is
        decided inside the step.
        `closure`: the step runs forward and backward itself, perhaps many times; the gradients seen
        now are older.
        """

    def closure_ends(self, optimizer: Optimizer) -> None:
        """The closure of an optimizer's step returned for the first time in this step."""

    def update_ends(self, optimizer: Optimizer) -> None:
        """The optimizer has stepped. Not called for a step that raised."""

    def update_skipped(self, optimizer: Optimizer, *, scale: Tensor | None) -> None:
        """The scaler found a non-finite gradient and did not let the optimizer step."""


class UpdateWatch:
    """Hooks on optimizers, and on their gradient scaler, until `detach`.

    Holds the optimizers and the scaler. Every event goes through `guard`, so that no exception of
    an observer reaches training. Where a step raised, its `update_ends` is missing and the next
    `update_begins` follows.
    """

    def __init__(
        self,
        optimizers: Sequence[Optimizer],
        scaler: object,
        observer: UpdateObserver,
        guard: Callable[..., object],
    ) -> None:
        """Watch `optimizers`, and `scaler`, the gradient scaler that steps them, enabled or not.

        `guard(function, *args)` calls the function and keeps what it raises.
        A wrapper without hooks of its own (Accelerate's) is watched at the optimizer inside it; a
        wrapper of a gradient scaler (timm's) at the scaler inside it. TypeError for anything else.
        """
        self._observer = observer
        self._guard = guard
        self._open: set[int] = set()  # optimizers between update_begins and update_ends
        self._scaled: dict[int, bool] = {}  # optimizers inside scaler.step: has a step begun?
        self._handles: list[Any] = []
        self._watched: dict[int, Optimizer] = {}
        self._scaler = _scaler_within(scaler)
        self._scaled_step: ScaledStep | None = None
        for optimizer in [optimizer_within(outer) for outer in optimizers]:
            if id(optimizer) in self._watched:
                continue
            self._watched[id(optimizer)] = optimizer
            if not getattr(type(optimizer).step, "hooked", False):
                optimizer._patch_step_function()  # what its first zero_grad would do
            self._handles.append(optimizer.register_step_pre_hook(Hook(self._before)))
            self._handles.append(optimizer.register_step_post_hook(Hook(self._after)))
        if self._scaler is not None:
            self._scaled_step = ScaledStep(
                self._scaler,
                partial(guard, self._scaled_begins),
                partial(guard, self._scaled_ended),
                partial(guard, self._scaled_failed),
            )

    @property
    def optimizers(self) -> list[Optimizer]:
        """What is watched, without wrappers, each once."""
        return list(self._watched.values())

    def detach(self) -> None:
        """Give optimizers and scaler back as they were. Further calls do nothing."""
        for handle in self._handles:
            handle.remove()
        self._handles.clear()
        self._open.clear()
        self._scaled.clear()
        self._watched.clear()
        self._scaler = None
        if self._scaled_step is not None:
            self._scaled_step.remove()
            self._scaled_step = None

    def adopt(
        self, optimizer: Optimizer, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Callable[[], object] | None:
        """Takes in a step that began before it was watched: what to call when its closure has run."""
        told: list[FirstRun] = []
        self._guard(self._begins, optimizer, args, kwargs, told)
        return told[0].ended if told else None

    def _before(
        self, optimizer: Optimizer, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]] | None:
        told: list[FirstRun] = []
        self._guard(self._begins, optimizer, args, kwargs, told)
        return with_closure(told[0], args, kwargs) if told else None

    def _after(self, optimizer: Optimizer, _args: object, _kwargs: object) -> None:
        self._guard(self._ends, optimizer)

    def _begins(
        self, optimizer: Optimizer, args: tuple[Any, ...], kwargs: dict[str, Any],
        told: list[FirstRun],
    ) -> None:  # fmt: skip
        key = id(optimizer)
        if key in self._open and _steps_under_way(optimizer) > 1:
            return  # a subclass's step that calls its parent's: both have hooks
        self._open.add(key)
        if key in self._scaled:
            self._scaled[key] = True
        gradient_scale = _tensor(optimizer, "grad_scale")
        scale = self._scale(optimizer)
        closure = closure_in(args, kwargs)
        listens = self._observer.update_begins(
            optimizer,
            scale=gradient_scale if scale is None else scale,
            gradient_scale=gradient_scale,
            found_inf=_tensor(optimizer, "found_inf"),
            closure=closure is not None,
        )
        if closure is not None and listens:
            ends = partial(self._guard, self._observer.closure_ends, optimizer)
            told.append(FirstRun(closure, ends))

    def _ends(self, optimizer: Optimizer) -> None:
        if id(optimizer) in self._open:
            self._open.discard(id(optimizer))
            self._observer.update_ends(optimizer)

    def _scaled_begins(self, optimizer: object) -> None:
        if id(optimizer) in self._watched:
            self._scaled[id(optimizer)] = False

    def _scaled_ended(self, optimizer: object) -> None:
        key = id(optimizer)
        if self._scaled.get(key, True):
            self._scaled.pop(key, None)
            return
        scale = self._scale(optimizer)
        del self._scaled[key]
        self._observer.update_skipped(self._watched[key], scale=scale)

    def _scaled_failed(self, optimizer: object) -> None:
        self._scaled.pop(id(optimizer), None)

    def _scale(self, optimizer: object) -> Tensor | None:
        """A copy of the loss scale, which `update` changes in place.

        None where this optimizer steps past the scaler: not by `scaler.step` and not after
        `scaler.unscale_`.
        """
        scale = _tensor(self._scaler, "_scale")
        if scale is None:  # disabled, or nothing was scaled yet
            return None
        if id(optimizer) not in self._scaled:
            states = getattr(self._scaler, "_per_optimizer_states", {})
            if id(optimizer) not in states:
                return None
        return scale.detach().clone()


class FirstRun:
    """A closure that says when it returned for the first time; else as it was."""

    def __init__(self, closure: Callable[..., Any], ended: Callable[[], object]) -> None:
        self.closure = closure
        self.ended: Callable[[], object] | None = ended

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """What the closure answers."""
        answer = self.closure(*args, **kwargs)
        ended, self.ended = self.ended, None
        if ended is not None:
            ended()
        return answer


def closure_in(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Callable[..., Any] | None:
    """The closure among the arguments of `step`, the optimizer's own first."""
    given = (kwargs.get("closure"), *args[1:])
    return next((one for one in given if callable(one)), None)


def with_closure(
    run: FirstRun, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """The arguments of `step` with another closure in the closure's place."""
    if kwargs.get("closure") is run.closure:
        return args, {**kwargs, "closure": run}
    return tuple(run if one is run.closure else one for one in args), kwargs


def first_step(optimizers: Sequence[Optimizer]) -> int | None:
    """How many steps the optimizers have made by their own count.

    The largest `step` in their states. None where none is kept (SGD) or none was made. Counts on a
    device are read from it, which synchronises: for use outside training steps.
    """
    largest: int | None = None
    kept: dict[tuple[torch.device, torch.dtype], list[Tensor]] = {}
    for state in _states(optimizers):
        count = state.get("step")
        if isinstance(count, Tensor):
            if count.numel() == 1 and not count.is_meta:
                kept.setdefault((count.device, count.dtype), []).append(count.detach().reshape(()))
        elif isinstance(count, (int, float)):
            largest = max(largest or 0, int(count))
    for counts in kept.values():
        largest = max(largest or 0, int(torch.stack(counts).max()))
    return largest


def learning_rate(optimizers: Sequence[Optimizer]) -> float | Tensor | None:
    """The learning rate of the first group that has one.

    A copy on the device where it lies on one (capturable optimizers).
    Unit: change of a parameter per unit of the optimizer's direction.
    """
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            rate = group.get("lr")
            if isinstance(rate, Tensor):
                if rate.numel() != 1 or rate.is_meta:
                    continue
                rate = rate.detach().reshape(())
                return float(rate) if rate.device.type == "cpu" else rate.clone()
            if isinstance(rate, (int, float)):
                return float(rate)
    return None


def scaler_on_the_stack() -> object | None:
    """The gradient scaler whose `step` is calling, in this thread; None where none is."""
    frame: FrameType | None = sys._getframe(1)
    for _ in range(24):
        if frame is None:
            return None
        caller = frame.f_locals.get("self") if frame.f_code.co_name == "step" else None
        if type(caller).__name__.endswith("GradScaler"):
            return cast("object", caller)
        frame = frame.f_back
    return None


def _states(optimizers: Sequence[Optimizer]) -> list[dict[str, Any]]:
    found = []
    for outer in optimizers:
        states = optimizer_within(outer).state.values()
        found += [state for state in states if isinstance(state, dict)]
    return found


def optimizer_within(optimizer: Optimizer) -> Optimizer:
    """The first optimizer inside wrappers that has step hooks; TypeError where there is none."""
    within: object = optimizer
    while within is not None and "_optimizer_step_pre_hooks" not in getattr(within, "__dict__", {}):
        within = getattr(within, "optimizer", None)
    if within is None:
        raise TypeError(
            f"{type(optimizer).__name__} is no torch optimizer and has none as its `optimizer`; "
            "pass the torch optimizer itself"
        )
    return cast("Optimizer", within)


def _scaler_within(scaler: object) -> GradScaler | None:
    within = scaler if hasattr(scaler, "step") else getattr(scaler, "_scaler", None)
    if scaler is not None and within is None:
        raise TypeError(f"{type(scaler).__name__} is no gradient scaler: it has no `step`")
    return cast("GradScaler | None", within)


def _tensor(holder: object, name: str) -> Tensor | None:
    value = getattr(holder, name, None)
    return value if isinstance(value, Tensor) else None


def _steps_under_way(optimizer: Optimizer) -> int:
    """How many hooked `step` functions of this optimizer are on the stack of this thread."""
    count = 0
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        if frame.f_code.co_name == "wrapper" and frame.f_locals.get("self") is optimizer:
            count += 1
        frame = frame.f_back
    return count


def unknown_scale(notices: Notices) -> Tensor | None:
    """The scale of a gradient scaler that steps the optimizer and was not given to `attach`."""
    scaler = scaler_on_the_stack()
    scale = getattr(scaler, "_scale", None)
    if not isinstance(scale, Tensor):
        return None
    notices.say(
        "scaler",
        "a GradScaler steps the optimizer that attach was not given: its scale is divided out,"
        " but steps that it skips are not seen; give attach(scaler=…)",
    )
    return scale.detach().clone()
