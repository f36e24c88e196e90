"""A recorder: a process that appends frames to a journal as the Swift recorder does.

It knows nothing of a daemon. A frame is ended when its write(2) has returned whole; only then it is
noted in the side log, which is the truth that a store is compared with. SIGTERM ends the journal in
order. It exits with 0 unless something stopped it from recording.
"""

import argparse
import fcntl
import os
import pathlib
import signal
import time

from wire import Journal

ROOM = 64  # bytes that attempt_finished may need


class Segments:
    """The journal's files: whole records, one write each, the lock held on the newest."""

    def __init__(self, journal: Journal, spool: pathlib.Path, capacity: int) -> None:
        self.journal, self.spool, self.capacity = journal, spool, capacity
        self.number = -1
        self.length = 0
        self.file: int | None = None

    def append(self, record: bytes) -> bool:
        """Appends all of a record or nothing; whether there was room."""
        is_full = self.file is None or self.length + len(record) > self.capacity
        if is_full and not self._open_next():
            return False
        return self._write(record)

    def _open_next(self) -> bool:
        number = self.number + 1
        path = self.spool / self.journal.file_name(number)
        before = self.file
        try:
            self.file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600)
        except OSError:
            return False
        fcntl.flock(self.file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        length, self.length = self.length, 0
        if not self._write(self.journal.head(number)):
            path.unlink()
            os.close(self.file)
            self.file, self.length = before, length
            return False
        if before is not None:
            os.close(before)
        self.number = number
        return True

    def _write(self, data: bytes) -> bool:
        assert self.file is not None
        try:
            written = os.write(self.file, data)
        except OSError:
            written = 0
        if written == len(data):
            self.length += written
            return True
        if written:
            os.ftruncate(self.file, self.length)
        return False


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("spool", type=pathlib.Path)
    parser.add_argument("note", type=pathlib.Path, help="the side log")
    parser.add_argument("--run", required=True)
    parser.add_argument("--journal", required=True)
    parser.add_argument("--shift", type=float, default=0, help="seconds its clock is off")
    parser.add_argument("--interval", type=float, default=0.002, help="seconds between frames")
    parser.add_argument("--capacity", type=int, default=64 << 10, help="bytes of a segment")
    options = parser.parse_args()
    ending: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _: ending.append(number))

    journal = Journal(options.run, options.journal, options.shift)
    segments = Segments(journal, options.spool, options.capacity - ROOM)
    note = os.open(options.note, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    step = dropped = all_dropped = 0
    longest = 0.0
    while not ending:
        record = journal.frame(step, dropped)
        begun = time.monotonic()
        is_written = segments.append(record)
        longest = max(longest, time.monotonic() - begun)
        if is_written:
            os.write(note, b"%d\n" % step)
            dropped = 0
        else:
            dropped += 1
            all_dropped += 1
        step += 1
        time.sleep(options.interval)
    segments.capacity += ROOM
    is_finished = segments.append(journal.finished(step))
    os.write(note, b"end %d %d %.6f\n" % (is_finished, all_dropped, longest))


if __name__ == "__main__":
    main()
