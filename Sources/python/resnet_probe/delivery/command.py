"""`python -m resnet_probe deliver`: sends what waits in a spool, and says what is left."""

from __future__ import annotations

import argparse
import contextlib
import os
import time
from collections.abc import Mapping, Sequence

from resnet_probe.delivery.courier import Remark
from resnet_probe.delivery.deliverer import Deliverer
from resnet_probe.delivery.destination import Destination, read_destination
from resnet_probe.delivery.left import left_of
from resnet_probe.delivery.segments import KeptSegment
from resnet_probe.environment import LONGEST_WAIT
from resnet_probe.journal.spool import Spool
from resnet_probe.notices import Notices, ProbeError, write_line
from resnet_probe.release import VERSION

DEFAULT_WAIT = 30.0
"""How long it goes on while nothing is taken. Unit: seconds."""

INTERRUPTED = 130
"""The exit code after Ctrl-C."""

_BETWEEN_LOOKS = 0.2
_DESCRIPTION = "Measures the residual blocks of a PyTorch network while it trains."
_DELIVER = """\
Sends the journals that wait in the spool to a daemon, and those in delivered/ that it lacks. It
may run beside trainings. RESNET_PROBE_TOKEN is the token that is sent along, RESNET_PROBE_CA a PEM
file of the authorities that are trusted. Exit code 0: all that lay there is delivered; 1:
something is left; 2: wrong use."""


def main(arguments: Sequence[str], variables: Mapping[str, str] = os.environ) -> int:
    """Runs the command; its exit code."""
    parser = argparse.ArgumentParser(prog="python -m resnet_probe", description=_DESCRIPTION)
    parser.add_argument("--version", action="version", version=VERSION)
    verbs = parser.add_subparsers(dest="verb", metavar="<verb>", required=True)
    verb = verbs.add_parser("deliver", help="sends what waits in the spool", description=_DELIVER)
    verb.add_argument("--url", help="where to: https://host:port, http://host:port, unix:///path;"
                      " RESNET_PROBE_URL by default")  # fmt: skip
    verb.add_argument("--spool", metavar="DIR", help="the folder of journals;"
                      " RESNET_PROBE_SPOOL or the default one by default")  # fmt: skip
    verb.add_argument("--wait", metavar="SECONDS", type=_seconds, default=DEFAULT_WAIT,
                      help="how long to go on while nothing is taken; 30 by default")  # fmt: skip
    options = parser.parse_args(arguments)
    own = dict(variables)
    if options.url is not None:
        own["RESNET_PROBE_URL"] = options.url
    try:
        destination = read_destination(own)
    except ValueError as problem:
        verb.error(str(problem))
    if destination is None:
        verb.error("there is no destination: give --url or set RESNET_PROBE_URL")
    if options.spool is not None:
        own["RESNET_PROBE_SPOOL"] = options.spool
    spool = Spool.named(own)
    if spool.path is None or not os.path.isdir(spool.path):
        if options.spool is not None:
            verb.error(f"there is no folder {options.spool}")
        print("nothing waits: there is no spool")
        return 0
    try:
        return Delivering(spool, destination, options.wait).run()
    except ProbeError as problem:
        write_line(f"resnet-probe: {problem}")
        return 1


class Delivering:
    """One run of the command: what lies in a spool when it begins.

    Args:
        spool: The spool.
        destination: Where to.
        wait: How long to go on while nothing is taken. Unit: seconds.
    """

    def __init__(self, spool: Spool, destination: Destination, wait: float) -> None:
        self._notices = Notices()
        self._spool = spool
        self._destination = destination
        self._wait = wait
        self._deliverer = Deliverer(spool, destination, self._say)
        self._has_refused = False
        self._shown = ""

    def run(self) -> int:
        """Delivers; the exit code."""
        goal = self._deliverer.look()
        is_interrupted = False
        try:
            self._deliver(goal)
            self._deliverer.look()
        except KeyboardInterrupt:
            is_interrupted = True
        self._show("")
        code = self._outcome(goal)
        self._deliverer.close()
        return INTERRUPTED if is_interrupted else code

    def _deliver(self, goal: Sequence[KeptSegment]) -> None:
        courier = self._deliverer.courier
        least = (len(goal) + 1, 0)
        best = time.monotonic()
        looked = -1e9
        while True:
            is_sending = self._deliverer.step()
            now = time.monotonic()
            if is_sending and now - looked < _BETWEEN_LOOKS:
                continue
            looked = now
            work = [segment for segment in goal if courier.has_work(segment)]
            if not work:
                return
            left = left_of(work, courier)
            if (len(work), left.bytes) < least:
                least, best = (len(work), left.bytes), now
            is_lasting = courier.trouble is not None and courier.trouble.is_lasting
            if is_lasting or now - best > self._wait:
                return
            self._show(f"resnet-probe: {left} to go")
            if not is_sending:
                time.sleep(min(max(_BETWEEN_LOOKS / 10, courier.due - now), 1.0))

    def _outcome(self, goal: Sequence[KeptSegment]) -> int:
        courier = self._deliverer.courier
        here = [segment for segment in goal if courier.file(segment.name) is not None]
        left = left_of(here, courier)
        place = f"{self._spool.path} to {self._destination.address}"
        if not left and not self._has_refused:
            # Those set aside as damaged are not there.
            there = sum(courier.settled_length(segment.name) is not None for segment in here)
            count = "all" if there == len(goal) else f"{there} of"
            segments = "1 segment" if there == len(goal) == 1 else f"{count} {len(goal)} segments"
            if not goal:
                print(f"nothing waits in {place}")
            elif courier.has_sent:
                print(f"delivered {segments} of {place}")
            else:
                print(f"nothing was sent of {place}, which has {segments}")
            return 0
        if left:
            why = f" ({courier.trouble.words})" if courier.trouble is not None else ""
            write_line(f"resnet-probe: not delivered: {left} of {place}{why}; run it again")
        return 1

    def _say(self, remark: Remark) -> None:
        self._show("")
        self._has_refused = self._has_refused or remark.cause == "damaged"
        if not remark.cause.startswith("undelivered"):  # the last line says why
            self._notices.say(remark.message, remark.message)

    def _show(self, line: str) -> None:
        """Replaces the line of progress, where there is a terminal."""
        if line == self._shown or not os.isatty(2):
            return
        blank = " " * max(0, len(self._shown) - len(line))
        with contextlib.suppress(OSError):
            os.write(2, f"\r{line}{blank}".encode() + (b"" if line else b"\r"))
        self._shown = line


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1
    if not 0 <= seconds <= LONGEST_WAIT:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds from 0")
    return seconds
