"""The bytes of the golden journals, from the values that GoldenJournals.swift gives them."""

from resnet_probe.journal import wire
from resnet_probe.journal.frame import (
    BlockStatistics,
    Frame,
    LogDistribution,
    Moments,
    Pooled,
)
from resnet_probe.journal.run import RunOpened

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
