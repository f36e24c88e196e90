"""What an examination has measured: written down at once, and found again by the next call."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from resnet_probe.examining.contents import identity_of
from resnet_probe.examining.earlier import measured_before
from resnet_probe.examining.orders import Key
from resnet_probe.examining.plan import Ordinals
from resnet_probe.examining.subject import Subject
from resnet_probe.journal.ablation_wire import Ablation
from resnet_probe.journal.removal_order_wire import RemovalOrder
from resnet_probe.journal.spool import SpoolFolder


@dataclass(slots=True)
class Records:
    """The records of one examination, of this attempt and of those before it.

    What an earlier attempt wrote is written into this one's journal too, so that each attempt's
    examination is complete by itself, once it is.
    """

    subject: Subject
    identity: bytes
    #: What was measured, by the blocks that were removed.
    done: dict[Ordinals, Ablation] = field(default_factory=dict)
    #: The orders of removal as far as they are known.
    orders: dict[Key, list[int]] = field(default_factory=dict)
    #: The sets that are known to be measured, or measured already.
    known: set[Ordinals] = field(default_factory=set)
    _planned: int = 0

    @property
    def planned(self) -> int:
        """How many sets the examination means to remove in all; never falls."""
        self._planned = max(self._planned, len(self.known.union(self.done)))
        return self._planned

    def put(self, ablation: Ablation) -> None:
        """Takes in and writes what was measured."""
        self.done[ablation.ordinals] = ablation
        if self.subject.recording is not None:
            self.subject.recording.put_ablation(ablation)

    def put_order(self, key: Key, place: int, ordinals: Iterable[int]) -> None:
        """Takes in and writes an order from one place on, once a set was measured."""
        added = list(ordinals)
        known = self.orders.setdefault(key, [])
        if known[place : place + len(added)] == added:
            return
        self.orders[key] = known[:place] + added
        like = next(iter(self.done.values()), None)
        if self.subject.recording is not None and like is not None:
            head = replace(like.head, examination=self.identity, planned=self.planned)
            order = RemovalOrder(*key, place, tuple(added))
            self.subject.recording.put_removal_order(head, order)

    def take_earlier(self) -> None:
        """Takes what was written before."""
        ranks = self.subject.ranks
        folder = SpoolFolder(self.subject.settings.environment.spool)
        try:
            found = measured_before(folder, ranks.run, ranks.attempt, self.identity)
        finally:
            folder.close()
        for ablation, is_own in found.ablations.values():
            self._planned = max(self._planned, ablation.planned)
            if is_own:
                self.done[ablation.ordinals] = ablation
            else:
                self.put(ablation)
        for key, places in found.orders.items():
            self._take_order(key, places)

    def _take_order(self, key: Key, places: Mapping[int, tuple[int, bool]]) -> None:
        """An order up to where it contradicts itself, which one of several attempts may."""
        order: list[int] = []
        while len(order) in places and places[len(order)][0] not in order:
            order.append(places[len(order)][0])
        if all(places[place][1] for place in range(len(order))):
            self.orders[key] = order
        else:
            self.put_order(key, 0, order)

    def begin_anew(self, loss: float) -> None:
        """Becomes the examination of a network that has another loss, whatever that is by."""
        self._become(f"{loss:.3g}".encode())

    def leave_out(self, impossible: Iterable[Ordinals]) -> None:
        """What cannot be removed is not awaited: becomes an examination without it."""
        self.known.difference_update(impossible)
        done, orders = self._become(*(repr(one).encode() for one in impossible))
        self._carry_over(done, orders)

    def divide(self, blocks: Ordinals) -> None:
        """Becomes an examination of its own, as its orders are of other blocks."""
        done, _ = self._become(f"orders of {blocks}".encode())
        self._carry_over(done, {})

    def _become(self, *parts: bytes) -> tuple[dict[Ordinals, Ablation], dict[Key, list[int]]]:
        """Takes another identity and what is known under that; returns what was before."""
        for part in parts:
            self.identity = identity_of([self.identity, part])
        before = self.done, self.orders
        self.done, self.orders, self._planned = {}, {}, 0
        self.take_earlier()
        return before

    def _carry_over(self, done: dict[Ordinals, Ablation], orders: dict[Key, list[int]]) -> None:
        self.known.update(done)
        planned = self.planned
        for one in done.values():
            if one.ordinals not in self.done:
                self.put(replace(one, examination=self.identity, planned=planned))
        for key, order in orders.items():
            if key not in self.orders:
                self.put_order(key, 0, order)
