"""Whatever the values are, the command that reads takes every record."""

import json
import math
import pathlib
import random
from typing import TypeVar

from resnet_probe.journal.frame import (
    BlockStatistics,
    Frame,
    LogDistribution,
    Moments,
    Pooled,
)
from resnet_probe.journal.recording import Recording
from resnet_probe.journal.run import open_run
from resnet_probe.journal.spool import Spool
from resnet_probe.notices import Notices

from journals import Folder, MapBlock
from processes import command

_Value = TypeVar("_Value")

NUMBERS = [0.0, -0.0, 1.0, 0.5, -1.0, 5e-324, 1.8e308, math.nan, math.inf, -math.inf, 1e-9]
COUNTS = [
    0,
    1,
    2,
    7,
    8,
    -1,
    127,
    128,
    1 << 31,
    1 << 32,
    1 << 40,
    1 << 41,
    1 << 53,
    1 << 63,
    1 << 64,
]
TEXTS = ["a", "", "\0", "é" * 300, "e\u0301", "\ud800", "\x1b[31m", "x" * 600, "🙂" * 140, "a\nb"]


class Hostile:
    """Values that no measurement should make, from a seed."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)

    def one(self, values: list[_Value]) -> _Value:
        return self.chance.choice(values)

    def moments(self) -> Moments:
        return Moments(self.one(COUNTS), self.one(NUMBERS), self.one(NUMBERS))

    def maybe(self, value: _Value) -> _Value | None:
        return self.one([value, None])

    def distribution(self) -> LogDistribution:
        numbers = [self.maybe(self.one(NUMBERS)) if self.one([0, 0, 1]) else 0.25 for _ in range(4)]
        return LogDistribution(self.one(COUNTS), self.moments(), *numbers)

    def statistics(self, ordinal: int) -> BlockStatistics:
        moments = "cosine perpendicular_ratio angular_distance block_influence output_grad_norm"
        moments += " branch_gain taylor_importance"
        pooled = "stream_rms branch_rms constant_fraction dead_fraction absorbed_fraction"
        numbers = "taylor_signed_mean gate_gradient weight_norm gradient_norm update_ratio gate_rms"
        values: dict[str, object] = {name: self.maybe(self.moments()) for name in moments.split()}
        values |= {
            name: self.maybe(Pooled(self.one(COUNTS), self.one(NUMBERS))) for name in pooled.split()
        }
        values |= {name: self.maybe(self.one(NUMBERS)) for name in numbers.split()}
        block = BlockStatistics(
            ordinal,
            samples=self.one(COUNTS),
            micro_batches=self.one(COUNTS),
            dropped=self.one([0, 0, 1, *COUNTS]),
            undefined=self.one([0, 0, 1, *COUNTS]),
            non_finite=self.one([0, 0, 1, *COUNTS]),
            identity_gap=self.maybe(self.distribution()),
            residual_ratio=self.maybe(self.distribution()),
            identity_gap_histogram=self.maybe(
                {self.chance.randrange(-2, 104): self.one(COUNTS) for _ in range(6)}
            ),
        )
        for name, value in values.items():
            setattr(block, name, value)
        return block

    def frame(self, step: int, blocks: int) -> Frame:
        ordinals = [self.chance.randrange(-1, blocks + 1) for _ in range(blocks)]
        return Frame(
            step,
            self.one(NUMBERS),
            loss=self.maybe(self.one(NUMBERS)),
            learning_rate=self.maybe(self.one(NUMBERS)),
            loss_scale=self.maybe(self.one(NUMBERS)),
            skipped=self.one([True, False]),
            recorder_seconds=self.one(NUMBERS),
            blocks=[self.statistics(ordinal) for ordinal in ordinals],
            metrics={self.one(TEXTS): self.one(NUMBERS) for _ in range(4)},
        )


def test_a_reader_takes_every_record_of_hostile_values(tmp_path: pathlib.Path) -> None:
    hostile = Hostile(seed=4)
    said: list[str] = []
    notices = Notices(write=said.append)
    blocks = [MapBlock(place, name) for place, name in enumerate(TEXTS + TEXTS)]
    opened = open_run(
        "\ud800" * 400,
        notices,
        project="\0",
        rank=-1,
        config={"a": {text: text * 1000 for text in TEXTS}, "password": "hush"},
    )
    spool = tmp_path / "spool"
    recording = Recording(opened, blocks, Spool(str(spool)), notices, period=1e6)
    for step in range(300):
        recording.put(hostile.frame(step, len(blocks)))
        recording.log(step, {hostile.one(TEXTS): hostile.one(NUMBERS)})
        recording.log(step + 1, {hostile.one(TEXTS): hostile.one(NUMBERS)})
    recording.finish("completed", 1 << 60)
    assert recording.counts.frames_written == 300, said
    store = tmp_path / "store.sqlite"
    command("ingest", *Folder(spool).segments, "--store", store)
    rows = command(
        "query",
        "SELECT rejected_records, first_rejection, (SELECT count(*) FROM frame) AS frames,"
        " (SELECT count(*) FROM block_statistics) > 1000 AS has_blocks FROM journal",
        "--json",
        "--store",
        store,
    )
    assert json.loads(rows) == [
        {"rejected_records": 0, "first_rejection": None, "frames": 300, "has_blocks": 1}
    ]
    assert "hush" not in Folder(spool).segments[0].read_bytes().decode("utf-8", "replace")
