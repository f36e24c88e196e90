"""Appends records to one journal: opens segments, keeps to the spool's limit."""

import errno
import os
from collections.abc import Sequence
from dataclasses import dataclass

from resnet_probe.journal import wire
from resnet_probe.journal.block_map_wire import MappedBlock
from resnet_probe.journal.run import RunOpened
from resnet_probe.journal.segment import (
    NoRoom,
    SegmentFile,
    Torn,
    Unlinked,
    greatest_length,
)
from resnet_probe.journal.spool import SpoolFolder
from resnet_probe.notices import ProbeError


@dataclass(frozen=True, slots=True)
class Drop:
    """Why a record was dropped; the next one is tried again."""

    cause: str
    """One word for it."""
    message: str
    """One line for people: what happened and what to do."""
    number: int | None = None
    """The system's error number, where it refused."""


SPOOL_FULL = Drop(
    "spool full",
    "the spool is at its limit and nothing in it is delivered: frames are dropped; raise"
    " RESNET_PROBE_SPOOL_LIMIT or start the daemon",
)
"""The spool is at its limit and nothing in it is delivered."""

DISK_FULL = Drop(
    "disk full",
    "there is no room for the journal: frames are dropped; free disk space or raise the file"
    " size limit",
)
"""The disk, a quota or RLIMIT_FSIZE has no room."""

TOO_LONG = Drop(
    "too long", "a frame is over 4 MiB and was dropped; give the block map fewer blocks"
)
"""The record is longer than a journal's records may be."""


def failed(number: int) -> Drop:
    """The system refused, with this error number."""
    return Drop(
        f"failed {number}",
        f"the journal cannot be written ({os.strerror(number)}): frames are dropped; check the"
        " spool's disk",
        number,
    )


class JournalWriter:
    """One journal, whose segments each begin with the run's opening and its block map.

    A spool or disk without room is no error: the first segment is then opened by a later record.

    Args:
        journal: The journal's identity, 16 bytes.
        folder: The spool.
        opened: The run's opening.
        blocks: The block map.

    Raises:
        ProbeError: Where the blocks are no map or a file cannot be created.
    """

    def __init__(
        self,
        journal: bytes,
        folder: SpoolFolder,
        opened: RunOpened,
        blocks: Sequence[MappedBlock],
    ) -> None:
        self._journal = journal
        self._folder = folder
        self._opened = opened
        self._segment: SegmentFile | None = None
        self._next_number = 0
        # The bytes that may be written before the spool is looked at again.
        self._allowance = 0
        try:
            payload = wire.block_map_record(blocks)
        except (ValueError, TypeError, AttributeError) as error:
            raise _unopened(folder, str(error)) from None
        if len(payload) > wire.MAXIMUM_RECORD_LENGTH:
            raise _unopened(folder, "its block map is over 4 MiB")
        self._block_map = wire.framed(payload)
        drop = self._open_segment(0, beyond_limit=False)
        if drop is not None and drop.number is not None:
            raise ProbeError.explain(
                "create a journal",
                f"in {folder.path}",
                os.strerror(drop.number),
                "set RESNET_PROBE_SPOOL to a folder that can be written",
            )

    def append(self, payloads: Sequence[bytes], beyond_limit: bool = False) -> Drop | None:
        """Appends records in one write(2), all or none; says why where they were dropped.

        ``beyond_limit`` writes past the spool's limit: for the end of an attempt.
        """
        if any(len(payload) > wire.MAXIMUM_RECORD_LENGTH for payload in payloads):
            return TOO_LONG
        records = b"".join(map(wire.framed, payloads))
        try:
            return self._append(records, beyond_limit)
        except Unlinked:
            # Somebody cleared the spool: go on in a file that can be read.
            self.close()
        try:
            return self._append(records, beyond_limit)
        except Unlinked:
            self.close()
            return failed(errno.ENOENT)

    def close(self) -> None:
        """Closes the journal's file; a later record opens the next segment."""
        segment, self._segment = self._segment, None
        if segment is not None:
            segment.close()

    def _append(self, records: bytes, beyond_limit: bool) -> Drop | None:
        if self._segment is not None and self._segment.length + len(records) <= _capacity():
            if not beyond_limit and not self._has_room(len(records)):
                return SPOOL_FULL
        else:
            drop = self._open_segment(len(records), beyond_limit)
            if drop is not None:
                return drop
        return self._write(records)

    def _open_segment(self, more: int, beyond_limit: bool) -> Drop | None:
        """Makes the next segment the current one, if its head and ``more`` bytes fit."""
        number = self._next_number
        payload = wire.opened_record(self._opened, self._journal, number)
        head = wire.header(self._journal, number) + wire.framed(payload) + self._block_map
        if len(head) + more > _capacity():
            return DISK_FULL
        if not beyond_limit and not self._has_room(len(head) + more):
            return SPOOL_FULL
        try:
            segment = SegmentFile(wire.file_name(self._journal, number), head, self._folder)
        except NoRoom:
            return DISK_FULL
        except Torn as refusal:
            return failed(refusal.number)
        except OSError as refusal:
            if refusal.errno == errno.EEXIST:
                self._next_number += 1
            return failed(refusal.errno or 0)
        # What went before is closed only now: where there is no room for another segment, a
        # shorter record may still fit into it.
        self.close()
        self._segment = segment
        self._allowance -= len(head)
        self._next_number += 1
        return None

    def _write(self, records: bytes) -> Drop | None:
        if self._segment is None:
            return failed(errno.EBADF)
        try:
            self._segment.append(records)
        except NoRoom:
            return DISK_FULL
        except Torn as refusal:
            self.close()
            return failed(refusal.number)
        except OSError as refusal:
            return failed(refusal.errno or 0)
        self._allowance -= len(records)
        return None

    def _has_room(self, length: int) -> bool:
        """Whether the spool's limit leaves room.

        Other processes fill the same spool, so it is looked at again after every segment's worth
        of bytes.
        """
        if self._allowance < length:
            room = self._folder.make_room(length)
            self._allowance = min(room, max(length, wire.MAXIMUM_SEGMENT_LENGTH))
        return self._allowance >= length


def _capacity() -> int:
    return min(wire.MAXIMUM_SEGMENT_LENGTH, greatest_length())


def _unopened(folder: SpoolFolder, reason: str) -> ProbeError:
    return ProbeError.explain("open a run", f"in {folder.path}", reason, "correct the block map")
