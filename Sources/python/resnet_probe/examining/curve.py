"""The curve of an examination, as values: the loss against how many blocks are out; prints as a table."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from resnet_probe.examining.table import of_rows, signed
from resnet_probe.journal.ablation_wire import Ablation
from resnet_probe.journal.removal_order_wire import Strategy


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """What removing the first blocks of an order together does to the loss of the probe set."""

    #: How many blocks are out.
    dropped: int
    #: Which, in the order of removal.
    ordinals: tuple[int, ...]
    #: Mean over samples of the loss without them minus the loss; None where no loss was finite.
    loss_change: float | None
    #: One-sided bound of `loss_change`, by a paired bootstrap; None where some loss was not finite.
    lower: float | None
    #: The same from above.
    upper: float | None
    #: The mean over samples 0, 2, 4 …, which the greedy order is chosen by.
    even: float | None
    #: The mean over the other samples, which no choice has seen.
    odd: float | None
    #: Share of wrong predictions without them minus the share; None where none are counted.
    error_change: float | None
    #: One-sided bounds of `error_change`.
    error_lower: float | None
    #: The same from above.
    error_upper: float | None
    #: Samples whose loss without them was NaN or infinite.
    non_finite: int

    @classmethod
    def of(cls, ablation: Ablation, ordinals: tuple[int, ...]) -> CurvePoint:
        """From a record, with the blocks in the order of removal."""
        change = ablation.loss_change
        return cls(
            len(ordinals), ordinals, change.mean if change.n else None,
            ablation.loss_change_lower, ablation.loss_change_upper,
            ablation.loss_change_even, ablation.loss_change_odd,
            ablation.error_change, ablation.error_change_lower, ablation.error_change_upper,
            ablation.non_finite,
        )  # fmt: skip

    @property
    def held_out_upper(self) -> float | None:
        """The upper bound of the change by the odd samples alone; None where there are no bounds.

        odd + √2 · (upper − loss_change): half the samples have √2 times the standard error. A set
        that was chosen for how little it changes the even ones is judged by this.
        """
        if self.odd is None or self.upper is None or self.loss_change is None:
            return None
        return self.odd + math.sqrt(2) * (self.upper - self.loss_change)


@dataclass(frozen=True, slots=True)
class CurveOrder:
    """One order of removal and what was measured along it."""

    #: "greedy", "deepest_first" or "random".
    strategy: Strategy
    #: Which of the strategy's orders, from 0.
    number: int
    #: The blocks in the order of removal, as far as it is known.
    ordinals: tuple[int, ...]
    #: What was measured, by rising `dropped`.
    points: tuple[CurvePoint, ...]

    def at(self, dropped: int) -> CurvePoint | None:
        """The point of so many blocks; None where there is none."""
        return next((point for point in self.points if point.dropped == dropped), None)


@dataclass(frozen=True, slots=True, repr=False)
class Curve:
    """The orders of one examination: greedy, deepest first, then those at random."""

    orders: tuple[CurveOrder, ...]

    def __iter__(self) -> Iterator[CurveOrder]:
        return iter(self.orders)

    def of(self, strategy: Strategy) -> tuple[CurveOrder, ...]:
        """The orders of one strategy."""
        return tuple(order for order in self.orders if order.strategy == strategy)

    @property
    def greedy(self) -> CurveOrder | None:
        """The greedy order; None where it was not begun."""
        return next(iter(self.of("greedy")), None)

    def __repr__(self) -> str:
        """The loss's change at the counts where the fixed orders are measured."""
        fixed = {
            point.dropped
            for order in self.orders if order.strategy != "greedy" for point in order.points
        }  # fmt: skip
        shown = fixed or {point.dropped for order in self.orders for point in order.points}
        rows: list[tuple[str, ...]] = [("blocks dropped", "greedy", "deepest first", "random mean")]
        rows += [
            (
                str(dropped),
                *(_mean(self.of(one), dropped) for one in ("greedy", "deepest_first", "random")),
            )
            for dropped in sorted(shown)
        ]
        return "\n".join(of_rows(rows))


def _mean(orders: tuple[CurveOrder, ...], dropped: int) -> str:
    """The mean over those of some orders that were measured there."""
    points = [point for order in orders if (point := order.at(dropped)) is not None]
    if any(point.non_finite for point in points):
        return "not finite"
    changes = [point.loss_change for point in points if point.loss_change is not None]
    return signed(sum(changes) / len(changes)) if changes else ""
