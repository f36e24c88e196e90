"""Where compiled code begins and ends, seen from outside of it.

`torch.compile(module)` runs the module's hooks outside of the graph, but with the compiler awake: it
would compile the hook. `module.compile()` compiles the hooks too, so that there the call itself is
wrapped.
"""

from __future__ import annotations

import sys
import threading
import weakref
from collections.abc import Callable, Mapping
from typing import Any, Literal

import torch

from resnet_probe.blocks import BlockMap
from resnet_probe.finding.find import found_in
from resnet_probe.inert import Hook
from resnet_probe.names import modules_of
from resnet_probe.notices import ProbeError

_frames: Any = getattr(getattr(torch._C, "_dynamo", None), "eval_frame", None)

#: Whether this torch has what compiled code is followed with.
CAN_FOLLOW = all(
    hasattr(_frames, name)
    for name in ("set_code_exec_strategy", "get_eval_frame_callback", "_FrameExecStrategy")
)


class OutsideHook(Hook[..., Any]):
    """A hook that runs outside of compiled code: the compiler neither traces nor compiles it.

    Where a compiler traces the call that it belongs to, it does nothing.
    """

    __slots__ = ("_disabled",)

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__(function)
        self._disabled: Callable[..., Any] | None = None

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Calls the function with the compiler asleep."""
        if torch.compiler.is_compiling():
            return None
        if not is_compiler_awake():
            return self._function(*args, **kwargs)
        if self._disabled is None:
            self._disabled = torch.compiler.disable(_noting(self._function))
        return self._disabled(*args, **kwargs)


def leave_uncompiled(function: Callable[..., Any], *, with_callees: bool = False) -> None:
    """Has the compiler leave the frames of a function as they are, or of what it calls too.

    Where the compiler traces a caller it still inlines the function.
    """
    if not CAN_FOLLOW:
        return
    action = _frames._FrameAction
    callees = action.SKIP if with_callees else action.DEFAULT
    _frames.set_code_exec_strategy(
        function.__code__, _frames._FrameExecStrategy(action.SKIP, callees)
    )


leave_uncompiled(OutsideHook.__call__)
# A collector may run these within a compiled call, which torch takes for code that it failed to compile.
_weak: tuple[Any, ...] = (
    weakref.WeakKeyDictionary(), weakref.WeakSet(), weakref.WeakValueDictionary(),
)  # fmt: skip
for _one in _weak:
    leave_uncompiled(_one._remove, with_callees=True)


class _Awake(threading.local):
    """Whether the hook that runs in this thread was called from within `torch.compile`."""

    is_so = False


_awake = _Awake()


def _noting(function: Callable[..., Any]) -> Callable[..., Any]:
    def noted(*args: Any, **kwargs: Any) -> Any:
        before, _awake.is_so = _awake.is_so, True
        try:
            return function(*args, **kwargs)
        finally:
            _awake.is_so = before

    return noted


def is_compiler_awake() -> bool:
    """Whether Python's frames are being compiled in this thread."""
    return CAN_FOLLOW and callable(_frames.get_eval_frame_callback())


leave_uncompiled(is_compiler_awake)


def was_called_compiled() -> bool:
    """Asked within an `OutsideHook`: whether what it belongs to runs compiled."""
    return _awake.is_so


class OwnCode:
    """Keeps the code that measured passes compile apart from what the network compiles by itself.

    Neither counts against the other's limit of recompilations, and passing the own one is no error.
    """

    #: How often code may be compiled anew in measured passes.
    LIMIT = 64

    def __init__(self) -> None:
        self._before: tuple[int, int] | None = None
        self._number: int | None = None

    def enter(self) -> None:
        """From here on, in this thread, compiled code is the recorder's."""
        config = torch._dynamo.config
        if self._number is None:
            numbers = getattr(torch._dynamo.eval_frame, "_next_isolate_recompiles_id", None)
            self._number = next(numbers) if numbers is not None else -1
        self.isolate()
        if self._before is None:
            self._before = (config.recompile_limit, config.accumulated_recompile_limit)
            config.recompile_limit = max(self.LIMIT, config.recompile_limit)
            config.accumulated_recompile_limit = max(1024, config.accumulated_recompile_limit)

    def isolate(self) -> None:
        """Once more, inside of what a compiled call set itself."""
        if self._number is not None and self._number >= 0:
            _frames.set_eval_frame_isolate_recompiles_id(self._number)

    def leave(self) -> None:
        """It is the network's again."""
        if self._before is not None:
            config = torch._dynamo.config
            config.recompile_limit, config.accumulated_recompile_limit = self._before
            self._before = None
        if self._number is not None and self._number >= 0:
            _frames.set_eval_frame_isolate_recompiles_id(-1)


class CompiledCall:
    """Stands in for what `module.compile()` made of a module's call, until `remove`.

    `begins(args, kwargs)` comes before it and `ended(output)` after it, None where it raised.
    """

    def __init__(
        self, module: torch.nn.Module, begins: Callable[[Any, Any], Any],
        ended: Callable[[Any], Any],
    ) -> None:  # fmt: skip
        self._module = module
        self._inner: Callable[..., Any] = module._compiled_call_impl  # type: ignore[assignment]
        self._begins = begins
        self._ended = ended
        self._is_on = True
        module._compiled_call_impl = self

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """The module's call."""
        if not self._is_on or torch.compiler.is_compiling():
            return self._inner(*args, **kwargs)
        self._begins(args, kwargs)
        output = None
        try:
            output = self._inner(*args, **kwargs)
        finally:
            self._ended(output)
        return output

    def remove(self) -> None:
        """Gives the module its call back, unless something else lies on it."""
        self._is_on = False
        if self._module.__dict__.get("_compiled_call_impl") is self:
            self._module._compiled_call_impl = self._inner


def is_wrapper(module: torch.nn.Module) -> bool:
    """Whether a module is what `torch.compile(module)` returns."""
    return type(module).__name__ == "OptimizedModule" and "_orig_mod" in module._modules


def is_compiled_in_place(module: torch.nn.Module) -> bool:
    """Whether `module.compile()` was called."""
    return module.__dict__.get("_compiled_call_impl") is not None


def has_compiled_forward(module: torch.nn.Module) -> bool:
    """Whether its `forward` was replaced by a compiled one."""
    return hasattr(module.__dict__.get("forward"), "_torchdynamo_orig_callable")


def has_own_forward(module: torch.nn.Module) -> bool:
    """Whether its forward is a user's: of torch's own modules the compiler compiles the hooks too."""
    forward = getattr(module.forward, "__func__", module.forward)
    return not str(getattr(forward, "__module__", "")).startswith("torch.")


def outside_of(wrapper: torch.nn.Module) -> torch.nn.Module:
    """What runs its hooks outside of compiled code: the module inside a wrapper, else the wrapper."""
    inside = wrapper._modules["_orig_mod"]
    assert inside is not None
    return inside if has_own_forward(inside) else wrapper


def compiled_modules(model: torch.nn.Module) -> list[tuple[str, torch.nn.Module]]:
    """What to watch of each part of a network that runs compiled when it is called from outside."""
    found = []
    inside: set[int] = set()
    for name, module in modules_of(model):
        if is_wrapper(module):
            found.append((name, outside_of(module)))
            inside.add(id(module._modules["_orig_mod"]))
        elif id(module) not in inside and (
            is_compiled_in_place(module) or has_compiled_forward(module)
        ):
            found.append((name, module))
    return found


def is_compiled_within(model: torch.nn.Module) -> bool:
    """Whether a network, or a part of it, runs compiled when it is called."""
    return any(
        is_wrapper(module) or is_compiled_in_place(module) or has_compiled_forward(module)
        for module in model.modules()
    )


def call_outside(
    module: torch.nn.Module,
    begins: Callable[[Any], Any],
    ended: Callable[[Any], Any],
    within: Callable[[], Any],
) -> list[Any]:
    """Tells of each call of a compiled module, from outside; returns what to `remove`.

    `begins(args)` comes before it, `within()` where its compiled code begins, `ended(output)` after.
    """
    if is_compiled_in_place(module):
        call = CompiledCall(module, lambda args, _: begins(args), ended)
        if not has_own_forward(module):
            return [call]
        return [call, module.register_forward_pre_hook(OutsideHook(lambda *_: within()))]

    def enters(_: torch.nn.Module, args: Any) -> None:
        begins(args)
        within()

    return [
        module.register_forward_pre_hook(OutsideHook(enters)),
        module.register_forward_hook(
            OutsideHook(lambda *given: ended(given[-1])), always_call=True
        ),
    ]


def has_compiled() -> bool:
    """Whether anything was compiled in this process, perhaps the forward that no hook saw."""
    utils = sys.modules.get("torch._dynamo.utils")
    counters = getattr(utils, "counters", {})
    return any(counters.get(kind) for kind in ("frames", "stats"))


def found_ahead(
    model: torch.nn.Module, args: Any, kwargs: Any, chosen: Mapping[str, str] | None,
    sample: Literal["row", "token"] | None, say: Callable[[str, str], None],
) -> BlockMap | None:  # fmt: skip
    """The blocks of a network that is compiled already, found on a copy of it with a first batch.

    None, with a sentence, where it cannot be copied or run without its data.
    """
    if not CAN_FOLLOW:
        say("compiled", f"nothing is recorded of the compiled network: torch {torch.__version__}"
            " does not tell what compiled code does; use a newer one")  # fmt: skip
        return None
    try:
        with torch._C._EnableTorchFunction():  # which the guard took from the recorder
            return found_in(model, [(args, kwargs)], chosen, sample)
    except ProbeError as error:
        say(
            "compiled",
            f"nothing is recorded of the compiled network: {error}; give attach(example=…), or"
            " attach before torch.compile and run one step uncompiled",
        )
        return None
