"""Blocks whose branch did not run while blocks were looked for, known from their twins.

Stochastic depth in its first form leaves whole branches out of a batch. A module of the class of
a found block, whose branch did not run, is taken for a block like it: marked as inferred.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import torch

from resnet_probe.blocks import Block
from resnet_probe.names import modules_of
from resnet_probe.sharding import used_parameters_of
from resnet_probe.tracing.node import Call
from resnet_probe.tracing.trace import Trace

Kept = TypeVar("Kept")

Shapes = dict[str, tuple[int, ...]]


@dataclass(slots=True)
class _Placed:
    """A block and where it lies: the node that ends it, then the module's place."""

    order: tuple[float, int]
    block: Block


def with_inferred(
    model: torch.nn.Module, trace: Trace, blocks: Sequence[Block],
    records: Sequence[Kept | None], ends: Sequence[int],
) -> tuple[list[Block], list[Kept | None]]:  # fmt: skip
    """Found blocks with inferred ones in their places; `ends` are the nodes that end the found."""
    modules = dict(modules_of(model))
    places = {name: place for place, name in enumerate(modules)}
    alone = {b.site.owner: b for b in blocks if b.site.owner and b.kind == "residual"}
    counts = [b.site.owner for b in blocks]
    templates = [b for owner, b in alone.items() if counts.count(owner) == 1]
    classes = {type(modules[b.site.owner]) for b in templates}
    own = [
        (_Placed((end, places[block.site.owner]), block), record)
        for block, record, end in zip(blocks, records, ends, strict=False)
    ]
    if not classes or len(own) < len(blocks):
        return list(blocks), list(records)
    for name, module in modules.items():
        if type(module) not in classes or name in counts or not name:
            continue
        call = next((call for call in trace.calls if call.module is module), None)
        template = _twin(module, templates, modules, exactly=True)
        if template is None and call is not None and call.shape:
            template = _twin(module, templates, modules, exactly=False)
        if template is None or _ran(trace, module, template):
            continue
        block = _renamed(template, name)
        if _shapes(module) != _shapes(modules[template.site.owner]):
            block = _measured_anew(block, module, call)
        own.append(
            (_Placed((_position(trace, module, name, own, places), places[name]), block), None)
        )
    own.sort(key=lambda pair: pair[0].order)
    return [placed.block for placed, _ in own], [record for _, record in own]


def _shapes(module: torch.nn.Module) -> Shapes:
    return {name: tuple(p.shape) for name, p in module.named_parameters()}


def _twin(
    module: torch.nn.Module, templates: Sequence[Block], modules: dict[str, torch.nn.Module], *,
    exactly: bool,
) -> Block | None:  # fmt: skip
    """A found block whose module has parameters of the same names, and shapes if `exactly`."""
    shapes = _shapes(module)
    for template in templates:
        other = modules[template.site.owner]
        own = _shapes(other)
        if type(other) is type(module) and (
            own == shapes if exactly else own.keys() == shapes.keys()
        ):
            return template
    return None


def _ran(trace: Trace, module: torch.nn.Module, template: Block) -> bool:
    """Whether the branch's parameters were used in this pass."""
    own = {id(parameter) for parameter in _branch_of(module, template)}
    return any(id(p) in own for node in trace.nodes for p in node.parameters)


def _branch_of(module: torch.nn.Module, template: Block) -> list[torch.nn.Parameter]:
    prefix = template.site.owner + "."
    names = {name.removeprefix(prefix) for name in template.site.parameters}
    return [parameter for name, parameter in used_parameters_of(module) if name in names]


def _measured_anew(block: Block, module: torch.nn.Module, call: Call | None) -> Block:
    """A block whose twin is of another size: what its module's own call and parameters tell."""
    shape = call.shape if call is not None else ()
    prefix = block.site.owner + "."
    names = {name.removeprefix(prefix) for name in block.site.parameters}
    count = sum(p.numel() for name, p in module.named_parameters() if name in names)
    inner = shape[-1:] if block.sample_axis == "token" else shape[1:]
    site = replace(block.site, stream_elements=math.prod(shape[1:]))
    return replace(block, shape=inner, branch_shape=(), parameters=count, macs=None, site=site)


def _position(
    trace: Trace, module: torch.nn.Module, name: str, own: Sequence[tuple[_Placed, object]],
    places: dict[str, int],
) -> float:  # fmt: skip
    """Where the block lies in the pass: its call, or behind the module before it."""
    for call in trace.calls:
        if call.module is module:
            return call.first - 0.5
    before = [p.order[0] for p, _ in own if places[p.block.site.owner] < places[name]]
    return max(before, default=-1.0)


def _renamed(template: Block, owner: str) -> Block:
    """A block like its twin, in another module."""
    old = template.site.owner

    def moved(name: str) -> str:
        return owner + name[len(old) :] if name.startswith(old + ".") else name

    site = replace(
        template.site, owner=owner, parameters=tuple(map(moved, template.site.parameters)),
        last_map=tuple(map(moved, template.site.last_map)),
        maps=tuple(map(moved, template.site.maps)),
        places=(),  # it did not run: no compiler can be told where it is
    )  # fmt: skip
    gate = moved(template.gate) if template.gate is not None else None
    return replace(template, site=site, gate=gate, found="inferred")
