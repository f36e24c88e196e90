"""A: deeper plain networks train worse, residual ones do not (He et al. 2015)."""

from __future__ import annotations

from collections.abc import Iterator

from experiments.claim import Claim, several
from experiments.demo import demo_runs
from experiments.predictors import recipe as resnet_56
from experiments.scene import Scene
from experiments.training import Recipe, outcome, trained

FACTOR = 5


def degradation(scene: Scene) -> Iterator[Claim]:
    """Training loss of plain and residual networks, shallow and deep."""
    runs = demo_runs(scene)
    yield _claim(scene, "MLP 2 → 8, Swift", [[runs[name] for name in _demo_names()]])
    if scene.is_fast:
        return
    for title, recipes in (("MLP 2 → 8", _fully_connected), ("20 → 56 layers", _convolutional)):
        seeds = [
            [trained(scene, recipe).run for recipe in recipes(seed)] for seed in scene.seeds_or(3)
        ]
        yield _claim(scene, title, seeds)


def _claim(scene: Scene, title: str, seeds: list[list[str]]) -> Claim:
    """Of each seed: runs of the shallow and the deep plain network, and of the deep residual one."""
    over_shallow, over_residual = [], []
    for runs in seeds:
        shallow, deep, residual = (outcome(scene, run)["training_loss"] for run in runs)
        over_shallow.append(deep / shallow)
        over_residual.append(deep / residual)
    return Claim(
        f"plain deep trains worse: {title}", f"both > {FACTOR}×",
        f"{several(over_shallow)} × shallow, {several(over_residual)} × residual",
        min(over_shallow + over_residual) > FACTOR,
    )  # fmt: skip


def _demo_names() -> list[str]:
    return ["plain-2", "plain-8", "residual-8"]


def _fully_connected(seed: int) -> list[Recipe]:
    return [Recipe(name, seed) for name in ("mlp_plain-2", "mlp_plain-8", "mlp-8")]


def _convolutional(seed: int) -> list[Recipe]:
    return [
        Recipe.convolutional("plain-20", seed), Recipe.convolutional("plain-56", seed),
        resnet_56(seed),
    ]  # fmt: skip
