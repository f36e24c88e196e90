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

Runs = list[str]
"""Runs of one network, a seed each."""


def degradation(scene: Scene) -> Iterator[Claim]:
    """Training loss of plain and residual networks, shallow and deep."""
    demo = demo_runs(scene)
    names = ("plain-2", "plain-8", "residual-2", "residual-8")
    shallow, deep, residual_2, residual_8 = ([demo[name]] for name in names)
    yield _trains_worse(scene, "MLP 2 → 8, Swift", shallow, deep, residual_8)
    yield _is_named(scene, "MLP 2 → 8, Swift", shallow + deep, residual_2 + residual_8)
    if scene.is_fast:
        return
    names = ("mlp_plain-2", "mlp_plain-8", "mlp-2", "mlp-8")
    shallow, deep, residual_2, residual_8 = (
        _runs(scene, [Recipe(name, seed) for seed in scene.seeds_or(3)]) for name in names
    )
    yield _trains_worse(scene, "MLP 2 → 8", shallow, deep, residual_8)
    yield _is_named(scene, "MLP 2 → 8", shallow + deep, residual_2 + residual_8)
    yield from _convolutional(scene)


def _convolutional(scene: Scene) -> Iterator[Claim]:
    """Networks of 20, 44 and 56 layers."""
    names = ("plain-20", "plain-44", "plain-56", "resnet-20")
    plain_20, plain_44, plain_56, resnet_20 = (
        _runs(scene, [Recipe.convolutional(name, seed) for seed in scene.seeds_or(3)])
        for name in names
    )
    residual = _runs(scene, [resnet_56(seed) for seed in scene.seeds_or(3)])
    yield _trains_worse(scene, "20 → 56 layers", plain_20, plain_56, residual)
    yield _is_named(scene, "20 → 44 layers", plain_20 + plain_44, resnet_20 + residual)
    found = named(scene, plain_20 + plain_56 + resnet_20 + residual)
    yield Claim("compare of 20 → 56 layers", "shown", ", ".join(found), True)


def _runs(scene: Scene, recipes: list[Recipe]) -> Runs:
    return [trained(scene, recipe).run for recipe in recipes]


def _trains_worse(scene: Scene, title: str, shallow: Runs, deep: Runs, residual: Runs) -> Claim:
    """The deep plain network against the shallow one, and against the residual one as deep."""
    over = {}
    for name, others in (("shallow", shallow), ("residual", residual)):
        over[name] = min(
            outcome(scene, run)["training_loss"] / outcome(scene, other)["training_loss"]
            for run, other in zip(deep, others, strict=True)
        )
    return Claim(
        f"plain deep trains worse: {title}", f"both > {FACTOR}×",
        ", ".join(f"≥ {number(factor)} × {name}" for name, factor in over.items()),
        min(over.values()) > FACTOR,
    )  # fmt: skip


def _is_named(scene: Scene, title: str, plain: Runs, residual: Runs) -> Claim:
    """That `compare` calls it degradation, of the plain networks alone."""
    found = named(scene, plain + residual)
    whose = "plain" if found.get("degradation") == plain else "not of these plain networks alone"
    return Claim(
        f"compare names it: {title}", "degradation, plain", ", ".join([*found, whose]),
        found == {"degradation": plain},
    )  # fmt: skip
