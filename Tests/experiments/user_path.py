"""U: a user's path: train, examine, plan, bypass; what is measured on one set holds on another."""

from __future__ import annotations

import statistics
from collections.abc import Iterator

import resnet_probe

from experiments.bypassed import Bypassed, bypassed, time_ratio
from experiments.claim import Claim, number, several
from experiments.journeys import RESNET, TRANSFORMER, Arrived, Journey, travelled
from experiments.scene import Scene
from experiments.training import evaluated, steps

GENEROUS = "0.2"  # nats
MOST_APART = 1e-5
MOST_SCORE = 3
TUNING = 0.2  # of the rate that the network was trained with


def user_path(scene: Scene) -> Iterator[Claim]:
    """A ViT, and a ResNet-56; what they are told to drop, and what comes of it on unseen digits."""
    yield from _path(scene, TRANSFORMER)
    if not scene.is_fast:
        yield from _path(scene, RESNET)


def _path(scene: Scene, journey: Journey) -> Iterator[Claim]:
    arrived = [travelled(scene, journey, seed) for seed in scene.seeds_or(3)]
    usual = [bypassed(scene, one) for one in arrived]
    generous = [bypassed(scene, one, "--tolerance", GENEROUS) for one in arrived]
    reports = [scene.report(one.run) for one in arrived]
    blocks = len(reports[0]["blocks"])
    halves = [_half(scene, one, blocks // 2) for one in arrived]
    in_use = [report["depth"]["effective"][0] for report in reports]
    yield Claim(
        f"{journey.name}: how many of {blocks} blocks do the work, by {in_use[0]['score']}", "shown",
        ", ".join(f"{one['participation']:.0f} to {one['entropy']:.0f}" for one in in_use), True,
    )  # fmt: skip
    yield Claim(
        f"{journey.name}: planned of {blocks} by default, for {GENEROUS} nats", "shown",
        f"{_counts(usual)}; {_counts(generous)}", True,
    )  # fmt: skip
    made = [one for one in (*usual, *generous, *halves) if one is not None]
    yield from _as_promised(journey, made)
    yield _holds_elsewhere(journey, made)
    yield _recovers(scene, journey, arrived, halves)
    if not scene.is_fast:
        yield _is_faster(journey, arrived, halves)


def _half(scene: Scene, one: Arrived, count: int) -> Bypassed:
    found = bypassed(scene, one, "--drop", str(count))
    assert found is not None
    assert len(found.plan["blocks"]) == count
    return found


def _counts(made: list[Bypassed | None]) -> str:
    return " ".join("0" if one is None else str(len(one.plan["blocks"])) for one in made)


def _as_promised(journey: Journey, made: list[Bypassed]) -> Iterator[Claim]:
    """That a bypassed network is the whole one with F = 0, at the price that the plan names."""
    apart = max(one.apart for one in made)
    errors = [abs(one.change - one.joint["value"]) for one in made]
    yield Claim(
        f"{journey.name}: {len(made)} bypassed, logits with F = 0; loss as planned",
        f"the same; < {MOST_APART:g}", f"{number(apart)} apart; {number(max(errors))} nats",
        apart == 0 and max(errors) < MOST_APART,
    )  # fmt: skip
    freed = [one.parameters - one.plan["parameters"]["dropped"] for one in made]
    saved = [one.operations - journey.tokens * one.plan["macs"]["dropped"] for one in made]
    shares = [100 * one.plan["macs"]["share"] for one in made]
    yield Claim(
        f"{journey.name}: parameters and MACs freed are the plan's", "exactly",
        f"{number(max(map(abs, freed)))}, {number(max(map(abs, saved)))} apart;"
        f" {several(shares)} % of MACs",
        not any(freed) and not any(saved),
    )  # fmt: skip


def _holds_elsewhere(journey: Journey, made: list[Bypassed]) -> Claim:
    """That unseen digits lose what was measured; both sets of digits have noise of their own.

    Of two sets of one size the second's mean lies in the first's 90 % interval three times in four.
    """
    within = sum(one.is_within for one in made)
    scores = [one.score for one in made]
    return Claim(
        f"{journey.name}: unseen digits' loss within the plan's",
        f"half, z within ± {MOST_SCORE}", f"{within} of {len(made)}, z {several(scores)}",
        2 * within >= len(made) and all(abs(score) < MOST_SCORE for score in scores),
    )  # fmt: skip


def _recovers(
    scene: Scene, journey: Journey, arrived: list[Arrived], halves: list[Bypassed]
) -> Claim:
    """What batch norm's statistics and an epoch of training make good again, by unseen errors."""
    whole = [evaluated(one.network, one.unseen)[1] for one in arrived]
    without = [half.unseen_error for half in halves]
    renewed, tuned = [], []
    for one, half in zip(arrived, halves, strict=True):
        batches = [(one.training.images, one.training.labels)]
        with scene.recording():
            network = resnet_probe.bypass(one.network, half.plan, recalibrate=batches)
        renewed.append(evaluated(network, one.unseen)[1])
        optimizer = journey.optimizer(network, TUNING)
        network.train()
        for _ in steps(network, optimizer, one.training, 1, journey.batch):
            pass
        tuned.append(evaluated(network, one.unseen)[1])
    means = [statistics.mean(errors) for errors in (whole, without, renewed, tuned)]
    return Claim(
        f"{journey.name}: half dropped, norms renewed, an epoch: error", "falls",
        f"{' → '.join(map(number, means))} %", means[3] < means[1],
    )  # fmt: skip


def _is_faster(journey: Journey, arrived: list[Arrived], halves: list[Bypassed]) -> Claim:
    found = [
        time_ratio(one.network, half.network, one.unseen)
        for one, half in zip(arrived, halves, strict=True)
    ]
    words = ", ".join(
        f"{number(ratio)} ({number(low)}–{number(high)})" for ratio, low, high in found
    )
    return Claim(
        f"{journey.name}: half: time of a forward", "< 1 ×", f"{words} ×",
        all(high < 1 for _, _, high in found),
    )  # fmt: skip
