"""The thread that delivers beside a training, and what a training asks of it."""

from __future__ import annotations

import os
import queue
import threading
import time
from collections.abc import Callable

from resnet_probe.delivery.courier import Remark
from resnet_probe.delivery.deliverer import PERIOD, Deliverer
from resnet_probe.delivery.destination import Destination
from resnet_probe.delivery.left import Left, left_of
from resnet_probe.delivery.outbox import Outbox
from resnet_probe.journal.spool import Spool
from resnet_probe.notices import Notices, ProbeError

SHORTEST_SLEEP = 0.02
"""The shortest time that the thread sleeps where nothing is to be sent. Unit: seconds."""


class _Wait:
    """Somebody who waits until journals are delivered."""

    def __init__(self, journals: frozenset[str]) -> None:
        self.journals = journals
        self.done: queue.SimpleQueue[None] = queue.SimpleQueue()


class Delivery:
    """Delivers a spool to a destination from one daemon thread, while a journal of it is open here.

    Of the processes that share a spool one sends everything; the others send their own journals
    at their end only. The thread ends when no journal is open and nothing is left. Nothing that
    training calls waits for the network, but `finish`, as long as it is told to. No method raises.

    Args:
        spool: The spool.
        destination: Where to.
        notices: Where to say what goes wrong.
        clock: A clock that only goes forward. Unit: seconds.
        period: How often the spool is looked at. Unit: seconds.
    """

    def __init__(
        self, spool: Spool, destination: Destination, notices: Notices,
        clock: Callable[[], float] = time.monotonic, period: float = PERIOD,
    ) -> None:  # fmt: skip
        self._spool = spool
        self._destination = destination
        self._notices = notices
        self._clock = clock
        self._period = period
        self._process = os.getpid()
        # For what follows; held for a few statements and never around a request. Reentrant, for
        # signal handlers.
        self._lock = threading.RLock()
        self._open: set[str] = set()
        self._waits: list[_Wait] = []
        self._own: frozenset[str] = frozenset()
        self._thread: threading.Thread | None = None
        self._deliverer: Deliverer | None = None
        # Its put may be called from a signal handler that interrupts a put.
        self._bell: queue.SimpleQueue[None] = queue.SimpleQueue()
        self._patience: float | None = None
        # What was said first of each cause.
        self._told: dict[str, str] = {}

    def begin(self, journal: str) -> None:
        """A journal of this process was opened."""
        with self._lock:
            self._open.add(journal)
            self._own |= {journal}
            if self._thread is not None:
                return
            try:
                self._deliverer = Deliverer(
                    self._spool, self._destination, self._say, self._clock, self._period
                )
                thread = threading.Thread(
                    target=self._run, name="resnet-probe-deliver", daemon=True
                )
                self._thread = thread
                thread.start()
            except (ProbeError, RuntimeError) as problem:
                self._thread = None
                self._say(Remark("thread", f"nothing is delivered: {problem}"))

    def end(self, journal: str) -> None:
        """A journal has its end, which goes out in the background."""
        if self._process == os.getpid():
            with self._lock:
                self._open.discard(journal)
            self._bell.put(None)

    def finish(self, journal: str, wait: float) -> None:
        """Waits for what is left of a journal, and says what that is where it takes longer.

        Where nothing was delivered during such a wait, the next ones are shorter by it until
        something is: a destination that is away costs a process that time once.
        """
        if self._process == os.getpid():
            self._tell(self._wait(frozenset([journal]), wait))

    def leave(self, wait: float) -> None:
        """Waits for all of this process, since it ends."""
        if self._process == os.getpid():
            self._tell(self._wait(self._own, wait))

    def abandon(self) -> None:
        """Makes a forked child's copy inert, so that it keeps no connection and no lock."""
        self._process = -1
        deliverer = self._deliverer
        if deliverer is not None:
            deliverer.abandon()

    # In the training's thread

    def _wait(self, journals: frozenset[str], seconds: float) -> Left:
        """Waits until these journals, which have ended, are delivered; what is left of them."""
        wait = _Wait(journals)
        patience = seconds if self._patience is None else min(seconds, self._patience)
        start = self._clock()
        with self._lock:
            is_running = self._thread is not None
            self._open -= journals
            if is_running:
                self._waits.append(wait)
        self._bell.put(None)
        try:
            if is_running:
                wait.done.get(timeout=patience)
        except queue.Empty:
            self._patience = max(0.0, patience - (self._clock() - start))
        except BaseException:  # Ctrl-C: the process's end does not wait once more
            self._patience = 0.0
            raise
        finally:
            with self._lock:
                if wait in self._waits:
                    self._waits.remove(wait)
        return self._left(journals)

    def _left(self, journals: frozenset[str]) -> Left:
        deliverer = self._deliverer
        try:
            outbox = Outbox(self._spool)
        except ProbeError:
            return Left()
        try:
            kept = outbox.segments() + outbox.delivered(0.0)
            segments = [segment for segment in kept if segment.name.journal in journals]
        finally:
            outbox.close()
        if deliverer is None:
            return Left(sum(segment.length for segment in segments), len(segments))
        return left_of(segments, deliverer.courier)

    def _tell(self, left: Left) -> None:
        if not left:
            return
        trouble = self._deliverer.courier.trouble if self._deliverer is not None else None
        why = ""
        if trouble is not None:
            told = self._told.get(f"undelivered {trouble.cause}", "")
            why = " (see above)" if trouble.words in told else f" ({trouble.words})"
        self._notices.say(
            f"left {left}",
            f"{left} of this run are not delivered to {self._destination.address}{why}; the next"
            " run takes them there, or `python -m resnet_probe deliver`; `resnet-probe ingest`"
            " takes them into this host's store",
        )

    def _say(self, remark: Remark) -> None:
        self._told.setdefault(remark.cause, remark.message)
        self._notices.say(remark.cause, remark.message)

    # In the thread

    def _run(self) -> None:
        deliverer = self._deliverer
        assert deliverer is not None
        seen: list[_Wait] = []
        try:
            while True:
                with self._lock:
                    waits = list(self._waits)
                if not all(wait in seen for wait in waits):
                    deliverer.courier.hurry()
                    deliverer.look(self._own)
                seen = waits
                ending = frozenset[str]().union(*(wait.journals for wait in waits))
                holds = deliverer.holds_spool()
                is_sending = deliverer.step(self._own, None if holds else ending)
                self._release(deliverer, waits)
                if is_sending:
                    continue
                if self._is_over(deliverer, holds):
                    return
                self._sleep(deliverer, holds)
        except Exception as problem:
            words = f"{type(problem).__name__}: {problem}"
            self._say(
                Remark("failed", f"delivery ended ({words}), journals stay; please report this")
            )
        finally:
            with self._lock:
                if self._deliverer is deliverer:
                    self._thread = None
            deliverer.close()

    def _release(self, deliverer: Deliverer, waits: list[_Wait]) -> None:
        """Lets those go on that wait for what is delivered, or in vain."""
        trouble = deliverer.courier.trouble
        if trouble is None:
            self._patience = None
        in_vain = trouble is not None and trouble.is_lasting
        for wait in waits:
            if in_vain or self._is_done(deliverer, wait):
                deliverer.look(self._own)  # what is delivered moves aside before its process ends
                if in_vain or self._is_done(deliverer, wait):
                    wait.done.put(None)
                    with self._lock:
                        if wait in self._waits:
                            self._waits.remove(wait)

    def _is_done(self, deliverer: Deliverer, wait: _Wait) -> bool:
        return all(deliverer.courier.is_done_with(journal) for journal in wait.journals)

    def _is_over(self, deliverer: Deliverer, holds: bool) -> bool:
        with self._lock:
            if self._open or self._waits:
                return False
        deliverer.look(self._own)  # what came last
        if holds and not deliverer.courier.is_idle:
            return False
        with self._lock:
            if self._open or self._waits:
                return False
            self._thread = None
            return True

    def _sleep(self, deliverer: Deliverer, holds: bool) -> None:
        due = deliverer.courier.due - self._clock()
        has_work = holds and not deliverer.courier.is_idle
        seconds = min(due, self._period) if has_work or self._waits else self._period
        try:
            self._bell.get(timeout=max(SHORTEST_SLEEP, seconds))
        except queue.Empty:
            return
