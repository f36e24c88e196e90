"""C: with stochastic depth each block changes less, and matters less (Huang et al. 2016)."""

from __future__ import annotations

import statistics
from collections.abc import Iterator

from experiments.claim import Claim, number
from experiments.depth import median
from experiments.removal import agreement, examined_removals, single_removals
from experiments.scene import Scene
from experiments.training import Recipe, digits, trained

BLOCKS = 16


def pair(seed: int) -> list[Recipe]:
    """Without stochastic depth, and with it."""
    families = ("mlp", "mlp_stochastic")
    return [Recipe(f"{family}-{BLOCKS}", seed, is_examined=True) for family in families]


def stochastic_depth(scene: Scene) -> Iterator[Claim]:
    """Networks of 16 blocks, in pairs that share the seed; the last survives with 0.5."""
    gaps, costs = [], []
    examined: list[float] = []
    measured: list[float] = []
    for seed in scene.seeds_or(3):
        both = [trained(scene, recipe) for recipe in pair(seed)]
        gaps.append([median(scene.report(one.run), "identity_gap") for one in both])
        removals = [examined_removals(scene, one.run) for one in both]
        costs.append([statistics.mean(values) for values in removals])
        for one, values in zip(both, removals, strict=True):
            examined += values
            measured += single_removals(one.network, digits()[1])
    for title, pairs in (("gap", gaps), ("cost of removing a block", costs)):
        without, with_it = ([values[place] for values in pairs] for place in (0, 1))
        yield Claim(
            f"stochastic depth lowers the {title}", "each seed",
            f"{_range(without)} → {_range(with_it)}",
            all(after < before for before, after in pairs),
        )  # fmt: skip
    yield agreement(examined, measured)


def _range(values: list[float]) -> str:
    return f"{number(min(values))}–{number(max(values))}"
