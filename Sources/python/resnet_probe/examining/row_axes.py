"""Which dimension of a block's tensors, and of a mask, are the rows of the batch.

It is the first, or of sequences before rows (tokens, rows, channels) the second. Where both are as
long as the batch its sizes do not say, and a batch with one row less does: a block is decided once.
"""

from __future__ import annotations

from collections.abc import Hashable

from torch import Tensor

#: What a mask is known by.
_MASK = "mask"


class RowAxes:
    """The dimensions of rows, as far as batches have told them."""

    def __init__(self) -> None:
        self._known: dict[Hashable, int | None] = {}  # None: nothing tells
        self._unclear: set[Hashable] = set()  # in the pass under way

    @property
    def is_unclear(self) -> bool:
        """Whether a pass had tensors whose sizes do not say it."""
        return bool(self._unclear)

    def begin(self) -> None:
        """A pass begins."""
        self._unclear.clear()

    def settle(self, unclear: set[Hashable]) -> None:
        """Gives up on those of some tensors that a batch with one row less did not tell either."""
        for key in unclear:
            self._known.setdefault(key, None)

    def take_unclear(self) -> set[Hashable]:
        """The tensors of the pass whose sizes do not say it, and the mask beside them."""
        return {*self._unclear, _MASK}

    def of(self, key: Hashable, shape: tuple[int, ...], rows: int) -> int | None:
        """The dimension of rows of what is called so; None where there is none, or nothing tells."""
        fits = [axis for axis, size in enumerate(shape[:2]) if size == rows]
        if key in self._known:
            axis = self._known[key]
            return axis if axis in fits else None
        if len(shape) > 2 and len(fits) == 2 and rows > 1:
            self._unclear.add(key)
            return None
        if not fits or (fits[0] == 1 and len(shape) != 3):
            return None
        if len(shape) > 2:
            self._known[key] = fits[0]
        return fits[0]

    def is_untold(self, key: Hashable) -> bool:
        """Whether a batch with one row less did not tell it either."""
        return key in self._known and self._known[key] is None

    def see_mask(self, mask: Tensor | None, rows: int) -> None:
        """A pass has this mask: its sizes may tell which of them are rows."""
        if mask is None or mask.ndim != 2 or mask.shape[0] == mask.shape[1]:
            return
        if _MASK not in self._known and rows in mask.shape:
            self._known[_MASK] = int(mask.shape[0] != rows)

    def is_mask_clear(self, mask: Tensor | None, values: Tensor, axis: int | None) -> bool:
        """Whether it is known which tokens of a tensor, whose rows are there, a mask speaks of."""
        if mask is None or mask.ndim != 2 or values.ndim != 3:
            return True
        is_either = mask.shape == values.shape[:2] and mask.shape[0] == mask.shape[1] > 1
        return not is_either or (axis is not None and self._known.get(_MASK) is not None)

    def beside(self, mask: Tensor | None, values: Tensor, axis: int | None) -> Tensor | None:
        """A mask of rows and tokens in the order that a tensor has them."""
        if mask is None or mask.ndim != 2 or values.ndim != 3:
            return mask
        is_turned = mask.T.shape == values.shape[:2] != mask.shape
        if mask.shape == values.shape[:2] == mask.T.shape and axis is not None:
            is_turned = self._known.get(_MASK, axis) != axis
        return mask.T if is_turned else mask
