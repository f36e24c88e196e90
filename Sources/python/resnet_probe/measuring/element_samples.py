"""How far an update moves the parameters of each block, seen at fixed elements."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from resnet_probe.measuring.tensor_norms import flat, norms, wide

_ALL_BLOCKS = 8_388_608  # elements kept over all blocks: 32 MiB of float32


@dataclass(slots=True)
class _Group:
    """The elements of one device and type, of several blocks one behind another."""

    members: list[tuple[Tensor, int, int]] = field(default_factory=list)  # parameter, start, every
    blocks: list[int] = field(default_factory=list)
    lengths: list[int] = field(default_factory=list)
    kept: Tensor | None = None

    def gather(self) -> Tensor:
        """The elements as they are now, copied.  # (Σ lengths,)"""
        chosen = [flat(parameter)[start::every] for parameter, start, every in self.members]
        now = torch.cat(chosen)
        return now if now.dtype in (torch.float32, torch.float64) else now.float()


class ElementSamples:
    """Every k-th element over all parameters of a block, before and after an update.

    In storage order. k is the smallest that leaves at most `capacity` elements of a block, or
    8,388,608 over the number of blocks where that is less. Memory between `before`
    and `after`: those elements.
    """

    def __init__(self, blocks: Sequence[Sequence[Tensor]], capacity: int) -> None:
        """Choose the elements of each block's parameters, which all have norms (`is_measured`)."""
        self._blocks = blocks
        self._capacity = max(1, min(capacity, _ALL_BLOCKS // max(1, len(blocks))))
        self._shape: list[tuple[int, torch.device, torch.dtype]] = []
        self._groups: list[_Group] = []

    def before(self) -> None:
        """Copy the elements, before the optimizer changes them."""
        shape = [(p.numel(), p.device, p.dtype) for block in self._blocks for p in block]
        if shape != self._shape:
            self._groups = self._chosen()
            self._shape = shape
        for group in self._groups:
            group.kept = group.gather()

    def after(self, device: torch.device) -> Tensor:
        """‖Δθ‖/‖θ‖ of each block over its elements, on `device`.

        NaN where θ = 0 or nothing was kept. Gives the copies back. Shape: (blocks,).
        """
        absent = torch.full((), torch.nan, dtype=wide(device), device=device)
        moved: list[list[Tensor]] = [[] for _ in self._blocks]
        sizes: list[list[Tensor]] = [[] for _ in self._blocks]
        for group in self._groups:
            kept, group.kept = group.kept, None
            if kept is None:
                continue
            change = group.gather().sub_(kept)
            both = [*torch.split(change, group.lengths), *torch.split(kept, group.lengths)]
            found = [norm.to(device, absent.dtype, non_blocking=True) for norm in norms(both)]
            count = len(group.lengths)
            for block, step, size in zip(group.blocks, found[:count], found[count:], strict=True):
                moved[block].append(step)
                sizes[block].append(size)
        if not self._blocks:
            return absent.new_empty(0)
        upper = torch.stack([_joined(parts, absent) for parts in moved])
        lower = torch.stack([_joined(parts, absent) for parts in sizes])
        return torch.where(lower > 0, upper / lower, absent)

    def _chosen(self) -> list[_Group]:
        groups: dict[tuple[torch.device, torch.dtype], _Group] = {}
        for block, parameters in enumerate(self._blocks):
            every = max(1, -(-sum(p.numel() for p in parameters) // self._capacity))
            offset = 0
            for parameter in parameters:
                start = -offset % every
                offset += parameter.numel()
                count = len(range(start, parameter.numel(), every))
                if count == 0:
                    continue
                group = groups.setdefault((parameter.device, parameter.dtype), _Group())
                group.members.append((parameter, start, every))
                if group.blocks[-1:] == [block]:
                    group.lengths[-1] += count
                else:
                    group.blocks.append(block)
                    group.lengths.append(count)
        return list(groups.values())


def _joined(parts: list[Tensor], absent: Tensor) -> Tensor:
    """The norm of a vector from the norms of its parts."""
    if len(parts) == 1:
        return parts[0]
    return torch.linalg.vector_norm(torch.stack(parts)) if parts else absent
