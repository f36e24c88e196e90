"""Small modules that stand in place of what is left out: ordinary ones, to be saved and compiled."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F

#: Where a tensor is in a call: 0 (arguments) or 1 (keywords), then down through what holds it.
Path = tuple[int | str, ...]

#: A size of zeros: a number, or so many times that of another tensor, divided and rounded up.
Size = int | tuple[int, int]

#: The size that the other tensor has.
SAME = (1, 1)

#: The steps of a `Shortcut` that are no modules of its own.
RELU, COPY = "relu()", "copy()"


class Shortcut(torch.nn.Module):
    """A module whose block is left out: φ(s(x)) of one of its arguments.

    `steps` are the modules of the shortcut, by their names, with `RELU` and `COPY` between them;
    without any it returns its argument.
    """

    def __init__(
        self, argument: Path, steps: Iterable[str] = (),
        parts: Mapping[str, torch.nn.Module] | None = None,
    ) -> None:  # fmt: skip
        super().__init__()
        self.argument = argument
        self.steps = tuple(steps)
        for name, part in (parts or {}).items():
            _put(self, name, part)

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """The stream after what is left of the block."""
        stream = _at(self.argument, args, kwargs)
        for step in self.steps:
            if step == RELU:
                stream = F.relu(stream)
            elif step == COPY:
                stream = stream.clone()
            else:
                stream = self.get_submodule(step)(stream)
        return stream

    def extra_repr(self) -> str:
        """What is done to which argument."""
        return ", ".join(self.steps) or "identity"


@dataclass(frozen=True)
class Zeros:
    """What a left-out module gives in place of one tensor.

    `sizes` that are not numbers follow those of the tensor at `like`. `dtype`: None is that
    tensor's. Zeros that something writes into are `written`: those take memory, others one number.
    """

    like: Path
    sizes: tuple[Size, ...]
    dtype: torch.dtype | None = None
    is_written: bool = False


class NoBranch(torch.nn.Module):
    """A module of a branch that is left out: zeros of the shape that it would have given.

    `result` is what it returned, with `Zeros` for tensors. `settings` are the numbers and words
    that a forward may ask of the module that stood here.
    """

    def __init__(self, result: Any, settings: Mapping[str, Any]) -> None:
        super().__init__()
        self.result = result
        for name, value in settings.items():
            setattr(self, name, value)

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Zeros in the form of the result."""
        return _zeros(self.result, args, kwargs)


def _zeros(result: Any, args: Any, kwargs: Any) -> Any:
    if isinstance(result, Zeros):
        like = _at(result.like, args, kwargs)
        sizes = [
            size if isinstance(size, int) else -(-like.shape[place] * size[0] // size[1])
            for place, size in enumerate(result.sizes)
        ]
        dtype = like.dtype if result.dtype is None else result.dtype
        if result.is_written:
            return torch.zeros(sizes, dtype=dtype, device=like.device)
        return torch.zeros((), dtype=dtype, device=like.device).expand(sizes)
    if isinstance(result, tuple):
        return tuple(_zeros(part, args, kwargs) for part in result)
    if isinstance(result, list):
        return [_zeros(part, args, kwargs) for part in result]
    return result


def _at(path: Path, args: Any, kwargs: Any) -> Any:
    found: Any = kwargs if path[0] == 1 else args
    for step in path[1:]:
        found = found[step]
    return found


def _put(module: torch.nn.Module, name: str, part: torch.nn.Module) -> None:
    """A part under a name that may lead through modules which hold nothing else."""
    *above, last = name.split(".")
    for step in above:
        if step not in module._modules:
            module.add_module(step, torch.nn.Module())
        module = module._modules[step]  # type: ignore[assignment]
    module.add_module(last, part)


def settings_of(module: torch.nn.Module) -> dict[str, Any]:
    """The numbers and words among a module's attributes; its parameters are None."""
    return dict.fromkeys(module._parameters) | {
        name: value
        for name, value in vars(module).items()
        if not name.startswith("_") and name not in ("training", "result")
        and (value is None or type(value) in (bool, int, float, str))
    }  # fmt: skip
