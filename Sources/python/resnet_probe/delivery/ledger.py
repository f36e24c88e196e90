"""What the other side is known to have of each segment."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from resnet_probe.delivery.pause import Pause
from resnet_probe.delivery.segments import KeptSegment, SegmentName


@dataclass(slots=True)
class Account:
    """One segment as the other side has it."""

    offset: int | None = None
    """What to send from; ``None``: to be asked for."""
    acknowledged: int = 0
    """All before this byte was durable there when it was last said."""
    offered: int = 0
    """The end of what it was sent, where only a cut record is behind ``offset``."""
    refused: str | None = None
    """Why nothing more is sent of it, where that is so."""
    is_damaged: bool = False
    """Whether the other side refused it as damaged."""
    least_body: int = 0
    """A record in it is longer than a body usually is. Unit: bytes."""
    pause: Pause | None = None
    """Until when it is left alone, since whole records of it were not acknowledged."""

    @property
    def due(self) -> float:
        """When something of it may be sent. Unit: seconds, by the caller's clock."""
        return 0.0 if self.pause is None else self.pause.ends

    @property
    def settled(self) -> int | None:
        """The length of file that there is nothing to send of; ``None`` while that is unknown."""
        return None if self.offset is None else max(self.offset, self.offered)


class Ledger:
    """An account for each segment that the spool keeps."""

    def __init__(self) -> None:
        self._accounts: dict[SegmentName, Account] = {}

    def account(self, segment: SegmentName) -> Account:
        """A segment's account; a new one where there was none."""
        account = self._accounts.get(segment)
        if account is None:
            account = self._accounts[segment] = Account()
        return account

    def find(self, segment: SegmentName) -> Account | None:
        """A segment's account, where there is one; for any thread."""
        return self._accounts.get(segment)

    def keep(self, segments: Iterable[SegmentName]) -> None:
        """Forgets all others."""
        accounts = self._accounts
        self._accounts = {name: accounts.get(name) or Account() for name in segments}

    def ask_again(self, but: SegmentName | None = None) -> None:
        """Whatever is known may be out of date."""
        for name, account in self._accounts.items():
            if name != but:
                account.offset = None
                account.offered = 0
                if not account.is_damaged:
                    account.refused = None

    def hurry(self) -> None:
        """Ends the pauses of single segments."""
        for account in self._accounts.values():
            account.pause = None

    def begin_anew(self) -> None:
        """Nothing is known: another store answers."""
        for name in self._accounts:
            self._accounts[name] = Account()

    def has_work(self, segment: KeptSegment) -> bool:
        """Whether a segment is to be asked for or sent."""
        account = self.account(segment.name)
        if account.refused is not None:
            return False
        return account.settled is None or segment.length > account.settled
