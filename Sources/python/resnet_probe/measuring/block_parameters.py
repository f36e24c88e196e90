"""Which parameters of which block each optimizer updates, and their statistics at one step."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import torch

from resnet_probe.blocks import BlockMap
from resnet_probe.journal.frame import BlockStatistics
from resnet_probe.measuring.parameters import FIELDS, BlockParameters, ParameterPass
from resnet_probe.names import parameters_of
from resnet_probe.sharding import is_sharded

#: The columns of one block in a table: those of `ParameterPass.before`, then the update ratio.
COLUMNS = (*FIELDS, "update_ratio")


class ParameterPasses:
    """One `ParameterPass` an optimizer, kept as long as network and blocks are the same.

    A parameter that no optimizer has belongs to the first: a frozen one counts in the weight norm.
    """

    def __init__(
        self, model: torch.nn.Module, blocks: BlockMap, optimizers: Sequence[torch.optim.Optimizer]
    ) -> None:
        named = dict(parameters_of(model))
        self._identity = _identity(named.values())
        self._passes: dict[int, ParameterPass] = {}
        taken: set[int] = set()
        for place, optimizer in reversed(list(enumerate(optimizers))):
            own = {id(p) for group in optimizer.param_groups for p in group["params"]}
            if place == 0:
                own |= {id(p) for p in named.values()} - taken
            taken |= own
            of_blocks = []
            for block in blocks:
                site = block.site
                if any(is_sharded(named[name]) for name in site.parameters if name in named):
                    # Of a part nobody knows the norm of the whole.
                    of_blocks.append(BlockParameters(block.ordinal, (), None, ()))
                    continue
                gate = named.get(block.gate or "")
                of_blocks.append(
                    BlockParameters(
                        block.ordinal,
                        [named[n] for n in site.parameters if n in named and id(named[n]) in own],
                        gate if gate is not None and id(gate) in own else None,
                        [named[n] for n in site.last_map if n in named and id(named[n]) in own],
                    )
                )
            self._passes[id(optimizer)] = ParameterPass(of_blocks)

    def fit(self, model: torch.nn.Module) -> bool:
        """Whether the network's parameters are still the same tensors on the same devices."""
        return self._identity == _identity(model.parameters())

    def of(self, optimizer: torch.optim.Optimizer) -> ParameterPass | None:
        """The pass of an optimizer."""
        return self._passes.get(id(optimizer))


def _identity(parameters: Iterable[torch.Tensor]) -> tuple[tuple[int, torch.device], ...]:
    return tuple((id(parameter), parameter.device) for parameter in parameters)


@dataclass(slots=True)
class UpdateTable:
    """What one optimizer's update said of all blocks, on the device."""

    before: torch.Tensor  # (blocks, fields)
    ratio: torch.Tensor | None = None  # (blocks,)

    def packed(self) -> torch.Tensor:  # (blocks, fields + 1)
        """All columns side by side."""
        ratio = self.ratio
        if ratio is None:
            ratio = torch.full_like(self.before[:, 0], math.nan)
        return torch.cat([self.before, ratio.to(self.before.dtype)[:, None]], dim=1)


@dataclass(slots=True)
class _Totals:
    squares: dict[str, float] = field(default_factory=dict)
    change: float = 0.0
    weight: float = 0.0
    has_ratio: bool = False


def enter(
    tables: Sequence[Sequence[float]], statistics: Sequence[BlockStatistics], *, skipped: bool
) -> None:
    """Writes the packed tables of all optimizers into the statistics of the blocks that fired.

    Squares of norms and the products of gates add over optimizers, update ratios weighted by ‖θ‖².
    """
    for block in statistics:
        totals = _Totals()
        for table in tables:
            row = table[block.ordinal * len(COLUMNS) : (block.ordinal + 1) * len(COLUMNS)]
            if len(row) == len(COLUMNS):
                _add(totals, dict(zip(COLUMNS, row, strict=True)))
        block.weight_norm = _root(totals.squares.get("weight_norm"))
        block.gradient_norm = _root(totals.squares.get("gradient_norm"))
        block.gate_rms = _root(totals.squares.get("gate_rms"))
        block.gate_gradient = totals.squares.get("gate_gradient")
        if totals.has_ratio and not skipped and totals.weight > 0:
            block.update_ratio = math.sqrt(totals.change / totals.weight)


def _add(totals: _Totals, row: dict[str, float]) -> None:
    for name in ("weight_norm", "gradient_norm", "gate_rms", "gate_gradient"):
        value = row[name]
        if math.isfinite(value):
            part = value if name == "gate_gradient" else value * value
            totals.squares[name] = totals.squares.get(name, 0.0) + part
    if math.isfinite(row["update_ratio"]) and math.isfinite(row["weight_norm"]):
        totals.has_ratio = True
        totals.change += (row["update_ratio"] * row["weight_norm"]) ** 2
        totals.weight += row["weight_norm"] ** 2


def _root(square: float | None) -> float | None:
    return None if square is None else math.sqrt(square)
