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
        self._ending: dict[str, queue.SimpleQueue[None]] = {}
        self._own: frozenset[str] = frozenset()
        self._thread: threading.Thread | None = None
        self._deliverer: Deliverer | None = None
        # Its put may be called from a signal handler that interrupts a put.
        self._bell: queue.SimpleQueue[None] = queue.SimpleQueue()
        self._patience: float | None = None

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
            self._tell(self._wait({journal}, wait))

    def leave(self, wait: float) -> None:
        """Waits for all of this process, since it ends."""
        if self._process == os.getpid():
            self._tell(self._wait(set(self._own), wait))

    def abandon(self) -> None:
        """Makes a forked child's copy inert, so that it keeps no connection and no lock."""
        self._process = -1
        deliverer = self._deliverer
        if deliverer is not None:
            deliverer.abandon()

    # In the training's thread

    def _wait(self, journals: set[str], wait: float) -> Left:
        """Waits until these journals, which have ended, are delivered; what is left of them."""
        done: queue.SimpleQueue[None] = queue.SimpleQueue()
        patience = wait if self._patience is None else min(wait, self._patience)
        start = self._clock()
        with self._lock:
            is_running = self._thread is not None
            self._open -= journals
            if is_running:
                self._ending |= dict.fromkeys(journals, done)
        self._bell.put(None)
        try:
            for _ in journals if is_running else ():
                done.get(timeout=max(0.0, start + patience - self._clock()))
        except queue.Empty:
            self._patience = max(0.0, patience - (self._clock() - start))
        finally:
            with self._lock:
                for journal in journals:
                    self._ending.pop(journal, None)
        return self._left(journals)

    def _left(self, journals: set[str]) -> Left:
        deliverer = self._deliverer
        try:
            outbox = Outbox(self._spool)
        except ProbeError:
            return Left()
        try:
            segments = outbox.segments(0.0, journals)
        finally:
            outbox.close()
        if deliverer is None:
            return Left(sum(segment.length for segment in segments), len(segments))
        return left_of(segments, deliverer.courier)

    def _tell(self, left: Left) -> None:
        if not left:
            return
        trouble = self._deliverer.courier.trouble if self._deliverer is not None else None
        why = f" ({trouble.words})" if trouble is not None else ""
        self._notices.say(
            f"left {left}",
            f"{left} of this run are not delivered to {self._destination.address}{why}; the next"
            " run takes them there, or `python -m resnet_probe deliver`; `resnet-probe ingest`"
            " takes them into this host's store",
        )

    def _say(self, remark: Remark) -> None:
        self._notices.say(remark.cause, remark.message)

    # In the thread

    def _run(self) -> None:
        deliverer = self._deliverer
        assert deliverer is not None
        seen: frozenset[str] = frozenset()
        try:
            while True:
                ending = self._journals_that_end()
                if ending - seen:
                    deliverer.courier.hurry()
                    deliverer.look(self._own)
                seen = ending
                holds = deliverer.holds_spool()
                is_sending = deliverer.step(self._own, None if holds else ending)
                self._release(deliverer, ending)
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

    def _journals_that_end(self) -> frozenset[str]:
        with self._lock:
            return frozenset(self._ending)

    def _release(self, deliverer: Deliverer, ending: frozenset[str]) -> None:
        """Lets those go on that wait for what is delivered, or in vain."""
        trouble = deliverer.courier.trouble
        if trouble is None:
            self._patience = None
        for journal in ending:
            if deliverer.courier.is_done_with(journal) or (trouble and trouble.is_lasting):
                with self._lock:
                    done = self._ending.pop(journal, None)
                if done is not None:
                    done.put(None)

    def _is_over(self, deliverer: Deliverer, holds: bool) -> bool:
        with self._lock:
            if self._open or self._ending:
                return False
        deliverer.look(self._own)  # what came last
        if holds and not deliverer.courier.is_idle:
            return False
        with self._lock:
            if self._open or self._ending:
                return False
            self._thread = None
            return True

    def _sleep(self, deliverer: Deliverer, holds: bool) -> None:
        due = deliverer.courier.due - self._clock()
        has_work = holds and not deliverer.courier.is_idle
        seconds = min(due, self._period) if has_work or self._ending else self._period
        try:
            self._bell.get(timeout=max(SHORTEST_SLEEP, seconds))
        except queue.Empty:
            return
