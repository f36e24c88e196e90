"""The folder of journals, and how much of the disk it may take."""

import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass

from resnet_probe.notices import ProbeError

DEFAULT_LIMIT = 2 << 30
"""The most that a spool's files take together where nothing is said: 2 GiB."""


@dataclass(frozen=True, slots=True)
class Spool:
    """Where journals go."""

    path: str | None
    """The folder; ``None`` where the environment names none. It is created when it is opened."""
    limit: int = DEFAULT_LIMIT
    """The most that its files take together. Unit: bytes."""

    @classmethod
    def named(cls, environment: Mapping[str, str]) -> "Spool":
        """The spool that an environment names.

        ``RESNET_PROBE_SPOOL``, else ``$XDG_STATE_HOME/resnet-probe/spool`` where that is an
        absolute path, else ``$HOME/.local/state/resnet-probe/spool``; the limit is
        ``RESNET_PROBE_SPOOL_LIMIT`` bytes. A limit that is no number counts as not given.
        """
        limit = whole_number(environment.get("RESNET_PROBE_SPOOL_LIMIT", ""))
        return cls(_path(environment), DEFAULT_LIMIT if limit is None else max(0, limit))


def whole_number(text: str) -> int | None:
    """The number that a text of decimal digits, with or without a sign, states."""
    digits = text[1:] if text[:1] in ("+", "-") else text
    return int(text) if digits.isascii() and digits.isdigit() and len(digits) <= 18 else None


def _path(environment: Mapping[str, str]) -> str | None:
    if own := environment.get("RESNET_PROBE_SPOOL"):
        return own
    state = environment.get("XDG_STATE_HOME", "")
    if state.startswith("/"):
        return state + "/resnet-probe/spool"
    home = environment.get("HOME")
    return home + "/.local/state/resnet-probe/spool" if home else None


class SpoolFolder:
    """An opened spool: a real folder of this user, reached through its descriptor from then on.

    Symbolic links are not followed and others' files are passed over.

    Raises:
        ProbeError: Where the folder cannot be made, is a symbolic link or is another user's, or
            the system is none that journals can be written on.
    """

    def __init__(self, spool: Spool) -> None:
        self.descriptor = -1
        if os.name != "posix":
            raise _refused(spool.path or "", "this system has no POSIX files and locks")
        if spool.path is None:
            raise _refused(
                "in the home folder", "neither RESNET_PROBE_SPOOL, XDG_STATE_HOME nor HOME is set"
            )
        self.path = spool.path
        self._limit = spool.limit
        try:
            _create(self.path)
            self.descriptor = os.open(
                self.path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
            )
        except (OSError, ValueError) as error:
            reason = str(error) if isinstance(error, ValueError) else os.strerror(error.errno or 0)
            if os.path.islink(self.path):
                reason = "it is a symbolic link"
            raise _refused(self.path, reason) from None
        if os.fstat(self.descriptor).st_uid != os.geteuid():
            self.close()
            raise _refused(self.path, "it belongs to another user")

    def close(self) -> None:
        """Closes the folder's descriptor."""
        descriptor, self.descriptor = self.descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)

    def __del__(self) -> None:
        self.close()

    def make_room(self, length: int) -> int:
        """Removes the oldest delivered files until ``length`` bytes more fit under the limit.

        What is not delivered is never removed. Returns how many bytes fit then. Reads the
        listings of the folder and of ``delivered/``.
        """
        used = sum(file.length for file in own_files(self.descriptor))
        try:
            delivered = os.open(
                "delivered",
                os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC,
                dir_fd=self.descriptor,
            )
        except OSError:
            return max(0, self._limit - used)
        try:
            files = own_files(delivered)
            used += sum(file.length for file in files)
            for file in sorted(files):
                if used + length <= self._limit:
                    break
                try:
                    os.unlink(file.name, dir_fd=delivered)
                except FileNotFoundError:
                    pass
                except OSError:
                    continue
                used -= file.length
        finally:
            os.close(delivered)
        return max(0, self._limit - used)


@dataclass(frozen=True, order=True, slots=True)
class SpoolFile:
    """A regular file of this user."""

    modified: int
    """When it was last written to. Unit: seconds since 1970."""
    name: str
    """Its name in the folder."""
    length: int
    """Its size. Unit: bytes."""


def own_files(folder: int) -> list[SpoolFile]:
    """The regular files of this user in a folder; what cannot be looked at is passed over."""
    files: list[SpoolFile] = []
    user = os.geteuid()
    try:
        # Not listdir(descriptor): its duplicate shares the position of a scan that another
        # process or thread may have open on the same descriptor.
        own = os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=folder)
    except OSError:
        return files
    try:
        for name in os.listdir(own):
            try:
                status = os.stat(name, dir_fd=own, follow_symlinks=False)
            except OSError:
                continue
            if stat.S_ISREG(status.st_mode) and status.st_uid == user:
                files.append(SpoolFile(int(status.st_mtime), name, status.st_size))
    except OSError:
        return files
    finally:
        os.close(own)
    return files


def _create(path: str) -> None:
    """Makes the folder and what is missing above it; what goes wrong shows when it is opened."""
    end = 0
    while end < len(path):
        end = path.find("/", end + 1)
        if end < 0:
            end = len(path)
        try:
            os.mkdir(path[:end], 0o700)
        except OSError:
            continue


def _refused(subject: str, reason: str) -> ProbeError:
    return ProbeError.explain(
        "open the spool", subject, reason, "set RESNET_PROBE_SPOOL to a folder of your own"
    )
