"""What a test is: a function from options to one line on what it saw."""

import dataclasses
from collections.abc import Callable


@dataclasses.dataclass(frozen=True)
class Options:
    """How long a test goes on."""

    is_short: bool
    kills: int
    interval: float  # seconds between a recorder's frames
    seed: int


class Skipped(Exception):
    """The machine does not permit the test; the words say why."""


Case = Callable[[Options], str]
