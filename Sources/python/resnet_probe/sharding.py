"""Sharded parameters (FSDP2): which tensors stand for them while their modules run."""

from __future__ import annotations

import weakref
from collections.abc import Iterator

import torch

from resnet_probe.names import modules_of

# By module and name, what a module's sharded parameters were when it ran: the same tensors each
# time, whose memory comes and goes.
_used: weakref.WeakKeyDictionary[torch.nn.Module, dict[str, weakref.ref[torch.nn.Parameter]]] = (
    weakref.WeakKeyDictionary()
)


def is_sharded(tensor: torch.Tensor) -> bool:
    """Whether this process holds only a part of it (a DTensor)."""
    return hasattr(tensor, "_local_tensor")


def has_sharded(model: torch.nn.Module) -> bool:
    """Whether any of a network's parameters are sharded, within a pass or between passes."""
    return any(is_sharded(parameter) for parameter in model.parameters()) or any(
        kind.__name__ == "FSDPModule" for module in model.modules() for kind in type(module).__mro__
    )


def class_of(model: torch.nn.Module) -> type[torch.nn.Module]:
    """The class that the user wrote: `fully_shard` puts one of its own in its place."""
    kinds = type(model).__mro__
    own = (kind for kind in kinds if not kind.__module__.startswith("torch.distributed."))
    return next(own, type(model))


def is_known(model: torch.nn.Module) -> bool:
    """Whether a pass told what stands for the sharded parameters; true where there are none."""
    return not has_sharded(model) or any(module in _used for module in model.modules())


def used_by(module: torch.nn.Module) -> Iterator[tuple[str, torch.nn.Parameter]]:
    """The parameters of a module's own, within or just behind its call; remembered."""
    for name, parameter in module._parameters.items():
        if parameter is not None and not is_sharded(parameter):
            _used.setdefault(module, {})[name] = weakref.ref(parameter)
            yield name, parameter


def used_parameters_of(model: torch.nn.Module) -> Iterator[tuple[str, torch.nn.Parameter]]:
    """The parameters by their names, sharded ones as their modules use them, as far as is known."""
    seen: set[int] = set()
    for prefix, module in modules_of(model):
        for name, registered in module._parameters.items():
            if registered is None:
                continue
            parameter: torch.nn.Parameter | None = registered
            if is_sharded(registered):
                reference = _used.get(module, {}).get(name)
                parameter = reference() if reference is not None else None
            if parameter is not None and id(parameter) not in seen:
                seen.add(id(parameter))
                yield f"{prefix}.{name}" if prefix else name, parameter
