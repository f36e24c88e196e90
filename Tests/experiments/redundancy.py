"""R: what is said of networks whose redundancy is known, from the recorder to the command."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import resnet_probe
import torch
import torch.nn.functional as F
from torch import nn

from experiments.claim import Claim, number, several
from experiments.redundant_networks import (
    duplicated,
    rescaled,
    rotated,
    with_identities,
    with_unread_maps,
)
from experiments.scene import Row, Scene
from experiments.training import digits, steps

EPOCHS = 3
BATCH = 64
RATE = 0.05
COUNT = 8  # blocks of an MLP
LAST = [5, 6, 7]
MIDDLE = [3, 4, 5]
RESCALINGS = 6
TWINS = {1, 2}
ROTATIONS = (0, 1, 3)
SMALL_BLOCK = 2
LAYERS = 3  # of a dense stage
GROWTH = 4
UNREAD = 1
LEAST_LOSS = 0.05  # nats, of what must not be left out
EXACT = 1e-4
NOTHING = 1e-5

Made = Callable[[], nn.Module]


def redundancy(scene: Scene) -> Iterator[Claim]:
    """Each network is trained for a few steps and examined; seeds differ in weights and batches."""
    yield from _duplicated(scene)
    yield from _rotated(scene)
    yield from _rescaled(scene)
    yield from _identities(scene)
    yield from _unread(scene)


def _runs(scene: Scene, title: str, make: Made, together: tuple[list[int], ...] = ()) -> list[str]:
    """The runs of a network, a seed each."""
    return [_examined(scene, f"{title} {seed}", make, seed, together) for seed in scene.seeds_or(3)]


def _examined(
    scene: Scene, title: str, make: Made, seed: int, together: tuple[list[int], ...]
) -> str:
    scene.say(title)
    torch.manual_seed(seed)
    network = make()
    learning = [parameter for parameter in network.parameters() if parameter.requires_grad]
    optimizer = torch.optim.SGD(learning, RATE, 0.9)
    training, test = digits()
    with scene.recording(), resnet_probe.attach(network, optimizer, run=title, every=2) as probe:
        for loss in steps(network, optimizer, training, EPOCHS, BATCH):
            probe.log(loss=loss)
        probe.examine(
            network, [(test.images, test.labels)], F.cross_entropy, samples=len(test),
            together=together, progress=False,
        )  # fmt: skip
        return probe.run


def candidates(scene: Scene, run: str) -> list[int]:
    """What the plan, the report and the view propose: the blocks in the order of removal.

    Raises:
        AssertionError: Where they do not propose the same.
    """
    plan = scene.plan(run)
    proposed = [block["ordinal"] for block in plan["blocks"]]
    reported = scene.report(run)["depth"]["candidates"]
    rows = scene.query(
        f"SELECT ordinal FROM candidate WHERE run_id = {scene.number(run)} ORDER BY place"
    )
    assert plan["basis"] == reported["basis"] == "measured"
    assert proposed == reported["ordinals"] == [row["ordinal"] for row in rows]
    return proposed


def _candidates(scene: Scene, text: str, runs: list[str], expected: list[int]) -> Claim:
    """That exactly these blocks are proposed, in each run."""
    found = [sorted(candidates(scene, run)) for run in runs]
    return Claim(
        f"{text}: candidates, each seed", _listed(expected),
        "; ".join(dict.fromkeys(map(_listed, found))), found == [expected] * len(runs),
    )  # fmt: skip


def _listed(ordinals: list[int]) -> str:
    return " ".join(map(str, ordinals)) or "none"


def _duplicated(scene: Scene) -> Iterator[Claim]:
    runs = _runs(scene, "a block and its copy", duplicated, (sorted(TWINS),))
    found = [set(candidates(scene, run)) for run in runs]
    yield Claim(
        "a block and its copy: candidates, each seed", "one of 1 2",
        "; ".join(_listed(sorted(one)) for one in found),
        all(len(one) == 1 and one < TWINS for one in found),
    )  # fmt: skip
    alone, both = [], []
    for run in runs:
        changes = removals(scene, run)
        alone += [changes[(twin,)] for twin in TWINS]
        both.append(changes[tuple(sorted(TWINS))])
    yield Claim(
        "without one of the two, without both", f"< {NOTHING:g}, > {LEAST_LOSS:g} nats",
        f"{number(max(map(abs, alone)))}, ≥ {number(min(both))}",
        max(map(abs, alone)) < NOTHING and min(both) > LEAST_LOSS,
    )  # fmt: skip
    of_twins, of_others = [], []
    for run in runs:
        for pair in scene.report(run)["depth"]["similarity"]:
            if pair["first"] < pair["last"]:
                is_twins = {pair["first"], pair["last"]} == TWINS
                (of_twins if is_twins else of_others).append(pair["branch_cka"])
    yield Claim(
        "CKA of their branches, of others", f"1 ± {EXACT:g}, less",
        f"{several(of_twins, 6)}, ≤ {number(max(of_others))}",
        max(abs(value - 1) for value in of_twins) < EXACT and max(of_others) < 1 - 100 * EXACT,
    )  # fmt: skip


def _rotated(scene: Scene) -> Iterator[Claim]:
    runs = _runs(scene, "rotations, and a small block", rotated)
    yield _candidates(scene, "rotations, and a small block", runs, [SMALL_BLOCK])
    alike, angles, costs = [], [], []
    for run in runs:
        pairs = {
            (pair["first"], pair["last"]): pair["cka"]
            for pair in scene.report(run)["depth"]["similarity"]
        }
        changes = removals(scene, run)
        for rotation in ROTATIONS:
            angles.append(spans(scene, run)[rotation, 1]["angular_distance"])
            costs.append(changes[(rotation,)])
            if rotation > 0:
                alike.append(pairs[rotation - 1, rotation])
    yield Claim(
        "a rotation: CKA of x and y, angle, cost", f"1 ± {EXACT:g}, > .3, > {LEAST_LOSS:g} nats",
        f"{several(alike, 6)}, ≥ {number(min(angles))}, ≥ {number(min(costs))}",
        max(abs(value - 1) for value in alike) < EXACT
        and min(angles) > 0.3 and min(costs) > LEAST_LOSS,
    )  # fmt: skip


def spans(scene: Scene, run: str) -> dict[tuple[int, int], Row]:
    """What the store says of each span, by its first block and its length."""
    rows = scene.query(
        "SELECT start, length, angular_distance, span_gap, loss_change FROM span"
        f" WHERE run_id = {scene.number(run)}"
    )
    return {(row["start"], row["length"]): row for row in rows}


def _rescaled(scene: Scene) -> Iterator[Claim]:
    for size in (0.03,) if scene.is_fast else (0.03, 0.2):
        text = f"F = {size:g} x in {RESCALINGS} blocks"
        runs = _runs(scene, text, lambda size=size: rescaled(size, RESCALINGS))
        errors, angles = [], []
        for run in runs:
            for (_, length), span in spans(scene, run).items():
                errors.append(abs(span["span_gap"] / ((1 + size) ** length - 1) - 1))
                angles.append(span["angular_distance"])
        yield Claim(
            f"{text}: gaps of {len(errors)} spans", f"(1 + ε)ⁿ − 1 ± {EXACT:g}, angle 0",
            f"± {number(max(errors))}, ≤ {number(max(angles))}",
            max(errors) < EXACT and max(angles) < 1e-6,
        )  # fmt: skip
        depths = [scene.report(run)["depth"] for run in runs]
        by_gap = [depth_by(depth, "identity_gap_squared") for depth in depths]
        turns = [depth_by(depth, "block_influence") for depth in depths]
        crooked = [one["value"] for depth in depths for one in depth["tortuosity"]]
        yield Claim(
            f"{text}: depth by gap, by influence; tortuosity", f"{RESCALINGS}, none; none",
            f"{several([value or 0 for value in by_gap], 6)}, {_or_none(turns)}; {_or_none(crooked)}",
            all(value is not None and abs(value - RESCALINGS) < EXACT for value in by_gap)
            and not any(turns) and not any(crooked),
        )  # fmt: skip


def depth_by(depth: Row, score: str) -> float | None:
    """How many blocks do the work by a score, as the report says it."""
    (found,) = [one["participation"] for one in depth["effective"] if one["score"] == score]
    return None if found is None else float(found)


def _or_none(values: list[float | None]) -> str:
    return several([value for value in values if value is not None]) or "none"


def _identities(scene: Scene) -> Iterator[Claim]:
    for text, identities in (("identities at the end", LAST), ("in the middle", MIDDLE)):
        runs = _runs(scene, text, lambda identities=identities: with_identities(COUNT, identities))
        yield _candidates(scene, text, runs, identities)
        saved = []
        for run in runs:
            losses = curve(scene, run, len(identities))
            saved.append(losses["deepest_first"] - losses["greedy"])
        is_last = identities == LAST
        yield Claim(
            f"{text}: greedy saves, against deepest first", "0" if is_last else f"> {LEAST_LOSS:g}",
            f"{several(saved)} nats at {len(identities)} of {COUNT}",
            all(one == 0 for one in saved) if is_last else min(saved) > LEAST_LOSS,
        )  # fmt: skip


def curve(scene: Scene, run: str, dropped: int) -> dict[str, float]:
    """How much the loss rises without so many blocks, in the first order of each strategy."""
    return {
        curve["strategy"]: point["loss_change"]["value"]
        for curve in scene.plan(run)["curves"] if curve["number"] == 0
        for point in curve["points"] if point["dropped"] == dropped
    }  # fmt: skip


def _unread(scene: Scene) -> Iterator[Claim]:
    text = "a dense layer that none reads"
    runs = _runs(scene, text, lambda: with_unread_maps(LAYERS, GROWTH, UNREAD))
    yield _candidates(scene, text, runs, [UNREAD])
    unread, read = [], []
    for run in runs:
        for stage in scene.report(run)["depth"]["reuse"]:
            for reading in stage["readings"]:
                (unread if reading["source"] == UNREAD else read).append(reading["relative"])
    yield Claim(
        "its weights beside the mean of all, of others", "0, > 0.5",
        f"{several(unread)}, ≥ {number(min(read))}", not any(unread) and min(read) > 0.5,
    )  # fmt: skip


def removals(scene: Scene, run: str) -> dict[tuple[int, ...], float]:
    """How much the loss rose without each set of blocks that was removed."""
    rows = scene.query(
        "SELECT blocks, loss_change FROM ablation JOIN examination"
        f" ON examination.id = examination_id WHERE run_id = {scene.number(run)}"
    )
    return {tuple(json.loads(row["blocks"])): row["loss_change"] for row in rows}
