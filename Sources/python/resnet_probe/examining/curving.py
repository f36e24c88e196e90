"""Which sets of blocks are removed for the curve, one after another: proposed ones, then along orders."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping, Sequence

from resnet_probe.blocks import BlockMap
from resnet_probe.examining.curve import Curve, CurveOrder, CurvePoint
from resnet_probe.examining.greedy import Change, Greedy
from resnet_probe.examining.orders import Key, counts, fixed_orders, sets_along, without_first
from resnet_probe.examining.plan import Ordinals
from resnet_probe.examining.proposals import Spans, each_tolerated, least_distant, near_identity
from resnet_probe.examining.records import Records

#: How many standard errors above a mean its one-sided bound of 95 % lies.
_BOUND = 1.645
_GREEDY: Key = ("greedy", 0)
_DEEPEST: Key = ("deepest_first", 0)


class Curving:
    """The curve of one examination under way: it says what to measure and writes the orders.

    What was measured is looked up in the examination's records, where whoever measures puts it. All
    follows from that, so an examination that was stopped goes on as if it had not been.
    """

    def __init__(
        self, records: Records, blocks: BlockMap, removable: Sequence[int],
        gaps: Mapping[int, float], tolerated: float, spans: Spans,
    ) -> None:  # fmt: skip
        self._records = records
        self._blocks = blocks
        self._removable = tuple(sorted(removable))
        self._gaps = gaps
        self._tolerated = tolerated
        self._spans = spans
        #: The sets that were proposed; known once all blocks were removed alone.
        self.proposed: list[Ordinals] = []
        #: Those that could not be measured, and so cost without end.
        self.failed: set[Ordinals] = set()
        self._has_begun = False

    def known(self) -> list[Ordinals]:
        """The sets that are known before any block was removed."""
        if len(self._removable) < 2:
            return []
        orders = fixed_orders(self._removable).values()
        along = [one for order in orders for one in sets_along(order)]
        return list(dict.fromkeys([*self._proposed_untouched(), *along]))

    def left(self) -> int:
        """About how many sets of several blocks are still to be measured; never too few."""
        missing = {one for one in (*self.known(), *self.proposed) if self._is_missing(one)}
        missing -= {(one,) for one in self._removable}
        greedy = self._replayed()
        tried = sum(not self._is_missing(one) for one in greedy.wanted() if len(one) > 1)
        return len(missing) + greedy.sets_left() - tried - (self._removable in missing)

    def leave_out(self, ordinals: Collection[int]) -> None:
        """Leaves out blocks that cannot be removed alone; before the first set is wanted."""
        self._removable = tuple(one for one in self._removable if one not in ordinals)

    def wanted(self) -> Iterator[Ordinals]:
        """What to measure next; to be measured, or put among the failed, before the one after it."""
        if len(self._removable) < 2:
            return
        self._begin()
        yield from filter(self._is_missing, self.proposed)
        greedy = Greedy(self._removable)
        while not greedy.is_whole:
            yield from filter(self._is_missing, greedy.wanted(self._decided(greedy)))
            self._choose(greedy)
            self._records.put_order(_GREEDY, len(greedy.order) - 1, greedy.order[-1:])
        for order in fixed_orders(self._removable).values():
            yield from filter(self._is_missing, sets_along(order))

    def result(self) -> Curve | None:
        """What was measured along the orders; None where no set was wanted yet."""
        if not self._has_begun:
            return None
        done, orders = self._records.done, []
        for key in (_GREEDY, *fixed_orders(self._removable)):
            order = tuple(self._records.orders.get(key, ()))
            where = range(1, len(order) + 1) if key == _GREEDY else counts(len(order))
            points = [
                CurvePoint.of(done[without_first(order, count)], order[:count])
                for count in where if without_first(order, count) in done
            ]  # fmt: skip
            if order:
                orders.append(CurveOrder(*key, order, tuple(points)))
        return Curve(tuple(orders))

    def _begin(self) -> None:
        records, fixed = self._records, fixed_orders(self._removable)
        before = {one for order in records.orders.values() for one in order}
        deepest = set(records.orders.get(_DEEPEST, self._removable))
        if not before <= deepest == set(self._removable):
            records.divide(self._removable)
        self._has_begun = True
        for key, order in fixed.items():
            self._records.put_order(key, 0, order)
        uppers = {one: records.done[one,].loss_change_upper for one in self._removable}
        self.proposed = list(
            dict.fromkeys([*self._proposed_untouched(), *each_tolerated(uppers, self._tolerated)])
        )
        records.known.update(self.proposed)

    def _proposed_untouched(self) -> list[Ordinals]:
        """What is proposed by the untouched network alone."""
        among = set(self._removable)
        return [
            *near_identity({one: gap for one, gap in self._gaps.items() if one in among}),
            *least_distant(self._spans, self._blocks, among),
        ]

    # The greedy order

    def _decided(self, greedy: Greedy) -> int | None:
        """What was chosen before at this place: it stands, even if its measurement is lost."""
        order = self._records.orders.get(_GREEDY, [])
        decided = order[len(greedy.order)] if len(greedy.order) < len(order) else None
        return decided if decided in greedy.remaining else None

    def _choose(self, greedy: Greedy) -> None:
        decided = self._decided(greedy)
        wanted = greedy.wanted(decided)
        greedy.take({one: self._change(one) for one in wanted}, decided)

    def _replayed(self) -> Greedy:
        """The greedy order as far as it follows from what was measured."""
        greedy = Greedy(self._removable)
        while not greedy.is_whole:
            if any(map(self._is_missing, greedy.wanted(self._decided(greedy)))):
                break
            self._choose(greedy)
        return greedy

    def _change(self, ordinals: Ordinals) -> Change:
        """By the even samples, so that the odd ones can judge what was chosen."""
        found = self._records.done.get(ordinals)
        if found is None or found.loss_change_even is None:
            return Change(math.inf, math.inf)
        mean = found.loss_change_even
        return Change(mean, mean + _BOUND * (found.loss_change_even_error or 0.0))

    def _is_missing(self, ordinals: Ordinals) -> bool:
        return ordinals not in self._records.done and ordinals not in self.failed
