"""K: how often a block at ε is called an identity, and how often one below it is recognised."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator

from journals import residual_blocks
from resnet_probe.journal import wire
from resnet_probe.journal.frame import BlockStatistics, Frame, LogDistribution, Moments
from resnet_probe.journal.run import RunOpened

from experiments.claim import Claim, number
from experiments.scene import Scene, fresh_identity

EPSILON = 0.05
BLOCKS = 250  # of a run
REPLICATES = 1000
DEVIATION = 0.1  # of ln gap
MOST_FALSE = 0.08
LEAST_POWER = 0.95
FIRST_STEP = 10_000  # so that what came before is outside the last fifth of the steps

AT_EPSILON = [(records, time) for records in (20, 60, 200) for time in (0.0, 5.0, 20.0)]
BELOW = [(30, 0.0), (60, 0.8), (100, 1.5), (200, 3.0)]
"""Records and autocorrelation times with at least 30 effective records."""


def false_identity(scene: Scene) -> Iterator[Claim]:
    """Journals of AR(1) series of ln gap; the bound of each block alone is read from the report."""
    runs = 1 if scene.is_fast else (scene.seeds or REPLICATES // BLOCKS)
    cells = [(20, 5.0), (60, 20.0)] if scene.is_fast else AT_EPSILON
    at = [_share(scene, records, time, 0.0, runs) for records, time in cells]
    yield Claim(
        f"a gap at ε is called below it, {len(cells)} settings", f"≤ {100 * MOST_FALSE:g} %",
        f"{_percent(min(at))} … {_percent(max(at))} % of {runs * BLOCKS}", max(at) <= MOST_FALSE,
    )  # fmt: skip
    cells = BELOW[:2] if scene.is_fast else BELOW
    below = [_share(scene, records, time, math.log(0.9), runs) for records, time in cells]
    yield Claim(
        "a gap 10 % below ε is recognised, n_eff ≥ 30", f"≥ {100 * LEAST_POWER:g} %",
        f"{_percent(min(below))} … {_percent(max(below))} % of {runs * BLOCKS}",
        min(below) >= LEAST_POWER,
    )  # fmt: skip


def _percent(share: float) -> str:
    return number(100 * share)


def _share(scene: Scene, records: int, time: float, offset: float, runs: int) -> float:
    """Of how many blocks the upper bound lies below ε."""
    scene.say(f"{records} records, autocorrelation time {time:g}, ln gap {offset:+.2f}")
    below = 0
    for seed in range(runs):
        report = scene.report(_synthetic(scene, records, time, offset, seed))
        assert report["run"]["window"]["records"] == records
        bounds = [block["statistics"]["identity_gap"]["upper"] for block in report["blocks"]]
        assert len(bounds) == BLOCKS
        below += sum(bound < EPSILON for bound in bounds)
    return below / (runs * BLOCKS)


def _synthetic(scene: Scene, records: int, time: float, offset: float, seed: int) -> str:
    """The identity of a run of independent blocks whose ln gap wanders about ln ε + `offset`."""
    dice = random.Random(f"{records} {time} {offset} {seed}")
    series = [_autoregressive(records, time, dice) for _ in range(BLOCKS)]
    run = bytes.fromhex(fresh_identity())
    opened = RunOpened(run, run, f"synthetic {records} {time} {seed}", started_at=1.75e9)
    payloads = [wire.opened_record(opened, run, 0), wire.block_map_record(residual_blocks(BLOCKS))]
    payloads.append(wire.frame_record(_frame(0, [1.0] * BLOCKS), BLOCKS))
    for place in range(records):
        gaps = [EPSILON * math.exp(offset + values[place]) for values in series]
        payloads.append(wire.frame_record(_frame(FIRST_STEP + place, gaps), BLOCKS))
    payloads.append(wire.finished_record(True, 1.75e9 + 1e5, FIRST_STEP + records - 1, 0))
    content = wire.header(run, 0) + b"".join(map(wire.framed, payloads))
    scene.leave(wire.file_name(run, 0), content)
    return run.hex()


def _autoregressive(count: int, time: float, dice: random.Random) -> list[float]:
    """A stationary AR(1) series of mean 0 with ρ = exp(−1/time)."""
    rho = math.exp(-1 / time) if time > 0 else 0.0
    values = [dice.gauss(0, DEVIATION)]
    for _ in range(count - 1):
        values.append(rho * values[-1] + dice.gauss(0, DEVIATION * math.sqrt(1 - rho * rho)))
    return values


def _frame(step: int, gaps: list[float]) -> Frame:
    blocks = []
    for ordinal, gap in enumerate(gaps):
        logs = LogDistribution(8, Moments(8, math.log(gap), 0.0), gap, gap, gap, gap)
        slot = min(95, max(0, math.floor(4 * (math.log2(gap) + 20))))
        blocks.append(
            BlockStatistics(
                ordinal, samples=8, micro_batches=1, identity_gap=logs,
                identity_gap_histogram={slot: 8},
            )
        )  # fmt: skip
    return Frame(step, 1.75e9 + step, blocks=blocks)
