"""A spool as delivery sees it: what is kept, the bytes of a stretch, and what is done with."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import struct
import sys
import zlib

from resnet_probe.delivery.records import whole_records_end
from resnet_probe.delivery.segments import KeptSegment, Place, SegmentName, parse_file_name
from resnet_probe.journal.spool import Spool, SpoolFolder, own_files

if sys.platform != "win32":
    import fcntl

SILENCE = 60
"""A segment that is silent this long ends as it is. Unit: seconds."""

_FOLDER = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_NOFOLLOW", 0)
_LONGEST_END = 256
_LENGTH = struct.Struct("<I")
_FINISHED = b"\x2a"


class Outbox:
    """The segments of a spool, which belongs to this user; others' files are passed over.

    Args:
        spool: The spool.

    Raises:
        ProbeError: Where the folder cannot be opened.
    """

    def __init__(self, spool: Spool) -> None:
        self._folder = SpoolFolder(spool)
        self._delivered: list[KeptSegment] = []
        self._listed: tuple[int, int] = (0, 0)
        # The lengths of files of which the end was looked at: those without one.
        self._endless: dict[SegmentName, int] = {}

    def close(self) -> None:
        """Closes the folder."""
        self._folder.close()

    def segments(self) -> list[KeptSegment]:
        """What waits, and what was set aside as damaged."""
        found: dict[SegmentName, KeptSegment] = {}
        for file in own_files(self._folder.descriptor):
            parsed = parse_file_name(file.name)
            if parsed is None or (parsed[1] and parsed[0] in found):
                continue
            name, is_damaged = parsed
            place = Place.DAMAGED if is_damaged else Place.WAITING
            found[name] = KeptSegment(name, place, file.length, file.modified)
        return list(found.values())

    def delivered(self, now: float) -> list[KeptSegment]:
        """What was moved aside as delivered; ``now`` is a clock's time in seconds.

        Read anew only where something came or went, or a minute has passed: until then it is the
        same list.
        """
        try:
            folder = os.open("delivered", _FOLDER | os.O_CLOEXEC, dir_fd=self._folder.descriptor)
        except OSError:
            if self._delivered:
                self._delivered, self._listed = [], (0, 0)
            return self._delivered
        try:
            # Times of files are as coarse as the kernel's tick: what came in just then is seen a
            # minute later.
            listed = (os.fstat(folder).st_mtime_ns, int(now // 60))
            if listed != self._listed:
                self._listed = listed
                self._delivered = [
                    KeptSegment(parsed[0], Place.DELIVERED, file.length, file.modified)
                    for file in own_files(folder)
                    if (parsed := parse_file_name(file.name)) is not None and not parsed[1]
                ]
        finally:
            os.close(folder)
        return self._delivered

    def read(self, segment: KeptSegment, offset: int, length: int) -> bytes:
        """The bytes of a stretch, fewer where the file ends before; empty where it is gone."""
        descriptor = self._find(segment)
        if descriptor is None:
            return b""
        try:
            return _read(descriptor, offset, length)
        except OSError:
            return b""
        finally:
            os.close(descriptor)

    def whole_until(self, segment: KeptSegment, end: int) -> int:
        """Where the last whole record before byte ``end`` ends; ``end`` where it is not known."""
        descriptor = self._find(segment)
        if descriptor is None:
            return end
        try:
            return whole_records_end(descriptor, end)
        except OSError:
            return end
        finally:
            os.close(descriptor)

    def move_aside(
        self, segment: KeptSegment, settled: int | None, *, has_successor: bool, wall_time: float,
        is_damaged: bool = False,
    ) -> bool:  # fmt: skip
        """Moves a segment that is done with; whether it did.

        It is done with where nobody writes it any more and nothing is behind its ``settled`` bytes:
        its end was written, a later segment of its journal is there, or it was silent for a minute.
        It moves to ``delivered/``, or gets ``.damaged`` after its name. Where another process
        takes the spool in, that one moves it.
        """
        is_silent = abs(wall_time - segment.modified) > SILENCE
        if not (is_damaged or has_successor or is_silent or self._has_end(segment)):
            return False
        descriptor = self._open(segment.name, Place.WAITING)
        if descriptor is None:
            return False
        try:
            # Its recorder holds this lock while it lives.
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if not is_damaged and os.fstat(descriptor).st_size != settled:
                return False
            return self._move(segment.name, is_damaged)
        except OSError:
            return False
        finally:
            free(descriptor)

    def try_lock(self, name: str) -> int | None:
        """A descriptor that holds a lock file of the spool; ``None`` where another process does.

        Where the file system knows no locks everybody gets one.
        """
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        try:
            descriptor = os.open(name, flags, 0o600, dir_fd=self._folder.descriptor)
        except OSError:
            return None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno in (errno.EWOULDBLOCK, errno.EACCES):
                os.close(descriptor)
                return None
        return descriptor

    def _move(self, name: SegmentName, is_damaged: bool) -> bool:
        lock = self.try_lock(".lock")
        if lock is None:
            return False
        folder = self._folder.descriptor
        try:
            if is_damaged:
                os.rename(name.file, name.file + ".damaged", src_dir_fd=folder, dst_dir_fd=folder)
                return True
            with contextlib.suppress(FileExistsError):
                os.mkdir("delivered", 0o700, dir_fd=folder)
            delivered = os.open("delivered", _FOLDER | os.O_CLOEXEC, dir_fd=folder)
            try:
                os.rename(name.file, name.file, src_dir_fd=folder, dst_dir_fd=delivered)
            finally:
                os.close(delivered)
            return True
        finally:
            free(lock)

    def _has_end(self, segment: KeptSegment) -> bool:
        """Whether its last record is the end of the attempt."""
        if self._endless.get(segment.name) == segment.length:
            return False
        tail = self.read(segment, max(0, segment.length - _LONGEST_END), _LONGEST_END)
        if _ends_an_attempt(tail):
            return True
        self._endless[segment.name] = segment.length
        return False

    def _find(self, segment: KeptSegment) -> int | None:
        """A segment's file, opened, where it is now; it may have moved since."""
        for place in (segment.place, Place.DELIVERED):
            descriptor = self._open(segment.name, place)
            if descriptor is not None:
                return descriptor
        return None

    def _open(self, name: SegmentName, place: Place) -> int | None:
        path = name.file + (".damaged" if place is Place.DAMAGED else "")
        if place is Place.DELIVERED:
            path = "delivered/" + path
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        try:
            descriptor = os.open(path, flags, dir_fd=self._folder.descriptor)
        except OSError:
            return None
        status = os.fstat(descriptor)
        if stat.S_ISREG(status.st_mode) and status.st_uid == os.geteuid():
            return descriptor
        os.close(descriptor)
        return None


def free(descriptor: int) -> None:
    """Frees a lock and closes its file."""
    # A child that was forked in between would keep a lock that is not freed but only closed here.
    with contextlib.suppress(OSError):
        fcntl.flock(descriptor, fcntl.LOCK_UN)
    os.close(descriptor)


def _read(descriptor: int, offset: int, length: int) -> bytes:
    parts: list[bytes] = []
    while length > 0:
        part = os.pread(descriptor, length, offset)
        if not part:
            break
        parts.append(part)
        offset += len(part)
        length -= len(part)
    return parts[0] if len(parts) == 1 else b"".join(parts)


def _ends_an_attempt(tail: bytes) -> bool:
    """Whether the last bytes of a file are a whole record that ends an attempt."""
    for start in range(len(tail) - 9, -1, -1):
        (length,) = _LENGTH.unpack_from(tail, start)
        payload = tail[start + 8 :]
        if length == len(payload) and payload[:1] == _FINISHED:
            checksum = zlib.crc32(payload, zlib.crc32(tail[start : start + 4]))
            if _LENGTH.pack(checksum) == tail[start + 4 : start + 8]:
                return True
    return False
