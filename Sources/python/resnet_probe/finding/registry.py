"""What users declare to be blocks: classes once for all, modules for one network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch

from resnet_probe.names import modules_of

#: What a declared module is: the place of a residual sum, a plain block, or nothing.
KINDS = ("residual", "plain", "none")

_registered: dict[type[torch.nn.Module], str] = {}


def register_block(module: type[torch.nn.Module], kind: str = "residual") -> None:
    """Declares a class of modules to be blocks, in every network, before the graph is asked.

    Args:
        module: The class; its subclasses count too.
        kind: "residual": the sum of stream and branch in its forward is a block's, also where the
            branch holds no convolution, linear or other map (pooling, a norm alone). "plain": each
            call that leaves the shape as it was is a block without shortcut, also beside residual
            ones. "none": nothing inside is a block.

    Raises:
        TypeError: For what is no class of modules, in one line.
        ValueError: For another kind, in one line.
    """
    if not (isinstance(module, type) and issubclass(module, torch.nn.Module)):
        raise TypeError(f"cannot register {module!r}: give a class of torch.nn.Module")
    if kind not in KINDS:
        raise ValueError(f'cannot register a block as {kind!r}: give "residual", "plain" or "none"')
    _registered[module] = kind


@dataclass(frozen=True, slots=True)
class Declared:
    """What one module was declared to be, and by whom: "user" or "registry"."""

    kind: str
    found: str


def declared_in(model: torch.nn.Module, chosen: Mapping[str, str] | None) -> dict[int, Declared]:
    """The declared modules of a network, by id; a user's own map comes before the registry.

    Raises:
        ValueError: Where the map names no module or no kind, in one line.
    """
    found: dict[int, Declared] = {}
    for module in model.modules():
        for base in type(module).__mro__:
            if base in _registered:
                found[id(module)] = Declared(_registered[base], "registry")
                break
    if chosen is None:
        return found
    modules = dict(modules_of(model))
    for name, kind in chosen.items():
        if name not in modules:
            raise ValueError(f"blocks names {name!r}, which is no module of the network")
        if kind not in KINDS:
            raise ValueError(f'blocks says {kind!r} of {name!r}: "residual", "plain" or "none"')
        found[id(modules[name])] = Declared(kind, "user")
    return found
