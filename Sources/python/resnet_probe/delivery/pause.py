"""How long nothing is tried after a failure."""

from collections.abc import Callable

FIRST = 0.5
"""The longest pause after one failure. Unit: seconds."""
LONGEST = 60.0
"""The longest pause of all. Unit: seconds."""
SHORTEST = 0.1
"""The shortest pause. Unit: seconds."""
LONGEST_ASKED = 300.0
"""The longest that the other side may ask for. Unit: seconds."""


class Pause:
    """Exponential back-off with full jitter: many clients of one server do not come back at once.

    After the n-th failure in a row the pause is anything up to 0.5 · 2ⁿ⁻¹ seconds, 60 at most.

    Args:
        random: Numbers from 0 to 1, evenly spread.
    """

    def __init__(self, random: Callable[[], float]) -> None:
        self._random = random
        self.failures = 0
        """How many there were in a row."""
        self.ends = 0.0
        """When the pause ends, by the caller's clock. Unit: seconds."""

    def fail(self, now: float, *, asked: float = 0.0) -> None:
        """Something failed; ``asked`` is the least that the other side wants to be left alone."""
        longest = min(LONGEST, FIRST * 2 ** min(self.failures, 16))
        self.failures += 1
        pause = max(SHORTEST, self._random() * longest)
        self.ends = now + min(asked, LONGEST_ASKED) + pause

    def clear(self) -> None:
        """Something went well."""
        self.failures = 0
        self.ends = 0.0
