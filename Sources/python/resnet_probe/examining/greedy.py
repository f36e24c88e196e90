"""Which block goes next, where each time the one goes that costs least beside those that are gone."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from resnet_probe.examining.plan import Ordinals

#: How many blocks are tried beside those that are out, until half of all are.
CANDIDATES = 3


@dataclass(frozen=True, slots=True)
class Change:
    """What removing a set did to the loss, as far as choices see it; infinite where it is not finite."""

    mean: float
    upper: float  # its upper bound


#: What the sets did that were measured.
Changes = Mapping[Ordinals, Change]


class Greedy:
    """An order of removal that grows by one block at a time; it measures nothing itself.

    A block's marginal is what it last added to the loss: at first alone, later beside those that
    were out when it was tried. `wanted` are the sets that the next choice looks at, `take` chooses
    by what they changed: the set with the least upper bound, all below zero being alike; of these
    the block that changes least either way, then the one that comes first in the network. By the
    mean the luckiest would go first, of all those that cost little one that varies much, and a dead
    block after it.
    """

    def __init__(self, blocks: Iterable[int]) -> None:
        #: The blocks that are out, in the order of removal.
        self.order: list[int] = []
        self._marginals = dict.fromkeys(sorted(blocks), (0.0, 0.0))  # bound, size
        self._blocks = len(self._marginals)
        self._change = 0.0  # the mean of those that are out

    @property
    def remaining(self) -> Collection[int]:
        """The blocks that are still in."""
        return self._marginals.keys()

    @property
    def is_whole(self) -> bool:
        """Whether all blocks are out."""
        return len(self.order) == self._blocks

    def wanted(self, decided: int | None = None) -> list[Ordinals]:
        """The sets whose changes the next choice needs; with the one that was decided before."""
        tried = self._tried()
        if decided is not None and decided not in tried:
            tried.append(decided)
        return [self._with(one) for one in tried]

    def take(self, changes: Changes, decided: int | None = None) -> int:
        """Takes the next block out, by the changes of all that was wanted; returns it.

        One that was `decided` before goes whatever the changes are.
        """
        found = {one: changes[self._with(one)] for one in self._tried()}
        for one, change in found.items():
            self._marginals[one] = _marginal(change, self._change)
        taken = decided
        if taken is None:
            taken = min(
                found, key=lambda one: (max(found[one].upper, 0.0), self._marginals[one][1], one)
            )
        self._change = changes[self._with(taken)].mean
        self.order.append(taken)
        del self._marginals[taken]
        return taken

    def sets_left(self) -> int:
        """How many sets the choices that are left look at, but for those of single blocks."""
        out = range(max(1, len(self.order)), self._blocks)
        return sum(min(self._candidates(count), self._blocks - count) for count in out)

    def _tried(self) -> list[int]:
        if not self.order:
            return list(self._marginals)
        known = sorted(self._marginals, key=lambda one: (*self._marginals[one], one))
        return known[: self._candidates(len(self.order))]

    def _candidates(self, out: int) -> int:
        return CANDIDATES if 2 * out < self._blocks else 1

    def _with(self, ordinal: int) -> Ordinals:
        return tuple(sorted((*self.order, ordinal)))


def _marginal(change: Change, before: float) -> tuple[float, float]:
    """What a block adds by its upper bound, not below zero, and how much it changes either way."""
    if not math.isfinite(change.mean):
        return math.inf, math.inf
    return max(change.upper - before, 0.0), abs(change.mean - before)
