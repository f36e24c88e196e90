"""The bytes of the golden journals, from the values that Tests/Support/Swift gives them."""

import math

import pytest
from resnet_probe.journal import wire
from resnet_probe.journal.ablation_wire import (
    ABLATION,
    Ablation,
    ablation_record,
    read_ablation,
)
from resnet_probe.journal.frame import (
    BlockStatistics,
    Frame,
    LogDistribution,
    Moments,
    Pooled,
)
from resnet_probe.journal.head_wire import ExaminationHead
from resnet_probe.journal.protobuf_fields import fields_of
from resnet_probe.journal.removal_order_wire import RemovalOrder, removal_order_record
from resnet_probe.journal.reuse_wire import Reuse, Source, reuse_record
from resnet_probe.journal.run import RunOpened
from resnet_probe.journal.similarity_wire import Similarity, similarity_record

from journals import FIXTURES, MapBlock

JOURNAL = bytes(range(0x10, 0x20))
OPENED = RunOpened(
    run=bytes(range(0x20, 0x30)),
    attempt=bytes(range(0x30, 0x40)),
    name="golden",
    project="tests",
    started_at=1.75e9,
    planned_steps=200,
    recorder="golden; recorder 0.1.0",
    host="host",
    config={"lr": "0.1"},
)
BLOCKS = [
    MapBlock(0, "layer1.0", activation="relu", shape=(64,), parameters=8448, macs=8192),
    MapBlock(
        1, "layer1.1", shortcut="projection", stage=1, gate="layer1.1.gamma", drop_probability=0.25
    ),
]


def golden_frame(step: int, gap: float) -> Frame:
    first = BlockStatistics(
        ordinal=0,
        samples=64,
        micro_batches=1,
        undefined=1,
        identity_gap=LogDistribution(63, Moments(60, -3.0, 1.5), gap, 2 * gap, 3 * gap, 4 * gap),
        identity_gap_histogram={99: 1, 60: 60, 96: 3},
        residual_ratio=LogDistribution(63, Moments(60, -2.5, 2.0), gap, 2 * gap, 3 * gap, 5 * gap),
        cosine=Moments(63, -0.125, 0.5),
        stream_rms=Pooled(4096, 1.5),
        taylor_importance=Moments(64, 0.0078125, 0.001),
        taylor_signed_mean=-0.001,
        weight_norm=12.5,
        gradient_norm=0.75,
    )
    second = BlockStatistics(ordinal=1, samples=64, micro_batches=1, non_finite=64)
    return Frame(
        step=step,
        wall_time=1.75e9 + step,
        loss=2.25,
        learning_rate=0.1,
        recorder_seconds=0.00025,
        blocks=[second, first],
        metrics={"accuracy": 0.5},
    )


ABLATIONS = [
    Ablation(
        bytes(range(0x40, 0x50)), 100, 1.75e9 + 200, 64, 2, 0.5, 0.125, 0.95, (0,),
        Moments(64, 0.25, 1.5), 0, 0.125, 0.375, 0.28125, 0.21875, 0.0625, 0.03125, 0.09375,
        LogDistribution(63, Moments(60, -3.0, 1.5), 0.0625, 0.125, 0.1875, 0.25),
    ),
    Ablation(
        bytes(range(0x40, 0x50)), 100, 1.75e9 + 201, 64, 2, 0.5, 0.125, 0.95, (0, 1),
        Moments(64, -0.5, 0.75), 0, -0.625, -0.375, -0.5, -0.5, 0.0, -0.015625, 0.015625,
    ),
    Ablation(
        bytes(range(0x50, 0x60)), 0, 1.75e9 + 1, 64, 1, 2.25, None, 0.9, (1,),
        Moments(60, 3.0, 12.0), 4,
    ),
    Ablation(
        bytes(range(0x60, 0x70)), 199, 1.75e9 + 400, 2, 1, 0.0, 0.0, 0.95, (1,),
        Moments(2, 0.0, 0.0), 0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0,
    ),
]  # fmt: skip

EXAMINED = ExaminationHead(bytes(range(0x40, 0x50)), 100, 64, 2, 0.5, 0.125, 0.95)
EXAMINED_EARLIER = ExaminationHead(bytes(range(0x50, 0x60)), 0, 64, 1, 2.25, None, 0.9)
SIMILARITIES = [
    Similarity(0, 0, Moments(64, 0.125, 0.5), 63, Moments(60, -3.0, 1.5)),
    Similarity(0, 1, cka=0.75, branch_cka=-0.25),
]
STILL = Similarity(1, 1, Moments(64, 0.0, 0.0), 64, cka=0.0)
REUSE = Reuse(1, (Source(None, 16, 0.25), Source(0, 12, 0.0)))
ORDERS = [
    RemovalOrder("greedy", 0, 0, (1,)),
    RemovalOrder("greedy", 0, 1, (0,)),
    RemovalOrder("deepest_first", 0, 0, (1, 0)),
    RemovalOrder("random", 2, 0, (0, 1)),
]


def segment(number: int, payloads: list[bytes]) -> bytes:
    head = [wire.opened_record(OPENED, JOURNAL, number), wire.block_map_record(BLOCKS)]
    return wire.header(JOURNAL, number) + b"".join(map(wire.framed, head + payloads))


def test_complete_journal_is_written_byte_for_byte() -> None:
    written = segment(
        0,
        [
            wire.frame_record(golden_frame(0, 0.25), 2),
            wire.frame_record(golden_frame(10, 0.0625), 2),
            wire.metrics_record(11, {"lr \x1b[31m": 0.05}),
            wire.finished_record(True, 1.75e9 + 500, 199, 0),
        ],
    )
    assert written == (FIXTURES / "complete.rpj").read_bytes()


def test_second_segment_is_written_byte_for_byte() -> None:
    written = segment(1, [wire.frame_record(golden_frame(20, 0.03125), 2)])
    assert written == (FIXTURES / "second-segment.rpj").read_bytes()


def test_a_segments_file_is_named_for_its_journal_and_number() -> None:
    assert wire.file_name(JOURNAL, 3) == "101112131415161718191a1b1c1d1e1f.3.rpj"


def test_journal_with_ablations_is_written_byte_for_byte() -> None:
    written = segment(2, [ablation_record(one) for one in ABLATIONS])
    assert written == (FIXTURES / "ablations.rpj").read_bytes()


def test_journal_with_examinations_is_written_byte_for_byte() -> None:
    written = segment(
        3,
        [
            similarity_record(EXAMINED, SIMILARITIES),
            similarity_record(EXAMINED_EARLIER, [STILL]),
            reuse_record(EXAMINED, REUSE),
        ]
        + [removal_order_record(EXAMINED, order) for order in ORDERS],
    )
    assert written == (FIXTURES / "examinations.rpj").read_bytes()


@pytest.mark.parametrize("place", range(len(ABLATIONS)))
def test_an_ablation_is_read_as_it_was_written(place: int) -> None:
    body = fields_of(ablation_record(ABLATIONS[place]))[ABLATION]
    assert isinstance(body, bytes)
    assert read_ablation(body) == ABLATIONS[place]


def test_bytes_that_are_no_ablation_are_refused_wherever_they_end() -> None:
    body = fields_of(ablation_record(ABLATIONS[0]))[ABLATION]
    assert isinstance(body, bytes)
    for length in range(len(body)):
        try:
            found = read_ablation(body[:length])
        except ValueError:
            continue
        assert found != ABLATIONS[0]
        assert math.isfinite(found.base_loss)
