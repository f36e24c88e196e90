"""The modules that a function reaches: in its closure, its arguments, or by the names in its code."""

from __future__ import annotations

import functools
import inspect
import types
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import torch

#: How far is looked: of what a function calls, of what that holds.
_DEEPEST = 6
#: The most things that are looked at.
_MOST = 10_000


def modules_reached(*things: object) -> list[torch.nn.Module]:
    """Modules that calling some functions may run, each once; none within another of them.

    Functions of torch are not gone into. Of an object that is no function only attributes are
    looked at whose names stand in the code that reaches it.
    """
    walk = _Walk()
    for thing in things:
        walk.into(thing, frozenset(), _DEEPEST)
    within = {part for one in walk.found for part in one.modules() if part is not one}
    return [one for one in walk.found if one not in within]


class _Walk:
    def __init__(self) -> None:
        self.found: list[torch.nn.Module] = []
        self._seen: dict[tuple[int, int], object] = {}  # what is seen stays, and so does its id

    def into(self, thing: object, names: frozenset[str], depth: int) -> None:
        """Looks into one thing, for code that knows some names."""
        key = id(thing), hash(names)
        if depth == 0 or thing is None or key in self._seen or len(self._seen) >= _MOST:
            return
        self._seen[key] = thing
        if isinstance(thing, torch.nn.Module) and thing not in self.found:
            self.found.append(thing)
        for part, known in _parts(thing, names):
            self.into(part, known, depth - 1)


def _parts(thing: Any, names: frozenset[str]) -> Iterator[tuple[object, frozenset[str]]]:
    """What is reached from a thing, and the names that the code there knows."""
    if isinstance(thing, functools.partial):
        for part in (thing.func, *thing.args, *thing.keywords.values()):
            yield part, names
    elif isinstance(thing, types.MethodType):
        yield thing.__func__, names
        yield thing.__self__, names | _names_of(thing.__func__)
    elif isinstance(thing, types.FunctionType):
        if not _is_torchs(thing):
            yield from _parts_of_function(thing)
    elif isinstance(thing, Mapping):
        yield from _each(thing.values(), names)
    elif isinstance(thing, (tuple, list, set)):
        yield from _each(thing, names)
    elif isinstance(thing, type):
        return
    elif hasattr(thing, "__dict__"):
        own = vars(thing)
        if not isinstance(thing, types.ModuleType):
            for method in _methods(type(thing), names):
                yield method, names
                names |= _names_of(method)
        yield from ((own[name], names) for name in names if name in own)


def _parts_of_function(function: types.FunctionType) -> Iterator[tuple[object, frozenset[str]]]:
    names = _names_of(function)
    for cell in function.__closure__ or ():
        try:
            yield cell.cell_contents, names
        except ValueError:  # not filled yet
            continue
    yield from _each(function.__defaults__ or (), names)
    yield from _each((function.__kwdefaults__ or {}).values(), names)
    yield from (
        (function.__globals__[name], names) for name in names if name in function.__globals__
    )


def _methods(kind: type, names: frozenset[str]) -> list[types.FunctionType]:
    """The methods that code which knows some names may call, and those that they call."""
    found: dict[str, types.FunctionType] = {}
    waiting = ["__call__", "forward", *names]
    for name in waiting:
        method = inspect.getattr_static(kind, name, None)
        if isinstance(method, property):
            method = method.fget
        is_new = isinstance(method, types.FunctionType) and name not in found
        if is_new and not _is_torchs(method):
            found[name] = method
            waiting += _names_of(method)
    return list(found.values())


def _each(parts: Iterable[Any], names: frozenset[str]) -> Iterator[tuple[object, frozenset[str]]]:
    plain = (torch.Tensor, str, bytes, int, float, complex)
    return ((part, names) for part in list(parts) if not isinstance(part, plain))


def _names_of(function: object) -> frozenset[str]:
    """The names in a function's code, and in that of functions within it."""
    code = getattr(function, "__code__", None)
    found: set[str] = set()
    waiting = [code] if isinstance(code, types.CodeType) else []
    for one in waiting:
        found.update(one.co_names)
        waiting += [part for part in one.co_consts if isinstance(part, types.CodeType)]
    return frozenset(found)


def _is_torchs(function: object) -> bool:
    return str(getattr(function, "__module__", "")).split(".")[0] == "torch"
