"""E: strong weight decay makes identities, each alone harmless and together not for the loss."""

from __future__ import annotations

from collections.abc import Iterator

from experiments.claim import Claim, number, several
from experiments.identities import flagged
from experiments.removal import MOST_APART, single_removals, without
from experiments.scene import Scene
from experiments.training import Recipe, digits, evaluated, trained

BLOCKS = 32
WEIGHT_DECAY = 2e-2
LEAST_FLAGGED = 5
MOST_ERROR = 2.0  # points
TOLERANCE = "0.05"  # nats


def recipe(seed: int) -> Recipe:
    """A deep network under strong weight decay, of γ and β too."""
    return Recipe(
        f"mlp-{BLOCKS}", seed, weight_decay=WEIGHT_DECAY, every=1, is_examined=True, has_curve=True
    )


def emergent(scene: Scene) -> Iterator[Claim]:
    """Networks of 32 blocks; all blocks that the report flags are removed together."""
    counts, confirmed, errors, growths, shares = [], [], [], [], []
    training, test = digits()
    for seed in scene.seeds_or(3):
        one = trained(scene, recipe(seed))
        report = scene.report(one.run)
        places = flagged(report)
        said = [report["blocks"][place]["confirmation"] for place in places]
        loss, _ = evaluated(one.network, training)
        jointly, _ = without(one.network, places, training)
        singly = single_removals(one.network, training)
        counts.append(len(places))
        confirmed.append(said.count("confirmed"))
        errors.append(without(one.network, places, test)[1] - evaluated(one.network, test)[1])
        growths.append(jointly / loss)
        shares.append((jointly - loss) / max(1e-12, sum(singly[place] for place in places)))
    yield Claim(
        f"weight decay {WEIGHT_DECAY:g}: identities among {BLOCKS} blocks", f"≥ {LEAST_FLAGGED}",
        " ".join(map(str, counts)), min(counts) >= LEAST_FLAGGED,
    )  # fmt: skip
    yield Claim(
        "of them confirmed by removing each alone", "shown", " ".join(map(str, confirmed)), True
    )
    yield Claim(
        "all of them removed: test error moves", f"< {MOST_ERROR:g} points",
        f"{several(errors)} points", max(map(abs, errors)) < MOST_ERROR,
    )  # fmt: skip
    yield Claim(
        "all of them removed: training loss grows", "shown",
        f"{several(growths)} ×; {several(shares)} × the sum of single ones", True,
    )  # fmt: skip
    yield from _planned(scene)


def _planned(scene: Scene) -> Iterator[Claim]:
    """What the plan proposes of these networks, with the loss as a range."""
    test = digits()[1]
    usual, counts, ranges, apart, errors = [], [], [], [], []
    for seed in scene.seeds_or(3):
        one = trained(scene, recipe(seed))
        usual.append(len(scene.plan(one.run)["blocks"]))
        plan = scene.plan(one.run, "--tolerance", TOLERANCE)
        places = [block["ordinal"] for block in plan["blocks"]]
        loss, error = evaluated(one.network, test)
        without_them = without(one.network, places, test)
        jointly = plan["loss"]["jointly"]["value"]
        counts.append(len(places))
        ranges.append(f"{number(plan['loss']['sum_of_singles'])}–{number(jointly)}")
        apart.append(abs(without_them[0] - loss - jointly))
        errors.append(without_them[1] - error)
    yield Claim(
        f"planned by default, for {TOLERANCE} nats", f"≥ {LEAST_FLAGGED} for {TOLERANCE}",
        f"{' '.join(map(str, usual))}; {' '.join(map(str, counts))}",
        min(counts) >= LEAST_FLAGGED,
    )  # fmt: skip
    yield Claim("their loss: sum of singles to jointly", "shown", f"{', '.join(ranges)} nats", True)
    yield Claim(
        "against removals here; test error moves",
        f"< {MOST_APART:g}; < {MOST_ERROR:g} points",
        f"{number(max(apart))} nats apart; {several(errors)} points",
        max(apart) < MOST_APART and max(map(abs, errors)) < MOST_ERROR,
    )  # fmt: skip
