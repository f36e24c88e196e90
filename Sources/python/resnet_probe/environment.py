"""What the environment says to a recorder.

A wrong value is one notice and counts as not given: a variable never ends a training.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from resnet_probe.delivery.destination import Destination, read_destination
from resnet_probe.journal.run import identity
from resnet_probe.journal.spool import Spool, whole_number
from resnet_probe.notices import Notices
from resnet_probe.schedule import Schedule, parse_schedule

DEFAULT_FINISH_WAIT = 10.0
"""How long a finish waits for what is left to deliver. Unit: seconds."""

LONGEST_WAIT = 86_400.0
"""The longest that a finish may be told to wait. Unit: seconds."""

_Value = TypeVar("_Value")


@dataclass(frozen=True, slots=True)
class Environment:
    """The settings of one process."""

    spool: Spool
    """``RESNET_PROBE_SPOOL`` and ``RESNET_PROBE_SPOOL_LIMIT`` (bytes)."""
    run_id: bytes | None = None
    """``RESNET_PROBE_RUN_ID``: 32 hexadecimal digits, with or without dashes."""
    run: str | None = None
    """``RESNET_PROBE_RUN``: the run's label."""
    project: str | None = None
    """``RESNET_PROBE_PROJECT``."""
    schedule: Schedule | None = None
    """``RESNET_PROBE_EVERY``: a number of steps, or "default"."""
    is_on: bool = True
    """``RESNET_PROBE_MODE``: "on" or "disabled"."""
    norms_only: bool = False
    """``RESNET_PROBE_DETAIL``: "full" or "norms"."""
    destination: Destination | None = None
    """``RESNET_PROBE_URL``, ``RESNET_PROBE_TOKEN`` and ``RESNET_PROBE_CA``."""
    finish_wait: float = DEFAULT_FINISH_WAIT
    """``RESNET_PROBE_FINISH_WAIT``. Unit: seconds."""


def read_environment(variables: Mapping[str, str], notices: Notices) -> Environment:
    """The settings that these variables make; empty ones count as not given.

    Raises:
        ProbeError: In place of a notice, where notices are strict.
    """

    def setting(name: str, meaning: Callable[[str], _Value], expected: str) -> _Value | None:
        text = variables.get(name)
        if not text:
            return None
        try:
            return meaning(text)
        except ValueError:
            notices.say(name, f"{name} is {text!r:.80} and was passed over; set it to {expected}")
            return None

    setting("RESNET_PROBE_SPOOL_LIMIT", _limit, "a number of bytes")
    wait = setting("RESNET_PROBE_FINISH_WAIT", _seconds, "a number of seconds from 0")
    return Environment(
        spool=Spool.named(variables),
        run_id=setting("RESNET_PROBE_RUN_ID", identity, "32 hexadecimal digits"),
        run=variables.get("RESNET_PROBE_RUN") or None,
        project=variables.get("RESNET_PROBE_PROJECT") or None,
        schedule=setting(
            "RESNET_PROBE_EVERY", parse_schedule, 'a number of steps from 1, or "default"'
        ),
        is_on=setting("RESNET_PROBE_MODE", _word("on", "disabled"), '"on" or "disabled"')
        != "disabled",
        norms_only=setting("RESNET_PROBE_DETAIL", _word("full", "norms"), '"full" or "norms"')
        == "norms",
        destination=_destination(variables, notices),
        finish_wait=DEFAULT_FINISH_WAIT if wait is None else wait,
    )


def _destination(variables: Mapping[str, str], notices: Notices) -> Destination | None:
    try:
        return read_destination(variables)
    except ValueError as problem:
        notices.say("RESNET_PROBE_URL", f"{problem}; nothing is delivered, and recording goes on")
        return None


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0 <= seconds <= LONGEST_WAIT:
        raise ValueError(text)
    return seconds


def _limit(text: str) -> int:
    number = whole_number(text)
    if number is None:
        raise ValueError(text)
    return number


def _word(*words: str) -> Callable[[str], str]:
    def meaning(text: str) -> str:
        if text not in words:
            raise ValueError(text)
        return text

    return meaning
