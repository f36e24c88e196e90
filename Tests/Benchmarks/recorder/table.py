"""The tables of costs as Markdown; their columns are those of the article "What recording costs"."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field

#: One row for each network and way.
COLUMNS = (
    "network", "way", "step ÷ bare", "quartiles", "added, ms", "peak ÷ bare",
)  # fmt: skip
#: One row for each network.
OWN_COLUMNS = (
    "network", "bare, ms", "amortised", "unmeasured, µs", "full, ms", "norms, ms", "full, bytes",
    "norms, bytes",
)  # fmt: skip


@dataclass
class Compared:
    """One way beside the bare step: paired, round by round, in one process."""

    name: str
    seconds: list[float] = field(default_factory=list)
    peak: float | None = None  # ratio to the bare peak


def quartiles(values: Sequence[float]) -> tuple[float, float, float]:
    """The three quartiles of at least two values."""
    low, middle, high = statistics.quantiles(values, n=4)
    return low, middle, high


def table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = ["| " + " | ".join(columns) + " |", "|" + "---|" * len(columns)]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows])


def compared_rows(
    network: str, bare: Compared, ways: Sequence[Compared]
) -> list[list[str]]:
    """The rows of one network: ratios and differences are of one round each."""
    rows = []
    for way in ways:
        pairs = list(zip(way.seconds, bare.seconds, strict=True))
        low, ratio, high = quartiles([one / other for one, other in pairs])
        _, added, _ = quartiles([(one - other) * 1e3 for one, other in pairs])
        rows.append(
            [
                network,
                way.name,
                f"{ratio:.3f}",
                f"{low:.3f}–{high:.3f}",
                f"{added:.3g}",
                "" if way.peak is None else f"{way.peak:.3f}",
            ]
        )
    return rows
