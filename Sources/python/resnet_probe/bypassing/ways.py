"""How each block of a set can be left out: edits of modules, by the modules' names.

Best is a small module in place of the block's own; else stand-ins for the modules of its branch,
whose zeros join the stream. Of other blocks the branch runs, and its result is replaced.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

import torch

from resnet_probe.bypassing.branches import Branches
from resnet_probe.bypassing.shortcuts import Walk, shortcut_of
from resnet_probe.bypassing.stand_ins import NoBranch, Shortcut
from resnet_probe.bypassing.survey import Found, Survey


@dataclass(slots=True)
class Edits:
    """What becomes of the modules of a copy, by their names."""

    walks: dict[str, Walk] = field(default_factory=dict)
    stand_ins: dict[str, NoBranch | Shortcut] = field(default_factory=dict)
    left: list[str] = field(default_factory=list)  # blocks that no edit leaves out


def edits_for(
    seen: Survey, wanted: Mapping[str, Found], left: Collection[str] = frozenset()
) -> Edits:
    """The edits that leave out some blocks; those in `left` are left as they are."""
    edits = Edits(left=[name for name in wanted if name in left])
    wanted = {name: one for name, one in wanted.items() if name not in left}
    gone = {one.end: one for one in wanted.values()}
    replaced: set[int] = set()
    rest: dict[str, Found] = {}
    for name, one in wanted.items():
        found = shortcut_of(seen, gone, one)
        if found is None:
            rest[name] = one
            continue
        module, walk, calls = found
        edits.walks[seen.names[id(module)]] = walk
        replaced |= set(calls)
    branches = Branches(seen, list(wanted.values()), replaced)
    for name, one in rest.items():
        is_within = branches.is_replaced(one)  # another block's module holds this one too
        if not is_within and not branches.is_zero(one):
            edits.left.append(name)
            branches.leave(one)
    edits.stand_ins = branches.stand_ins()
    return edits


def apply(network: torch.nn.Module, edits: Edits) -> None:
    """Edits a network of one's own."""
    modules = dict(network.named_modules())
    for name, stand_in in edits.stand_ins.items():
        _replace(network, modules[name], stand_in)
    for name, walk in sorted(edits.walks.items(), key=lambda pair: -pair[0].count(".")):
        _replace(network, modules[name], walk.shortcut(modules[name]))
    for module in network.modules():
        parts = [type(part) for part in module.modules()]
        if NoBranch not in parts:
            continue
        if isinstance(module, torch.nn.TransformerEncoderLayer):
            module.activation_relu_or_gelu = 0  # what it fuses its parts for
        elif isinstance(module, torch.nn.TransformerEncoder):
            module.use_nested_tensor = False


def _replace(network: torch.nn.Module, old: torch.nn.Module, new: torch.nn.Module) -> None:
    """Puts a module wherever another one is held."""
    new.training = old.training
    for holder in list(network.modules()):
        for name, part in holder._modules.items():
            if part is old:
                holder._modules[name] = new


def freeze(network: torch.nn.Module, before: Survey, now: Survey, wanted: Iterable[Found]) -> None:
    """What is left of the branches' parameters, and what fed them alone, is trained no more.

    An optimizer would decay them for nothing, and DistributedDataParallel wait for their gradients.
    `before` and `now` are surveys of the network and of the copy without the blocks.
    """
    branch = {node for one in wanted for node in one.branch}
    of_others = before.parameters(
        node for node in range(len(before.trace.nodes)) if node not in branch
    )
    idle = before.parameters(branch) - of_others
    idle |= before.parameters(before.live_nodes) - now.parameters(now.live_nodes)
    for name, parameter in network.named_parameters():
        if name in idle:
            parameter.requires_grad_(False)
