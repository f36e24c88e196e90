"""B: the deeper a residual network, the less one block changes."""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from itertools import pairwise

from experiments.claim import Claim, number
from experiments.demo import demo_runs
from experiments.scene import Row, Scene
from experiments.training import Recipe, trained

FACTOR = 1.5
BLOCKS = (2, 8, 27)


def depth(scene: Scene) -> Iterator[Claim]:
    """Median gap and ratio of networks of 2, 8 and 27 blocks."""
    runs = demo_runs(scene)
    shallow, deep = (scene.report(runs[name]) for name in ("residual-2", "residual-8"))
    for statistic in ("residual_ratio", "identity_gap"):
        yield _claim(
            "MLP 2 → 8, Swift", statistic, [[median(shallow, statistic), median(deep, statistic)]]
        )
    if scene.is_fast:
        return
    seeds = [
        [scene.report(trained(scene, Recipe(f"mlp-{count}", seed)).run) for count in BLOCKS]
        for seed in scene.seeds_or(3)
    ]
    for statistic in ("residual_ratio", "identity_gap"):
        values = [[median(report, statistic) for report in reports] for reports in seeds]
        yield _claim("2 → 8 → 27", statistic, values)


def median(report: Row, statistic: str) -> float:
    """The median over a report's blocks of a statistic's median."""
    return statistics.median(block["statistics"][statistic]["p50"] for block in report["blocks"])


def _claim(title: str, statistic: str, seeds: list[list[float]]) -> Claim:
    falls = [a / b for values in seeds for a, b in pairwise(values)]
    means = [statistics.mean(column) for column in zip(*seeds, strict=True)]
    return Claim(
        f"a block changes less, {title}: {statistic}", f"÷ > {FACTOR} each",
        f"{' → '.join(map(number, means))}, least ÷ {number(min(falls))}",
        min(falls) > FACTOR,
    )  # fmt: skip
