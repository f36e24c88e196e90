"""What an experiment claims, and what came out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from experiments.scene import Scene


class NoWayToTell(Exception):
    """The experiment could not be made; the words say why."""


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
    texts = [number(value, digits) for value in values]
    return " ".join(texts) if len(texts) <= 3 else f"{_least(values, digits)} … {_most(values, digits)}"


def number(value: float, digits: int = 2) -> str:
    """So many significant digits, without an exponent where it can be read without."""
    text = f"{value:.{digits}g}"
    if "e+" in text:
        return f"{value:.0f}"
    return text


def _least(values: list[float], digits: int) -> str:
    return number(min(values), digits)


def _most(values: list[float], digits: int) -> str:
    return number(max(values), digits)
