"""A: deeper plain networks train worse, residual ones do not (He et al. 2015)."""

from __future__ import annotations

from collections.abc import Iterator

from experiments.claim import Claim, number
from experiments.demo import demo_runs
from experiments.named import named
from experiments.predictors import recipe as resnet_56
from experiments.scene import Scene
from experiments.training import Recipe, outcome, trained

FACTOR = 5


def degradation(scene: Scene) -> Iterator[Claim]:
    """Training loss of plain and residual networks, shallow and deep."""
    runs = demo_runs(scene)
    demo = [runs[name] for name in ("plain-2", "plain-8", "residual-2", "residual-8")]
    yield from _claims(scene, "MLP 2 → 8, Swift", [demo])
    if scene.is_fast:
        return
    for title, recipes in (("MLP 2 → 8", _fully_connected), ("20 → 56 layers", _convolutional)):
        seeds = [
            [trained(scene, recipe).run for recipe in recipes(seed)] for seed in scene.seeds_or(3)
        ]
        yield from _claims(scene, title, seeds)


def _claims(scene: Scene, title: str, seeds: list[list[str]]) -> Iterator[Claim]:
    """Of each seed four runs: plain, shallow and deep, and residual, shallow and deep."""
    over_shallow, over_residual = [], []
    for runs in seeds:
        shallow, deep, _, residual = (outcome(scene, run)["training_loss"] for run in runs)
        over_shallow.append(deep / shallow)
        over_residual.append(deep / residual)
    yield Claim(
        f"plain deep trains worse: {title}", f"both > {FACTOR}×",
        f"≥ {number(min(over_shallow))} × shallow, ≥ {number(min(over_residual))} × residual",
        min(over_shallow + over_residual) > FACTOR,
    )  # fmt: skip
    plain = [run for runs in seeds for run in runs[:2]]
    found = named(scene, plain + [run for runs in seeds for run in runs[2:]])
    yield Claim(
        f"compare names it: {title}", "degradation, plain",
        ", ".join(found) + (", plain" if found.get("degradation") == plain else ", others too"),
        found == {"degradation": plain},
    )  # fmt: skip


def _fully_connected(seed: int) -> list[Recipe]:
    return [Recipe(name, seed) for name in ("mlp_plain-2", "mlp_plain-8", "mlp-2", "mlp-8")]


def _convolutional(seed: int) -> list[Recipe]:
    return [
        Recipe.convolutional("plain-20", seed), Recipe.convolutional("plain-56", seed),
        Recipe.convolutional("resnet-20", seed), resnet_56(seed),
    ]  # fmt: skip
