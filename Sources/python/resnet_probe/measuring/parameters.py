"""Statistics of the parameters of all blocks at one update, in few kernels over all of them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from resnet_probe.measuring.element_samples import ElementSamples
from resnet_probe.measuring.tensor_norms import inner_products, is_measured, norms, wide

FIELDS = ("weight_norm", "gradient_norm", "gate_rms", "gate_gradient")
"""The columns of `ParameterPass.before`."""


@dataclass(frozen=True, slots=True)
class BlockParameters:
    """The parameters of one block."""

    ordinal: int
    """The block's place in the block map."""
    parameters: Sequence[Tensor]
    """All of them, each once; a parameter may belong to several blocks."""
    gate: Tensor | None
    """γ of the last norm, a LayerScale or a ReZero α, where there is one."""
    last_map: Sequence[Tensor]
    """γ and β of the last norm, else weight and bias of the branch's last map."""


class ParameterPass:
    """Measures the parameters of blocks around one update of the optimizer.

    Call `before` just before and, where the update was made, `after` just behind it, both in the
    training thread. Nothing here synchronises a GPU or copies from the host. What has no norm
    (`is_measured`) when this is made is left out. Parameters that have moved to another device need
    a new one.
    """

    def __init__(self, blocks: Sequence[BlockParameters], capacity: int = 65_536) -> None:
        """Measure `blocks`; update ratios look at up to `capacity` elements of each."""
        self._parameters = [[p for p in block.parameters if is_measured(p)] for block in blocks]
        self._last_maps = [[p for p in block.last_map if is_measured(p)] for block in blocks]
        self._gates = [
            block.gate if block.gate is not None and is_measured(block.gate) else None
            for block in blocks
        ]
        self._samples = ElementSamples(self._parameters, capacity)
        self._device = self._home()
        kind = wide(self._device)
        self._absent = torch.full((), torch.nan, dtype=kind, device=self._device)
        self._zero = torch.zeros((), dtype=kind, device=self._device)
        sizes = [1.0 if gate is None else math.sqrt(gate.numel()) for gate in self._gates]
        self._gate_sizes = torch.tensor(sizes, dtype=kind, device=self._device)  # (blocks,)

    @torch.no_grad()
    def before(self, scale: Tensor | None = None) -> Tensor:
        """The statistics of each block just before the update, and the elements it may change.

        `scale`: what gradients are still multiplied by, a scalar; None where they are as they will
        be applied. Absent values are NaN: no parameters, none with a gradient, no gate. Columns:
        `FIELDS`. Shape: (blocks, 4), float64 (float32 on MPS), on the device of the first parameter
        that is not on the CPU.
        """
        self._samples.before()
        places: dict[int, int] = {}
        tensors: list[Tensor] = []
        gradients = [[_gradient(p) for p in block] for block in self._parameters]
        everything: list[Sequence[Tensor | None]] = [*self._parameters, *gradients, self._gates]
        for tensor in (t for row in everything for t in row if t is not None):
            if id(tensor) not in places:
                places[id(tensor)] = len(tensors)
                tensors.append(tensor)
        taken = [self._here(norm) for norm in norms(tensors)]

        def norms_of(row: Sequence[Tensor | None]) -> list[Tensor]:
            return [taken[places[id(tensor)]] for tensor in row if tensor is not None]

        weight_norm = self._table([norms_of(row) for row in self._parameters], squared=True)
        gradient_norm = self._table([norms_of(row) for row in gradients], squared=True)
        gates = self._table([norms_of([gate]) for gate in self._gates], squared=True)
        gate_gradient = self._gate_gradient()
        if scale is not None:
            divisor = self._here(scale.detach().reshape(()))
            gradient_norm = gradient_norm / divisor
            gate_gradient = gate_gradient / divisor
        return torch.stack(
            [weight_norm, gradient_norm, gates / self._gate_sizes, gate_gradient], dim=1
        )

    @torch.no_grad()
    def after(self) -> Tensor:
        """‖Δθ‖/‖θ‖ of each block over the elements kept by `before`.

        NaN where θ = 0, where a block has no parameters, and without a `before`. Shape: (blocks,),
        type and device as those of `before`.
        """
        return self._samples.after(self._device)

    def _gate_gradient(self) -> Tensor:
        """Σ⟨θ, ∂ℓ/∂θ⟩ of each block's last map.  # (blocks,)"""
        pairs: list[tuple[Tensor, Tensor]] = []
        owners: list[int] = []
        for block, last_map in enumerate(self._last_maps):
            for parameter in last_map:
                gradient = _gradient(parameter)
                if gradient is not None:
                    pairs.append((parameter, gradient))
                    owners.append(block)
        rows: list[list[Tensor]] = [[] for _ in self._last_maps]
        for block, product in zip(owners, inner_products(pairs), strict=True):
            rows[block].append(self._here(product))
        return self._table(rows, squared=False)

    def _table(self, rows: list[list[Tensor]], *, squared: bool) -> Tensor:
        """The sum of each row, or the root of its sum of squares; NaN for empty ones.  # (rows,)"""
        if not rows:
            return self._zero.new_empty(0)
        width = max(1, max(len(row) for row in rows))
        cells: list[Tensor] = []
        for row in rows:
            padding = self._zero if row else self._absent
            cells += row
            cells += [padding] * (width - len(row))
        table = torch.stack(cells).view(len(rows), width)
        return torch.linalg.vector_norm(table, dim=1) if squared else table.sum(dim=1)

    def _here(self, scalar: Tensor) -> Tensor:
        return scalar.to(self._device, self._zero.dtype, non_blocking=True)

    def _home(self) -> torch.device:
        devices = [p.device for block in self._parameters for p in block]
        away = [device for device in devices if device.type != "cpu"]
        return (away or devices or [torch.device("cpu")])[0]


def _gradient(parameter: Tensor) -> Tensor | None:
    gradient = parameter.grad
    return gradient if gradient is not None and is_measured(gradient) else None
