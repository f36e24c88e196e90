"""What an examination says while it runs, and how it is stopped."""

from __future__ import annotations

import os
import signal
import threading
import time
from types import FrameType
from typing import Any

from resnet_probe.notices import write_line

_WIDTH = 30  # of the bar


class Progress:
    """One line with the cost before it starts, then a bar on standard error, if that is a terminal."""

    def __init__(self, *, is_shown: bool) -> None:
        self._is_shown = is_shown
        self._has_bar = is_shown and _is_terminal()
        self._total = 0
        self._start = 0.0

    def begin(self, total: int, words: str) -> None:
        """Says what is to come."""
        self._total, self._start = total, time.monotonic()
        if self._is_shown:
            write_line(f"resnet-probe: examine: {words}")

    def at(self, done: int) -> None:
        """Draws the bar anew."""
        if not self._has_bar or not self._total:
            return
        self._total = max(self._total, done + 1)  # what was said may have been an estimate
        full = _WIDTH * done // self._total
        spent = time.monotonic() - self._start
        left = f", about {duration(spent / done * (self._total - done))} left" if done else ""
        _write(f"\r{'█' * full}{'░' * (_WIDTH - full)} {done} of {self._total}{left}\x1b[K")

    def end(self) -> None:
        """Takes the bar away."""
        if self._has_bar and self._total:
            _write("\r\x1b[K")


class Stopped(Exception):
    """An interrupt came before what was under way could end."""


class Stop:
    """Says whether to stop: interrupted with Ctrl-C, or as the time that was given is over.

    The first interrupt only asks, so that nothing is cut short; a second one raises. Where
    interrupts are another's (a handler of his own, another thread) nothing is taken over.
    """

    def __init__(self, seconds: float | None) -> None:
        self.is_interrupted = False
        self._end = None if seconds is None else time.monotonic() + seconds
        self._before: Any = None

    @property
    def is_late(self) -> bool:
        """Whether the time that was given is over."""
        return self._end is not None and time.monotonic() >= self._end

    def check(self) -> None:
        """Raises Stopped after an interrupt."""
        if self.is_interrupted:
            raise Stopped

    def goes_on(self, raised: BaseException) -> bool:
        """Whether what was raised is a second interrupt, which is the caller's."""
        return isinstance(raised, KeyboardInterrupt) and self.is_interrupted

    def __enter__(self) -> Stop:  # noqa: PYI034  (typing.Self is of Python 3.11)
        is_main = threading.current_thread() is threading.main_thread()
        if is_main and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            self._before = signal.signal(signal.SIGINT, self._ask)
        return self

    def __exit__(self, *_: object) -> None:
        self._give_back()

    def _ask(self, number: int, frame: FrameType | None) -> None:
        self.is_interrupted = True
        self._give_back()

    def _give_back(self) -> None:
        before, self._before = self._before, None
        if before is not None:
            signal.signal(signal.SIGINT, before)


def duration(seconds: float) -> str:
    """Seconds in words: `0.4 s`, `12 s`, `3 min`."""
    if seconds < 10:
        return f"{max(0.1, seconds):.1f} s"
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"


def _is_terminal() -> bool:
    try:
        return os.isatty(2)
    except OSError:
        return False


def _write(text: str) -> None:
    try:
        os.write(2, text.encode())
    except OSError:
        return
