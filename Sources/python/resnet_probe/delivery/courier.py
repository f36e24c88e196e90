"""Decides what is sent next: a value that is told what came of it, and speaks to nobody."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from resnet_probe.delivery.exchange import Answer, Request, Silence
from resnet_probe.delivery.ledger import Ledger
from resnet_probe.delivery.pause import Pause
from resnet_probe.delivery.segments import KeptSegment, Place, SegmentName

LARGEST_BODY = 1 << 20
"""The most bytes that are usually sent at once."""
SMALLEST_BODY = 1 << 16
"""A body is not made shorter than this."""
RECORD_BODY = (4 << 20) + 1024
"""The most bytes that are ever sent at once: a record of the greatest length."""
SLOWLY = 30.0
"""The least pause after an answer that only people can mend. Unit: seconds."""
PATIENCE = 3
"""How often in a row something that may pass fails before it is spoken of."""
_FRESH = 60


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why delivery does not go on."""

    cause: str
    """One word or status, for saying it once."""
    words: str
    """For people, in half a sentence."""
    is_lasting: bool = False
    """Whether only people can mend it."""


@dataclass(frozen=True, slots=True)
class Remark:
    """Something to say once a cause."""

    cause: str
    message: str


class Courier:
    """One destination and one spool: which stretch of which segment goes out next, and when.

    The other side's word is believed only as ``offset``; each segment is asked for before anything
    of it is sent, and again after a lost connection, and all of them where another store answers
    or one that knows less. One thread at a time.

    Args:
        name: The destination, for remarks.
        random: Numbers from 0 to 1, evenly spread, for the pauses.
    """

    def __init__(self, name: str, random: Callable[[], float]) -> None:
        self._name = name
        self._pause = Pause(random)
        self._restarts = Pause(random)
        self._ledger = Ledger()
        self._files: dict[SegmentName, KeptSegment] = {}
        self._here: Sequence[KeptSegment] = ()
        self._delivered: Sequence[KeptSegment] = ()
        self._own: AbstractSet[str] = frozenset()
        self._order: list[SegmentName] = []
        self._queue: deque[SegmentName] = deque()
        self._random = random
        self._body = LARGEST_BODY
        self._most = RECORD_BODY
        self.store: str | None = None
        """The store that answered last."""
        self.trouble: Trouble | None = None
        """Why the last exchange brought nothing; ``None`` where it did."""
        self.has_sent = False
        """Whether anything that was sent was taken."""

    # What there is

    def look(
        self, here: Sequence[KeptSegment], delivered: Sequence[KeptSegment] = (), *,
        own: AbstractSet[str] = frozenset(), wall_time: float = 0.0,
    ) -> None:  # fmt: skip
        """Takes what the spool keeps, in itself and in ``delivered/``.

        First go the journals of ``own``, then what was written in the last minute, then what
        waits, the oldest journal first, then what is only asked for: delivered and damaged ones.
        Within a journal segments go by number.
        """
        if delivered is self._delivered and here == self._here and own == self._own:
            return
        self._here, self._delivered, self._own = here, delivered, own
        # What lies in both is the one that may grow.
        files = {file.name: file for file in (*delivered, *here)}
        self._files = files
        self._ledger.keep(files)
        begun: dict[str, int] = {}
        for file in files.values():
            journal = file.name.journal
            begun[journal] = min(begun.get(journal, file.modified), file.modified)

        def rank(file: KeptSegment) -> tuple[int, int, SegmentName]:
            if file.place is not Place.WAITING:
                return 3, begun[file.name.journal], file.name
            if file.name.journal in own:
                return 0, 0, file.name
            is_fresh = abs(wall_time - file.modified) < _FRESH
            return 1 if is_fresh else 2, begun[file.name.journal], file.name

        self._order = [file.name for file in sorted(files.values(), key=rank)]
        self._queue = deque(self._order)

    def next(self, now: float, only: AbstractSet[str] | None = None) -> Request | None:
        """What is sent now, ``only`` of these journals where given; None: nothing, or not yet."""
        if now < self.due:
            return None
        if self.is_idle:
            self._restarts.clear()
            return None
        for name in self._queue:
            file = self._files[name]
            is_asked_for = only is None or name.journal in only
            if is_asked_for and self._is_due(name, now) and self._ledger.has_work(file):
                return self._request(file)
        return None

    @property
    def due(self) -> float:
        """When something may be sent. Unit: seconds, by the caller's clock."""
        least: float | None = None
        for name in self._queue:
            if self._ledger.has_work(self._files[name]):
                due = self._ledger.account(name).due
                least = due if least is None else min(least, due)
                if not due:
                    break
        return max(self._pause.ends, self._restarts.ends, least or 0.0)

    def _is_due(self, segment: SegmentName, now: float) -> bool:
        return self._ledger.account(segment).due <= now

    @property
    def is_idle(self) -> bool:
        """Whether nothing is to be sent, now or after a pause."""
        while self._queue and not self._ledger.has_work(self._files[self._queue[0]]):
            self._queue.popleft()
        return not self._queue

    def is_done_with(self, journal: str) -> bool:
        """Whether nothing of a journal is to be sent."""
        return not any(
            self._ledger.has_work(file)
            for file in self._files.values()
            if file.name.journal == journal
        )

    def hurry(self) -> None:
        """Ends a pause, since somebody waits."""
        self._pause.clear()
        self._ledger.hurry()

    def has_work(self, file: KeptSegment) -> bool:
        """Whether something of a segment, as long as it was, is to be asked for or sent."""
        return file.name in self._files and self._ledger.has_work(file)

    def is_settled(self, file: KeptSegment) -> bool:
        """Whether nothing of a segment, as long as it is now, is left to send."""
        return not self._ledger.has_work(file) and self._ledger.account(file.name).refused is None

    def settled_length(self, segment: SegmentName) -> int | None:
        """How long the file is of which all was taken; None: not all, or refused."""
        account = self._ledger.account(segment)
        return account.settled if account.refused is None else None

    def file(self, segment: SegmentName) -> KeptSegment | None:
        """A segment as it was when the spool was looked at; None where it was not there."""
        return self._files.get(segment)

    def bytes_left(self, file: KeptSegment) -> int:
        """How much of a segment is not known to be there; for any thread."""
        account = self._ledger.find(file.name)
        if account is None:
            return file.length
        if account.refused is None and (account.settled or 0) >= file.length:
            return 0
        return max(0, file.length - account.acknowledged)

    def is_damaged(self, segment: SegmentName) -> bool:
        """Whether the other side refused a segment as damaged."""
        return self._ledger.account(segment).is_damaged

    def _request(self, file: KeptSegment) -> Request:
        account = self._ledger.account(file.name)
        if account.offset is None:
            return Request(file.name)
        most = max(self._body, min(account.least_body, self._most))
        return Request(file.name, account.offset, min(file.length - account.offset, most))

    # What came of it

    def unanswered(self, request: Request, silence: Silence, now: float) -> Remark | None:
        """No answer came: all is asked for again, since the other side may not be what it was."""
        self._ask_again()
        if silence.kind == "slow" and request.length:
            self._body = max(SMALLEST_BODY, min(self._body, request.length) // 2)
        is_early = silence.kind in ("unresolved", "insecure", "untrusted", "garbled")
        trouble = Trouble(silence.kind, silence.words, is_lasting=silence.kind == "untrusted")
        return self._fail(trouble, now, is_early=is_early)

    def unreadable(self, segment: SegmentName, now: float) -> Remark:
        """A segment's file could not be read."""
        self._ledger.account(segment).refused = "it cannot be read"
        return Remark("unreadable", f"segment {segment} in the spool cannot be read, and stays")

    def lost(self) -> None:
        """The connection is another one: all is asked for again."""
        self._ask_again()

    def answered(
        self, request: Request, answer: Answer, now: float, *, whole_until: int = 0
    ) -> Remark | None:
        """An answer came; returns what people should hear of.

        ``whole_until`` is where the last whole record of the segment before the request's end
        ends. Behind it is a record that is being written, or was cut with its recorder: nothing
        that could be acknowledged.
        """
        if request.segment not in self._files:
            return None
        match answer.status:
            case 200 if answer.store is not None and answer.offset is not None:
                return self._accepted(request, answer.store, answer.offset, whole_until, now)
            case 409 if answer.offset is not None and answer.offset < request.offset:
                self._goes_back(request.segment, answer.offset, now)
                return None
            case 422 if answer.offset is not None:
                return self._refused(request.segment, answer.offset, answer.problem, now)
            case 413 if request.length:
                return self._too_long(request, now)
            case _:
                return self._failed(answer, now)

    def _accepted(
        self, request: Request, store: str, offset: int, whole_until: int, now: float
    ) -> Remark | None:
        if store != self.store:
            if self.store is not None:
                self._ledger.begin_anew()
                self._queue = deque(self._order)
                self._restarts.fail(now)
            self.store = store
        if offset < request.offset:
            self._goes_back(request.segment, offset, now)
            return None
        self.trouble = None
        account = self._ledger.account(request.segment)
        file = self._files[request.segment]
        account.offset = account.acknowledged = offset
        is_to_the_end = request.end >= file.length
        is_settled = is_to_the_end and offset >= whole_until
        account.offered = request.end if request.length and is_settled else offset
        if request.length and offset == request.offset and not is_settled:
            if is_to_the_end:
                return self._unacknowledged(request, now)
            self._pause.fail(now)
            return self._lengthen(request, now)
        if is_settled or offset - request.offset >= request.length // 4:
            self._pause.clear()
        else:
            self._pause.fail(now)
        account.least_body = 0
        if request.length:
            account.pause = None
            self.has_sent = self.has_sent or offset > request.offset
        if offset > max(file.length, request.end):
            return Remark(
                "beyond",
                f"{self._name} knows {offset} bytes of {request.segment}, which has {file.length}:"
                " it stays in the spool; was it restored from a copy?",
            )
        return None

    def _unacknowledged(self, request: Request, now: float) -> Remark:
        """Whole records were sent and none was acknowledged: only this segment has to wait."""
        account = self._ledger.account(request.segment)
        pause = account.pause = account.pause or Pause(self._random)
        pause.fail(now)
        words = (
            f"it acknowledged {request.offset:,} of {request.end:,} bytes of segment"
            f" {request.segment}"
        )
        self.trouble = Trouble("unacknowledged", words)
        return Remark(
            "undelivered unacknowledged",
            f"not all is delivered to {self._name}: {words}, which stays in the spool and is sent"
            " again; is RESNET_PROBE_URL a resnet-probe daemon?",
        )

    def _lengthen(self, request: Request, now: float) -> Remark | None:
        """Not one whole record was in what was sent."""
        if request.length < self._most:
            account = self._ledger.account(request.segment)
            account.least_body = min(2 * request.length, self._most)
            return None
        return self._give_up(request.segment, "a record is longer than what it takes", now)

    def _ask_again(self, but: SegmentName | None = None) -> None:
        self._ledger.ask_again(but)
        self._queue = deque(self._order)

    def _goes_back(self, segment: SegmentName, offset: int, now: float) -> None:
        """The other side knows less than it had acknowledged: it was restored from a copy."""
        account = self._ledger.account(segment)
        self._ask_again(but=segment)
        account.offset = account.acknowledged = offset
        account.offered = 0
        self._restarts.fail(now)

    def _refused(
        self, segment: SegmentName, offset: int, problem: str, now: float
    ) -> Remark | None:
        self.trouble = None
        self._pause.clear()
        account = self._ledger.account(segment)
        account.offset = account.acknowledged = offset
        account.refused = problem or "it is damaged"
        account.is_damaged = True
        if self._files[segment].place is not Place.WAITING:
            return None
        return Remark(
            "damaged",
            f"{self._name} refused segment {segment} after byte {offset}: {account.refused}; it is"
            " set aside as .damaged, and delivery goes on with the next",
        )

    def _too_long(self, request: Request, now: float) -> Remark | None:
        if request.length <= SMALLEST_BODY:
            return self._give_up(request.segment, "it takes no body of 64 KiB", now)
        self._most = self._body = max(SMALLEST_BODY, request.length // 2)
        self._pause.fail(now)
        return None

    def _give_up(self, segment: SegmentName, why: str, now: float) -> Remark:
        self._ledger.account(segment).refused = why
        self._pause.fail(now)
        return Remark("too long", f"{self._name} cannot take segment {segment}: {why}")

    def _failed(self, answer: Answer, now: float) -> Remark | None:
        status, said = answer.status, f": {answer.problem}" if answer.problem else ""
        asked = float(answer.retry_after or 0)
        if status == 401:
            words = f"it wants another token (401{said}); set RESNET_PROBE_TOKEN"
        elif status == 403:
            words = f"the token may not send journals (403{said}); set RESNET_PROBE_TOKEN"
        elif status == 429 or status >= 500:
            return self._fail(Trouble(str(status), f"it answers {status}{said}"), now, asked=asked)
        elif 300 <= status < 400:
            words = f"it answers {status}, and redirects are not followed; set RESNET_PROBE_URL"
        elif status in (200, 409, 413, 422):
            words = f"its answer {status} is not a resnet-probe daemon's; set RESNET_PROBE_URL"
        elif "ask with https://" in answer.problem:
            words = f"it answers {status}{said}; set RESNET_PROBE_URL to https://…"
        else:
            words = f"it answers {status}{said}; is RESNET_PROBE_URL a resnet-probe daemon?"
        trouble = Trouble(str(status), words, is_lasting=True)
        return self._fail(trouble, now, asked=max(SLOWLY, asked), is_early=True)

    def _fail(
        self, trouble: Trouble, now: float, *, asked: float = 0.0, is_early: bool = False
    ) -> Remark | None:
        self.trouble = trouble
        self._pause.fail(now, asked=asked)
        if not is_early and self._pause.failures < PATIENCE:
            return None
        return Remark(
            f"undelivered {trouble.cause}",
            f"nothing is delivered to {self._name}: {trouble.words}; journals wait in the spool"
            " and go out once it takes them",
        )
