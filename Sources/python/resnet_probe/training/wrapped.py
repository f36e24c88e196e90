"""The network inside what wraps it: DistributedDataParallel, a compiled module, one in the other."""

from __future__ import annotations

from typing import Any

import torch

#: What holds a network under which name: wrappers that call it and change none of its numbers.
#: The type of compiled modules is looked up by its name, so that no compiler is imported.
_HELD_BY = {"DistributedDataParallel": "module", "OptimizedModule": "_orig_mod"}


def network_within(model: torch.nn.Module) -> torch.nn.Module:
    """The network that wrappers call, however they are nested; the module itself without any.

    Its modules and parameters have the names that the user gave them, and hooks on it run whether
    the loop calls it or a wrapper around it.
    """
    while (within := held_by(model)) is not None:
        model = within
    return model


def held_by(model: torch.nn.Module) -> torch.nn.Module | None:
    """What a wrapper calls; None where a module is no wrapper."""
    held = next((_HELD_BY[name] for name in _names(model) if name in _HELD_BY), None)
    return model._modules.get(held) if held is not None else None


def process_group_of(model: torch.nn.Module) -> Any:
    """The process group in which a wrapper exchanges gradients; None where none is said."""
    while True:
        group = getattr(model, "process_group", None)
        if group is not None and "DistributedDataParallel" in _names(model):
            return group
        within = next(
            (model._modules.get(_HELD_BY[n]) for n in _names(model) if n in _HELD_BY), None
        )
        if within is None:
            return None
        model = within


def is_redirected(network: torch.nn.Module) -> bool:
    """Whether its call is to run another method: Lightning's way of a step through DDP's forward.

    The network's own call, if there is one, comes inside.
    """
    forward = vars(network).get("forward")
    return getattr(forward, "__qualname__", "").startswith("_ForwardRedirection.")


def _names(model: torch.nn.Module) -> list[str]:
    """The classes of a module that are torch's, so that no class of a user's is taken for one."""
    kinds = type(model).__mro__
    return [kind.__name__ for kind in kinds if kind.__module__.partition(".")[0] == "torch"]
