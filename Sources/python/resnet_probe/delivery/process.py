"""The deliveries of this process: one for each spool and destination, until the process ends."""

from __future__ import annotations

import atexit
import os
import threading
from dataclasses import dataclass

from resnet_probe.delivery.delivery import Delivery
from resnet_probe.delivery.destination import Destination
from resnet_probe.environment import Environment
from resnet_probe.notices import Notices


@dataclass(frozen=True, slots=True)
class JournalDelivery:
    """The delivery of one journal of this process."""

    delivery: Delivery
    journal: str
    wait: float
    """How long `finish` waits. Unit: seconds."""

    def end(self) -> None:
        """The journal has its end, which goes out in the background."""
        self.delivery.end(self.journal)

    def finish(self) -> None:
        """Waits for what is left of it, and says what that is where it takes longer."""
        self.delivery.finish(self.journal, self.wait)


class _Deliveries:
    """What this process delivers, by spool and destination."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.by_place: dict[tuple[str | None, Destination], tuple[Delivery, float]] = {}


_deliveries = _Deliveries()


def deliver(journal: str | None, environment: Environment) -> JournalDelivery | None:
    """Has a journal of this process delivered, where the environment names a destination."""
    destination, spool = environment.destination, environment.spool
    if journal is None or destination is None:
        return None
    with _deliveries.lock:
        place = (spool.path, destination)
        known = _deliveries.by_place.get(place)
        delivery = Delivery(spool, destination, Notices()) if known is None else known[0]
        _deliveries.by_place[place] = (delivery, environment.finish_wait)
    delivery.begin(journal)
    return JournalDelivery(delivery, journal, environment.finish_wait)


def _after_fork() -> None:
    global _deliveries
    theirs, _deliveries = _deliveries, _Deliveries()
    for delivery, _ in list(theirs.by_place.values()):
        delivery.abandon()


def _at_exit() -> None:
    for delivery, wait in list(_deliveries.by_place.values()):
        delivery.leave(wait)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
atexit.register(_at_exit)
