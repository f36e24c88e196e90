"""Unique names for blocks: the deepest module that holds all of a block's branch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import replace

from resnet_probe.blocks import Block


def prefix_of(parameters: Sequence[str]) -> str:
    """The deepest module path that all of some parameters lie under; "" where there is none."""
    paths = [name.split(".")[:-1] for name in parameters]
    if not paths:
        return ""
    common: list[str] = []
    for parts in zip(*paths, strict=False):
        if len(set(parts)) > 1:
            break
        common.append(parts[0])
    return ".".join(common)


def named(blocks: Sequence[Block], modules: Collection[str]) -> list[Block]:
    """The blocks with their names.

    A block is called by the module in whose forward it is, where that holds no other block; else by
    the deepest module that holds its parameters; on a collision without those of leading norms,
    or by its first map. The
    second use of the same parameters gets `@2`; what still collides counts on in the same way.
    """
    firsts = [block for block in blocks if block.site.occurrence == 0]
    owners = Counter(block.site.owner for block in firsts)
    prefixes = Counter(prefix_of(block.site.parameters) for block in firsts)
    taken: Counter[str] = Counter()
    result: list[Block] = []
    for block in blocks:
        site = block.site
        if site.owner and owners[site.owner] == 1:
            name = site.owner
        else:
            name = prefix_of(site.parameters)
            if not name or prefixes[name] > 1 or name not in modules:
                name = _without_norms(site.parameters, {*owners, ""})
        taken[name] += 1
        if taken[name] > 1:
            name = f"{name}@{taken[name]}"
        result.append(replace(block, name=name))
    return result


def _without_norms(parameters: Sequence[str], shared: Collection[str]) -> str:
    """The deepest module of the parameters after the first module's, if that is a leading norm.

    Where that module is one that holds several blocks: the first map's own module.
    """
    first = parameters[0].rpartition(".")[0]
    rest = [name for name in parameters if name.rpartition(".")[0] != first] or list(parameters)
    name = prefix_of(rest)
    return name if name not in shared else rest[0].rpartition(".")[0] or rest[0]
