"""Delivers what a spool keeps, one exchange at a time: the courier's decisions carried out."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import random
import time
from collections.abc import Callable
from collections.abc import Set as AbstractSet

from resnet_probe.delivery.courier import Courier, Remark
from resnet_probe.delivery.destination import Destination
from resnet_probe.delivery.exchange import Request, Silence
from resnet_probe.delivery.line import Line
from resnet_probe.delivery.outbox import Outbox, free
from resnet_probe.delivery.segments import KeptSegment, Place
from resnet_probe.journal.spool import Spool

PERIOD = 1.0
"""How often the spool is looked at. Unit: seconds."""
SPARING = 200
"""A spool is left alone for as many times what a look at it took."""


class Deliverer:
    """A spool, a destination and the courier between them; for one thread.

    Args:
        spool: The spool.
        destination: Where to.
        say: Takes what people should hear.
        clock: A clock that only goes forward. Unit: seconds.

    Raises:
        ProbeError: Where the spool cannot be opened.
    """

    def __init__(
        self, spool: Spool, destination: Destination, say: Callable[[Remark], None],
        clock: Callable[[], float] = time.monotonic, period: float = PERIOD,
    ) -> None:  # fmt: skip
        self.outbox = Outbox(spool)
        self.line = Line(destination, clock)
        # Not the generator of the training.
        self.courier = Courier(str(destination.address), random.Random().random)
        self._say = say
        self._clock = clock
        self._period = period
        self._looks_at = 0.0
        address = hashlib.sha256(str(destination.address).encode()).hexdigest()[:16]
        self._lock_name = f".delivery-{address}.lock"
        self._lock: int | None = None

    def close(self) -> None:
        """Closes everything, which frees the lock."""
        self.release()
        self.line.close()
        self.outbox.close()

    def abandon(self) -> None:
        """Closes a forked child's copies; the parent keeps its lock and its connection."""
        lock, self._lock = self._lock, None
        if lock is not None:
            os.close(lock)
        self.line.abandon()
        self.outbox.close()

    def holds_spool(self) -> bool:
        """Whether this deliverer is the one that sends all of the spool there; it tries to be."""
        if self._lock is None:
            self._lock = self.outbox.try_lock(self._lock_name)
        return self._lock is not None

    def release(self) -> None:
        """Lets another process send all of the spool."""
        lock, self._lock = self._lock, None
        if lock is not None:
            free(lock)

    def look(self, own: AbstractSet[str] = frozenset()) -> list[KeptSegment]:
        """Looks at the spool now, and moves aside what is done with."""
        now = self._clock()
        wall_time = time.time()
        here, delivered = self.outbox.segments(), self.outbox.delivered(now)
        self.courier.look(here, delivered, own=own, wall_time=wall_time)
        self._settle(here, wall_time)
        after = self._clock()
        self._looks_at = after + max(self._period, SPARING * (after - now))
        return [*here, *delivered]

    def step(
        self, own: AbstractSet[str] = frozenset(), only: AbstractSet[str] | None = None
    ) -> bool:
        """Sends one stretch, ``only`` of these journals where given; false: nothing can be now."""
        if only is not None and not only:
            return False
        if self._clock() >= self._looks_at:
            self.look(own)
        request = self.courier.next(self._clock(), only)
        if request is None:
            self.line.rest()
            return False
        body = b""
        if request.length:
            body = self._read(request, own)
            if not body:
                return True
            request = dataclasses.replace(request, length=len(body))
        answer = self.line.exchange(request, body)
        if self.line.was_lost:
            self.line.was_lost = False
            self.courier.lost()
        now = self._clock()
        if isinstance(answer, Silence):
            remark = self.courier.unanswered(request, answer, now)
        else:
            whole_until = 0
            if answer.status == 200 and (answer.offset or 0) < request.end:
                whole_until = self._whole_until(request)
            remark = self.courier.answered(request, answer, now, whole_until=whole_until)
        if remark is not None:
            self._say(remark)
        return True

    def _read(self, request: Request, own: AbstractSet[str]) -> bytes:
        """A request's bytes; empty where its segment is no longer what it was."""
        segment = self.courier.file(request.segment)
        if segment is None:
            return b""
        body = self.outbox.read(segment, request.offset, request.length)
        if not body:
            self.look(own)
            if self.courier.file(request.segment) == segment:
                self._say(self.courier.unreadable(request.segment, self._clock()))
        return body

    def _whole_until(self, request: Request) -> int:
        segment = self.courier.file(request.segment)
        return 0 if segment is None else self.outbox.whole_until(segment, request.end)

    def _settle(self, segments: list[KeptSegment], wall_time: float) -> None:
        """Moves aside what is done with."""
        last: dict[str, int] = {}
        for segment in segments:
            name = segment.name
            last[name.journal] = max(name.number, last.get(name.journal, 0))
        for segment in segments:
            if segment.place is not Place.WAITING:
                continue
            is_damaged = self.courier.is_damaged(segment.name)
            if is_damaged or self.courier.is_settled(segment):
                self.outbox.move_aside(
                    segment,
                    self.courier.settled_length(segment.name),
                    has_successor=segment.name.number < last[segment.name.journal],
                    wall_time=wall_time,
                    is_damaged=is_damaged,
                )
