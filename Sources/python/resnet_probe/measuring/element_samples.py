"""How far an update moves the parameters of each block, seen at fixed elements."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from resnet_probe.measuring.row_places import RowPlaces
from resnet_probe.measuring.tensor_norms import flat, norms, shortened

_ALL_BLOCKS = 8_388_608  # elements kept over all blocks: 32 MiB of float32


@dataclass(slots=True)
class _Group:
    """The elements of one device and type: of one block on the CPU, else of several in a row."""

    members: list[tuple[Tensor, int, int]] = field(default_factory=list)  # parameter, start, every
    blocks: list[int] = field(default_factory=list)
    lengths: list[int] = field(default_factory=list)
    kept: Tensor | None = None
    sizes: list[Tensor] = field(default_factory=list)  # of each block's kept elements, shortened

    def gather(self) -> Tensor:
        """The elements as they are now, copied.  # (Σ lengths,)"""
        chosen = [flat(parameter)[start::every] for parameter, start, every in self.members]
        now = torch.cat(chosen)
        return now if now.dtype in (torch.float32, torch.float64) else now.float()


class ElementSamples:
    """Every k-th element over all parameters of a block, before and after an update.

    In storage order. k is the smallest that leaves at most `capacity` elements of a block, or
    8,388,608 over the number of blocks where that is less. Memory between `keep`
    and `after`: those elements.
    """

    def __init__(self, blocks: Sequence[Sequence[Tensor]], capacity: int) -> None:
        """Choose the elements of each block's parameters, which all have norms (`is_measured`)."""
        self._blocks = blocks
        self._capacity = max(1, min(capacity, _ALL_BLOCKS // max(1, len(blocks))))
        self._shape: list[tuple[int, torch.device, torch.dtype]] = []
        self._groups: list[_Group] = []
        self._places: RowPlaces | None = None  # of each block's elements among those of all groups

    def choose(self) -> None:
        """Chooses the elements anew where a parameter has another size, type or place."""
        shape = [(p.numel(), p.device, p.dtype) for block in self._blocks for p in block]
        if shape != self._shape:
            self._groups = self._chosen()
            self._shape = shape
            self._places = None

    def keep(self, block: int) -> None:
        """Copies the elements of one block, before the optimizer changes them; blocks in order."""
        for group in self._groups:
            if group.blocks[-1] == block:
                group.kept = group.gather()
                group.sizes = [shortened(part) for part in torch.split(group.kept, group.lengths)]

    def after(self, device: torch.device) -> Tensor:
        """‖Δθ‖/‖θ‖ of each block over its elements, on `device`.

        NaN where θ = 0 or nothing was kept. Gives the copies back. Shape: (blocks,).
        """
        moved: list[Tensor] = []
        sizes: list[Tensor] = []
        rows: list[list[int]] = [[] for _ in self._blocks]
        for group in self._groups:
            kept, group.kept = group.kept, None
            if kept is None:
                continue
            change = group.gather().sub_(kept)
            for place, block in enumerate(group.blocks, start=len(moved)):
                rows[block].append(place)
            moved += [shortened(part) for part in torch.split(change, group.lengths)]
            sizes += group.sizes
            group.sizes = []
        if self._places is None or not moved:
            self._places = RowPlaces(rows, len(moved), device)
        found = norms([*moved, *sizes]).to(device, non_blocking=True)
        step = self._places.norms(found[: len(moved)])
        size = self._places.norms(found[len(moved) :])
        return torch.where(size > 0, step / size, torch.nan)

    def _chosen(self) -> list[_Group]:
        groups: dict[tuple[torch.device, torch.dtype, int], _Group] = {}
        for block, parameters in enumerate(self._blocks):
            every = max(1, -(-sum(p.numel() for p in parameters) // self._capacity))
            offset = 0
            for parameter in parameters:
                start = -offset % every
                offset += parameter.numel()
                count = len(range(start, parameter.numel(), every))
                if count == 0:
                    continue
                own = block if parameter.device.type == "cpu" else -1  # elsewhere: fewer kernels
                key = (parameter.device, parameter.dtype, own)
                group = groups.setdefault(key, _Group())
                group.members.append((parameter, start, every))
                if group.blocks[-1:] == [block]:
                    group.lengths[-1] += count
                else:
                    group.blocks.append(block)
                    group.lengths.append(count)
        return list(groups.values())
