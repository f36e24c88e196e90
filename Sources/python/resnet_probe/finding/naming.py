"""Unique names for blocks: the deepest module that holds all of a block's branch."""

from __future__ import annotations

from collections import Counter, defaultdict
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

    A block is called by the deepest module that is its own, tried in this order: the module in
    whose forward it is, the one that holds all parameters of its branch, the one that holds the
    branch's maps, the first map. A module is a block's own if no other block has parameters in it.
    The second use of the same parameters gets `@2`; what still collides counts on in the same way.
    """
    holders = _holders(blocks)
    taken: Counter[str] = Counter()
    result: list[Block] = []
    for block in blocks:
        site = block.site
        maps = _maps_of(block)
        around = list(reversed(_modules_around(maps[0]))) if maps else []
        tried = (site.owner, prefix_of(site.parameters), prefix_of(maps), *around)
        own = [n for n in tried if n in modules and holders[n] <= {site.parameters}]
        name = own[0] if own else (around[-1] if around else site.owner or "block")
        taken[name] += 1
        if taken[name] > 1:
            name = f"{name}@{taken[name]}"
        result.append(replace(block, name=name))
    return result


def _maps_of(block: Block) -> tuple[str, ...]:
    return block.site.maps or block.site.parameters


def _modules_around(parameter: str) -> list[str]:
    """The modules that hold a parameter, the innermost first."""
    found: list[str] = []
    path = parameter.rpartition(".")[0]
    while path:
        found.append(path)
        path = path.rpartition(".")[0]
    return found


def _holders(blocks: Sequence[Block]) -> defaultdict[str, set[tuple[str, ...]]]:
    """Whose maps each module holds, blocks told apart by their parameters."""
    holders: defaultdict[str, set[tuple[str, ...]]] = defaultdict(set)
    for block in {block.site.parameters: block for block in blocks}.values():
        for name in _maps_of(block):
            for module in _modules_around(name):
                holders[module].add(block.site.parameters)
    return holders
