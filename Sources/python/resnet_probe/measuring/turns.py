"""Which blocks may keep activations until the backward pass, where a budget bounds them.

Only ⟨g, F⟩ needs any (Taylor importance): of a residual block its sum and its stream, which autograd
keeps as well in the usual networks. So the first measured step keeps nothing and looks, once its
forward is over, which of those tensors nobody else kept. From then on the blocks that would keep
such tensors take turns, one measured step each, as many at a time as the budget takes.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence

import torch
from torch.multiprocessing.reductions import StorageWeakRef


class Turns:
    """The turns of one network's blocks; for the thread that trains.

    A block is known by its ordinal. `bound` is in bytes, of one forward pass.
    """

    def __init__(self, bound: int, say: Callable[[str, str], None]) -> None:
        self._bound = bound
        self._say = say
        self._looked_at: dict[int, list[tuple[StorageWeakRef, int]]] = {}
        self._is_own: dict[int, list[bool]] = {}  # which of its tensors a block alone would keep
        self._sizes: dict[int, int] = {}  # bytes of those when last seen
        self._decided: dict[int, bool] = {}  # of this step: its micro-batches are treated alike
        self._kept = 0
        self._first = 0  # the block at which this step's turn begins
        self._next: int | None = None  # the first that found no room

    def begin_step(self) -> None:
        """A measured step begins: the turn goes on with the first block that found no room."""
        self._first, self._next = self._next or 0, None
        self._decided.clear()
        self._kept = 0

    def takes(self, block: int, tensors: Sequence[torch.Tensor], *, copies: bool = False) -> bool:
        """Whether a block may keep these tensors, or copies, until this step's backward pass."""
        if copies:
            self._is_own[block] = [True] * len(tensors)
        if block not in self._decided:
            self._decided[block] = self._decide(block, tensors)
        return self._decided[block]

    def _decide(self, block: int, tensors: Sequence[torch.Tensor]) -> bool:
        own = self._is_own.get(block)
        if own is None or len(own) != len(tensors):
            self._looked_at[block] = [(_storage(t), _bytes(t)) for t in tensors]
            return False
        size = sum(_bytes(t) for t, is_own in zip(tensors, own, strict=True) if is_own)
        self._sizes[block] = size
        if size == 0:
            return True
        if size > self._bound or block < self._first or self._next is not None:
            return False
        if self._kept + size > self._bound:
            self._next = block
            return False
        self._kept += size
        return True

    def replace(self, block: int, output: torch.Tensor) -> None:
        """A block would keep its ReLU's output in place of its sum, the first of its tensors."""
        if block in self._looked_at:
            self._looked_at[block][0] = (_storage(output), _bytes(output))

    def end_pass(self) -> None:
        """The forward is over: what nobody kept is what the blocks looked at would keep alone."""
        if not self._looked_at:
            return
        for block, looked_at in self._looked_at.items():
            self._is_own[block] = [storage.expired() for storage, _ in looked_at]
            sizes = zip(looked_at, self._is_own[block], strict=True)
            self._sizes[block] = sum(size for (_, size), is_own in sizes if is_own)
        self._looked_at = {}
        self._tell()

    def _tell(self) -> None:
        sizes = [size for size in self._sizes.values() if size > 0]
        if sum(sizes) <= self._bound:
            return
        never = sum(size > self._bound for size in sizes)
        words = (
            f"Taylor importance of {len(sizes)} blocks would keep {_amount(sum(sizes))} of"
            f" activations, and memory= is {_amount(self._bound)}: they take turns, a measured"
            " step each"
        )
        if never:
            words += f", but for {never} that would keep more alone: those have none"
        self._say("memory", words)


def bound_of(memory: float | None, model: torch.nn.Module) -> int | None:
    """A budget in bytes; a float is a fraction of the memory of the network's device."""
    if memory is None or isinstance(memory, int):
        return memory
    parameter = next(model.parameters(), None)
    return int(memory * _size(torch.device("cpu") if parameter is None else parameter.device))


def _size(device: torch.device) -> int:
    if device.type == "cuda":
        return int(torch.cuda.get_device_properties(device).total_memory)
    if device.type == "mps":
        return int(torch.mps.recommended_max_memory())
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def _storage(tensor: torch.Tensor) -> StorageWeakRef:
    return StorageWeakRef(tensor.untyped_storage())


def _bytes(tensor: torch.Tensor) -> int:
    return tensor.untyped_storage().nbytes()


def _amount(count: int) -> str:
    return f"{count} bytes" if count < 2**20 else f"{count / 2**20:.1f} MiB"
