"""What goes on beside the training thread: the thread that writes, forks and the process's end."""

import atexit
import os
import threading
import weakref
from typing import Protocol

from resnet_probe.notices import ProbeError, write_line


class Recorded(Protocol):
    """What is looked after here."""

    def look(self) -> None:
        """Writes what has waited long enough."""

    def leave(self) -> None:
        """Writes what waits and ends the thread, since the process ends."""

    def abandon(self) -> None:
        """Becomes inert in a forked child, without taking a lock."""


_kept: "weakref.WeakSet[Recorded]" = weakref.WeakSet()


def keep(recorded: Recorded) -> None:
    """Has it abandoned in forked children and left when the process ends, while it lives."""
    _kept.add(recorded)


def start(recorded: Recorded, stop: threading.Lock, period: float) -> threading.Thread:
    """Starts the daemon thread that looks every ``period`` seconds.

    It ends when ``stop``, held from before, is released, or when nobody else holds ``recorded``
    any more; it keeps neither it nor the process alive.

    Raises:
        RuntimeError: Where the system has no thread left.
    """
    thread = threading.Thread(
        target=_look_after,
        args=(weakref.ref(recorded), stop, period),
        name="resnet-probe",
        daemon=True,
    )
    thread.start()
    return thread


def _look_after(recorded: "weakref.ref[Recorded]", stop: threading.Lock, period: float) -> None:
    # A bare lock and no event: a training thread's call that a signal handler's call interrupts
    # could be inside the event's own lock.
    while not stop.acquire(timeout=period):
        living = recorded()
        if living is None:
            return
        living.look()
        del living


def _after_fork() -> None:
    for recorded in list(_kept):
        recorded.abandon()


def _at_exit() -> None:
    for recorded in list(_kept):
        try:
            recorded.leave()
        except ProbeError as error:
            # A strict recording's last word; raised, it would keep the others from theirs.
            write_line(f"resnet-probe: {error}")


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
atexit.register(_at_exit)
