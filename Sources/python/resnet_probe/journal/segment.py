"""One segment of a journal on disk, open for appending."""

import contextlib
import errno
import os
import sys

from resnet_probe.journal.spool import SpoolFolder

if sys.platform != "win32":
    import fcntl
    import resource

UNLIMITED = 1 << 62
"""Longer than any file."""

_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


class NoRoom(Exception):
    """The file system, a quota or RLIMIT_FSIZE has no room; the file is as it was."""


class Torn(Exception):
    """A cut write could not be taken back: the segment must not be appended to any more.

    Args:
        number: The system's error number.
    """

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


class Unlinked(Exception):
    """The file is gone from every folder, so that what is appended could never be read."""


def greatest_length() -> int:
    """The longest file that this process may write. Unit: bytes."""
    if sys.platform == "win32":
        return UNLIMITED
    soft, _ = resource.getrlimit(resource.RLIMIT_FSIZE)
    return UNLIMITED if soft == resource.RLIM_INFINITY or soft < 0 else soft


class SegmentFile:
    """A segment's file, which must not exist yet, created with its first bytes.

    Each append is one write(2) into the page cache, without fsync: a process that is killed loses
    nothing that write(2) took, and the loop never waits for a disk. A write that is cut short is
    taken back, so that the file always ends with a whole record. Where the first bytes do not fit
    the file is gone again.

    Raises:
        NoRoom: Where there is no room for the first bytes.
        Torn, OSError: Where the system refuses otherwise.
    """

    def __init__(self, name: str, head: bytes, folder: SpoolFolder) -> None:
        self.name = name
        self.length = 0
        try:
            self._descriptor = os.open(
                name,
                os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_APPEND,
                0o600,
                dir_fd=folder.descriptor,
            )
        except OSError as error:
            raise _refusal(error) from None
        status = os.fstat(self._descriptor)
        self._identity = (status.st_dev, status.st_ino)
        # Whoever takes journals in sees by this lock that the recorder lives; the kernel frees it
        # when the process ends, however that ends. Where the file system knows no locks there is
        # none.
        with contextlib.suppress(OSError):
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        try:
            self.append(head)
        except BaseException:
            self.close()
            with contextlib.suppress(OSError):
                os.unlink(name, dir_fd=folder.descriptor)
            raise

    def append(self, records: bytes) -> None:
        """Appends whole records, all of them or none.

        Raises:
            Unlinked: Where the file was removed; nothing is written.
            NoRoom: Where there is no room; the file is as it was.
            Torn: Where a cut write could not be taken back.
            OSError: Where the system refuses otherwise; the file is as it was.
        """
        try:
            status = os.fstat(self._descriptor)
        except OSError:
            self._descriptor = -1
            raise Unlinked from None
        if (status.st_dev, status.st_ino) != self._identity:
            # Somebody closed the descriptor and the number is another file's by now.
            self._descriptor = -1
            raise Unlinked
        if status.st_nlink == 0:
            raise Unlinked
        # The file's own word, not a sum: an exception from a signal handler may have come between
        # an earlier write and its addition.
        self.length = status.st_size
        # A write past RLIMIT_FSIZE raises SIGXFSZ, which would end the training process.
        if self.length + len(records) > greatest_length():
            raise NoRoom
        try:
            # Python's own write goes on after EINTR by itself.
            written = os.write(self._descriptor, records)
        except OSError as error:
            raise _refusal(error) from None
        if written == len(records):
            self.length += written
            return
        try:
            os.ftruncate(self._descriptor, self.length)
        except OSError as error:
            raise Torn(error.errno or 0) from None
        raise NoRoom

    def close(self) -> None:
        """Closes the file, which frees its lock; a second time is nothing."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            with contextlib.suppress(OSError):
                os.close(descriptor)

    def __del__(self) -> None:
        if hasattr(self, "_descriptor"):
            self.close()


def _refusal(error: OSError) -> Exception:
    return NoRoom() if error.errno in _NO_ROOM else error
