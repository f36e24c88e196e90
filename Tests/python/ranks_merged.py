"""Journals of several ranks, and their statistics merged as those of one batch."""

import pathlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import hypot, sqrt
from typing import Any

from resnet_probe.journal.frame import BlockStatistics, LogDistribution, Moments, Pooled

from frames import RecordedFrame
from journals import ATTEMPT_FINISHED, FRAME, RUN_OPENED, Record, records
from oracle.comparison import LOGS, MOMENTS

APPROXIMATE = ("constant_fraction", "absorbed_fraction")
"""What ranks do not merge exactly, or float64 has none of."""


@dataclass(frozen=True)
class RankJournal:
    """The journal of one rank."""

    run: str
    attempt: str
    name: str
    first_step: int
    rank: int
    world_size: int
    blocks: list[str]
    frames: list[RecordedFrame]
    end: Record | None

    @property
    def steps(self) -> list[int]:
        """The steps of its frames."""
        return [frame.step for frame in self.frames]


def journals_in(spool: pathlib.Path) -> list[RankJournal]:
    """The journals of a spool, of one segment each, by run's name and rank."""
    found = []
    for path in spool.glob("*.rpj"):
        head, blocks, *rest = records(path.read_bytes())
        assert head.kind == RUN_OPENED
        names = [_name(part) for part in blocks.fields[1]]
        run, attempt, name = (_bytes(head, field) for field in (3, 4, 5))
        found.append(
            RankJournal(
                run.hex(), attempt.hex(), name.decode(), int(head.number(8)), int(head.number(9)),
                int(head.number(10)), names,
                [RecordedFrame(record) for record in rest if record.kind == FRAME],
                next((record for record in rest if record.kind == ATTEMPT_FINISHED), None),
            )
        )  # fmt: skip
    return sorted(found, key=lambda journal: (journal.name, journal.rank))


def merged(parts: Sequence[BlockStatistics], expected: Mapping[str, Any]) -> BlockStatistics:
    """One block at one step, of the ranks that have it.

    Sampled statistics add; those of parameters are rank 0's. Percentiles do not merge exactly: the
    expected ones stand in for them.
    """
    whole = BlockStatistics(parts[0].ordinal)
    for name in ("samples", "micro_batches", "dropped", "undefined", "non_finite"):
        setattr(whole, name, sum(getattr(part, name) for part in parts))
    for name in MOMENTS:
        setattr(whole, name, _moments([getattr(part, name) for part in parts]))
    for name in LOGS:
        setattr(whole, name, _logs([getattr(part, name) for part in parts], expected[name]))
    slots: dict[int, int] = {}
    for part in parts:
        for slot, count in (part.identity_gap_histogram or {}).items():
            slots[slot] = slots.get(slot, 0) + count
    whole.identity_gap_histogram = slots or None
    for name in ("stream_rms", "branch_rms", "dead_fraction"):
        squared = name != "dead_fraction"
        setattr(whole, name, _pooled([getattr(part, name) for part in parts], squared=squared))
    signed = [(p.taylor_importance.n, p.taylor_signed_mean) for p in parts if p.taylor_importance]
    total = sum(n for n, _ in signed)
    if total:
        whole.taylor_signed_mean = sum(n * (mean or 0.0) for n, mean in signed) / total
    for name in ("gate_gradient", "weight_norm", "gradient_norm", "update_ratio", "gate_rms"):
        setattr(whole, name, getattr(parts[0], name))
    return whole


def _moments(parts: Sequence[Moments | None]) -> Moments | None:
    """Chan's formula."""
    whole = Moments(0, 0.0, 0.0)
    for part in parts:
        if part is None or part.n == 0:
            continue
        n = whole.n + part.n
        delta = part.mean - whole.mean
        m2 = whole.m2 + part.m2 + delta * delta * whole.n * part.n / n
        whole = Moments(n, whole.mean + delta * part.n / n, m2)
    return whole if whole.n else None


def _logs(parts: Sequence[LogDistribution | None], expected: Any) -> LogDistribution | None:
    present = [part for part in parts if part is not None]
    if not present:
        return None
    logs = _moments([part.logs for part in present]) or Moments(0, 0.0, 0.0)
    n, top = sum(part.n for part in present), max(part.max for part in present)
    return LogDistribution(n, logs, *(expected[name] for name in ("p50", "p90", "p99")), top)


def _pooled(parts: Sequence[Pooled | None], *, squared: bool) -> Pooled | None:
    present = [part for part in parts if part is not None]
    n = sum(part.n for part in present)
    if not n:
        return None
    if squared:
        return Pooled(n, hypot(*(sqrt(part.n / n) * part.value for part in present)))
    return Pooled(n, sum(part.n * part.value for part in present) / n)


def _bytes(record: Record, field: int) -> bytes:
    value = record.fields[field][0]
    assert isinstance(value, bytes)
    return value


def _name(block: "int | float | bytes") -> str:
    from journals import fields

    assert isinstance(block, bytes)
    name = fields(block)[2][0]
    assert isinstance(name, bytes)
    return name.decode()
