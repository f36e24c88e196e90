"""Which numbers of one vector belong to which block, and their sums: two kernels for all blocks."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from resnet_probe.measuring.tensor_norms import wide


def on_device(
    values: Sequence[float] | Sequence[int], dtype: torch.dtype, device: torch.device
) -> Tensor:
    """A vector of numbers known on the host; on CUDA nothing waits for its copy."""
    is_pinned = device.type == "cuda"
    return torch.tensor(values, dtype=dtype, pin_memory=is_pinned).to(device, non_blocking=True)


class RowPlaces:
    """The places of each row's numbers in a vector, padded to a table; a row may have none."""

    def __init__(self, rows: Sequence[Sequence[int]], count: int, device: torch.device) -> None:
        """`rows` are places in a vector of `count` numbers of type `wide` on `device`."""
        width = max([1, *map(len, rows)])
        zero, absent = count, count + 1  # behind the vector
        cells: list[int] = []
        for row in rows:
            cells += [*row, *[zero if row else absent] * (width - len(row))]
        self._shape = (len(rows), width)
        self._cells = on_device(cells, torch.int64, device)
        self._behind = on_device([0.0, torch.nan], wide(device), device)

    def sums(self, vector: Tensor) -> Tensor:  # (rows,)
        """The sum of each row; NaN for an empty one."""
        return self._table(vector).sum(dim=1)

    def norms(self, vector: Tensor) -> Tensor:  # (rows,)
        """The root of each row's sum of squares; NaN for an empty one."""
        norms: Tensor = torch.linalg.vector_norm(self._table(vector), dim=1)
        return norms

    def _table(self, vector: Tensor) -> Tensor:
        return torch.cat([vector, self._behind]).index_select(0, self._cells).view(self._shape)
