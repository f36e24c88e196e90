"""What an experiment claims, and what came out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from experiments.scene import Scene


@dataclass(frozen=True)
class Claim:
    """One row of the table."""

    text: str  # what is claimed
    expected: str
    measured: str
    holds: bool


Experiment = Callable[[Scene], Iterator[Claim]]
"""Trains what it needs and yields its claims one after the other."""


def several(values: list[float], digits: int = 2) -> str:
    """A few numbers, or least to greatest where they are more than three."""
    if len(values) > 3:
        return f"{number(min(values), digits)} … {number(max(values), digits)}"
    return " ".join(number(value, digits) for value in values)


def number(value: float, digits: int = 2) -> str:
    """So many significant digits, without an exponent where it can be read without."""
    text = f"{value:.{digits}g}"
    return f"{value:.0f}" if "e+" in text and abs(value) < 1e6 else text.replace("e+0", "e")
