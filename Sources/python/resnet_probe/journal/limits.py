"""What a reader of journals believes; WireFormat.md states each limit."""

from math import isfinite, isnan

MAXIMUM_TEXT_LENGTH = 512
"""The most bytes of UTF-8 of a name, project, recorder, host, block or gate."""
MAXIMUM_BLOCKS = 16_384
"""The most blocks of a network."""
MAXIMUM_DIMENSIONS = 8
"""The most dimensions of a stream's shape."""
MAXIMUM_METRICS = 4096
"""The most metrics of one record."""
MAXIMUM_METRIC_KEY_LENGTH = 256
"""The most bytes of UTF-8 of a metric's key."""
MAXIMUM_RANKS = 1 << 20
"""The most processes of a run."""
GREATEST_STEP = 1 << 53
"""The greatest step or size: what a double holds exactly."""
GREATEST_COUNT = 1 << 40
"""The greatest number of samples, elements or frames."""
END_OF_TIME = 253_402_300_799.0
"""The last second of the year 9999. Unit: seconds since 1970."""


def believable_time(seconds: float) -> float:
    """A time within what journals carry; NaN becomes 0, the start of 1970."""
    return min(max(0.0, seconds), END_OF_TIME) if not isnan(seconds) else 0.0


def believable_step(step: int) -> int:
    """A step or size within 0 … 2⁵³."""
    return min(max(0, step), GREATEST_STEP)


def believable_count(count: int) -> int:
    """A number of samples, elements or frames within 0 … 2⁴⁰."""
    return min(max(0, count), GREATEST_COUNT)


def finite(value: float | None) -> bool:
    """Whether a number is there and finite."""
    return value is not None and isfinite(value)
