"""What a network calls its modules and parameters, whether or not parts of it are compiled."""

from __future__ import annotations

from collections.abc import Iterator

import torch

#: What `torch.compile(module)` puts between a module's name and the names inside it.
_WRAPPED = "_orig_mod"


def plain_name(name: str) -> str:
    """A name without what a compiled part adds to it."""
    return ".".join(part for part in name.split(".") if part != _WRAPPED)


def modules_of(model: torch.nn.Module) -> Iterator[tuple[str, torch.nn.Module]]:
    """The modules by their names; of a compiled part the module inside comes last."""
    for name, module in model.named_modules():
        yield plain_name(name), module


def parameters_of(model: torch.nn.Module) -> Iterator[tuple[str, torch.nn.Parameter]]:
    """The parameters by their names."""
    for name, parameter in model.named_parameters():
        yield plain_name(name), parameter
