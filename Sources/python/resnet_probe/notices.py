"""What the recorder has to say: one line on standard error, once a cause."""

import os
from collections.abc import Callable


class ProbeError(Exception):
    """What kept resnet-probe from recording, in one line with what to do next.

    Raised into a training loop only where strictness was asked for.
    """

    @classmethod
    def explain(cls, attempted: str, subject: str, reason: str, remedy: str) -> "ProbeError":
        """An error in four parts: ``cannot open the spool /x: Permission denied; set …``."""
        return cls(f"cannot {attempted} {subject}: {reason}; {remedy}")


def write_line(line: str) -> None:
    """Writes one line to standard error in one write; a closed standard error is no error."""
    # Not through sys.stderr: a buffered line can be written again by a forked child, and a
    # replaced sys.stderr can raise anything.
    try:
        os.write(2, (line + "\n").encode("utf-8", "replace"))
    except OSError:
        return


class Notices:
    """Says each thing once, or raises it where strictness is asked for.

    Args:
        strict: Raise a ProbeError in place of each notice; for tests and trials.
        write: Takes the line; standard error if not given.
    """

    def __init__(self, strict: bool = False, write: Callable[[str], None] = write_line) -> None:
        self.strict = strict
        #: What each line begins with: of several processes, which one speaks.
        self.speaker = ""
        self._write = write
        self._said: set[str] = set()

    def say(self, cause: str, message: str) -> None:
        """Writes ``resnet-probe: message`` unless this cause was spoken of before.

        Raises:
            ProbeError: In place of the line, every time, where notices are strict.
        """
        if self.strict:
            raise ProbeError(self.speaker + message)
        if cause in self._said:
            return
        self._said.add(cause)
        self._write(f"resnet-probe: {self.speaker}" + " ".join(message.splitlines()))
