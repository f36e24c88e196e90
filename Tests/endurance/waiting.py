"""Waiting for what must come about: conditions are polled, and only a generous deadline fails."""

import time
from collections.abc import Callable
from typing import TypeVar

Value = TypeVar("Value")


class Broken(Exception):
    """A promise of the daemon that did not hold."""


def expect(condition: object, what: str) -> None:
    """Fails, saying what was expected, unless it is so."""
    if not condition:
        raise Broken(what)


def until(condition: Callable[[], Value], what: str, seconds: float = 120) -> Value:
    """Polls until the condition holds, and returns its value."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        if time.monotonic() > deadline:
            raise Broken(f"not within {seconds:.0f} s: {what}")
        time.sleep(0.02)
    return value
