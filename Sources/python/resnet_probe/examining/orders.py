"""In which orders blocks are removed one after another, beside the greedy one: what that is held against."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence

from resnet_probe.examining.plan import Ordinals
from resnet_probe.journal.removal_order_wire import Strategy

#: Which of the orders of a strategy: `random` has several.
Key = tuple[Strategy, int]

#: How many orders are drawn at random.
RANDOM_ORDERS = 3
#: Up to how many blocks each count of a fixed order is measured, and how many counts of more.
_MOST_COUNTS = 12


def fixed_orders(ordinals: Iterable[int]) -> dict[Key, Ordinals]:
    """The orders that follow from which blocks there are: the deepest first, and those at random.

    A block's place at random follows from its ordinal and the order's number: the same in every
    process, and of fewer blocks the same order without the others.
    """
    blocks = sorted(ordinals)
    found: dict[Key, Ordinals] = {("deepest_first", 0): tuple(reversed(blocks))}
    for number in range(RANDOM_ORDERS):
        drawn = {one: hashlib.sha256(f"{number} {one}".encode()).digest() for one in blocks}
        found["random", number] = tuple(sorted(blocks, key=drawn.__getitem__))
    return found


def counts(blocks: int) -> list[int]:
    """How many blocks are out where a fixed order is measured, ascending.

    All counts up to 12 blocks; of more 12 that are evenly spaced, one, and half.
    """
    if blocks <= _MOST_COUNTS:
        return list(range(1, blocks + 1))
    even = {(2 * blocks * place + _MOST_COUNTS) // (2 * _MOST_COUNTS)
            for place in range(1, _MOST_COUNTS + 1)}  # fmt: skip
    return sorted(even | {1, blocks // 2})


def without_first(order: Sequence[int], count: int) -> Ordinals:
    """The first blocks of an order as a set: ascending."""
    return tuple(sorted(order[:count]))


def sets_along(order: Sequence[int]) -> list[Ordinals]:
    """The sets that are measured along a fixed order."""
    return [without_first(order, count) for count in counts(len(order))]
