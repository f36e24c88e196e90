"""Callables that a model carries while a probe is attached, and that no copy of it keeps."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any, Generic, ParamSpec, TypeVar

import torch

Arguments = ParamSpec("Arguments")
Answer = TypeVar("Answer")


class Hook(Generic[Arguments, Answer]):
    """A hook of a module or optimizer that works where it was registered and nowhere else.

    `pickle`, `torch.save` and `copy.deepcopy` write the bound method `nullcontext().__exit__` of
    the standard library in its place: it takes any positional arguments, returns None, and loads
    where this package is not installed. So an EMA copy, a checkpoint of the whole module or a
    worker process runs and records nothing.

    While `torch.compile` traces, a call returns None at once, which the compiler folds away without
    a graph break. Hooks are called by position (`with_kwargs=True` too); the stand-in takes no
    keywords.
    """

    __slots__ = ("_function",)

    def __init__(self, function: Callable[Arguments, Answer]) -> None:
        """Wrap `function`, which sees the hook's own arguments and whose answer is the hook's."""
        self._function = function

    def __call__(self, *args: Arguments.args, **kwargs: Arguments.kwargs) -> Answer | None:
        """Call the function, or do nothing while a compiler traces."""
        if torch.compiler.is_compiling():
            return None
        return self._function(*args, **kwargs)

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        """What pickle writes: the stand-in."""
        return getattr, (contextlib.nullcontext(), "__exit__")

    def __copy__(self) -> Callable[..., None]:
        """The stand-in: a shallow copy of a module's hooks is a copy too."""
        return stand_in()

    def __deepcopy__(self, memo: dict[int, Any]) -> Callable[..., None]:
        """The stand-in."""
        return stand_in()


class TracedHook(Hook[Arguments, Answer]):
    """A hook that `torch.compile` traces too: what it calls stands in the compiled graph."""

    __slots__ = ()

    def __call__(self, *args: Arguments.args, **kwargs: Arguments.kwargs) -> Answer | None:
        """Call the function."""
        return self._function(*args, **kwargs)


def stand_in() -> Callable[..., None]:
    """What a copy carries in a hook's place: takes any positional arguments, returns None."""
    return contextlib.nullcontext().__exit__
