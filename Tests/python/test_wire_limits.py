"""What a reader would refuse never reaches it: cut or left out by a clear rule."""

import math
import struct

import pytest
from resnet_probe.journal import wire
from resnet_probe.journal.block_map_wire import block_names
from resnet_probe.journal.frame import (
    BlockStatistics,
    Frame,
    LogDistribution,
    Moments,
    Pooled,
)
from resnet_probe.journal.run import RunOpened
from resnet_probe.journal.statistics_wire import block_statistics
from resnet_probe.journal.text import clipped

from journals import FRAME, METRICS, MapBlock, fields, residual_blocks

NAN, INFINITY = math.nan, math.inf


def statistics(**values: object) -> dict[int, list[int | float | bytes]]:
    """The fields of a block's message, without its counters."""
    message = block_statistics(BlockStatistics(0, samples=8, **values))  # type: ignore[arg-type]
    assert message is not None
    return {field: value for field, value in fields(message).items() if field > 6}


def frame_fields(frame: Frame, blocks: int = 2) -> dict[int, list[int | float | bytes]]:
    ((kind, payload),) = fields(wire.frame_record(frame, blocks)).items()
    assert kind == FRAME
    assert isinstance(payload[0], bytes)
    return fields(payload[0])


@pytest.mark.parametrize(
    ("text", "limit", "expected"),
    [
        ("abc", 3, "abc"),
        ("abcd", 3, "abc"),
        ("é" * 3, 5, "éé"),
        ("a\0b", 9, "a\ufffdb"),
        ("a\0b", 3, "a"),
        ("\ud800x", 9, "\ufffdx"),
        ("🙂", 3, ""),
    ],
)
def test_a_text_is_cut_between_characters(text: str, limit: int, expected: str) -> None:
    assert clipped(text, limit) == expected


@pytest.mark.parametrize(
    "moments", [Moments(0, 0.0, 0.0), Moments(2, NAN, 1.0), Moments(2, 1.0, INFINITY)]
)
def test_moments_that_no_sample_has_are_left_out(moments: Moments) -> None:
    assert statistics(cosine=moments) == {}


@pytest.mark.parametrize("moments", [Moments(1, 2.0, 0.5), Moments(3, 2.0, -1e-9)])
def test_squared_deviations_of_one_value_or_below_zero_are_zero(moments: Moments) -> None:
    (message,) = statistics(cosine=moments)[10]
    assert isinstance(message, bytes)
    assert fields(message) == {1: [moments.n], 2: [2.0]}


def test_a_negative_zero_is_written_as_protobuf_does() -> None:
    (message,) = statistics(cosine=Moments(3, -0.0, 0.0))[10]
    assert message == b"\x08\x03\x11" + struct.pack("<d", -0.0)


@pytest.mark.parametrize(
    "values",
    [
        (0, 0, 0.1, 0.2, 0.3, 0.4),
        (2, 3, 0.1, 0.2, 0.3, 0.4),
        (2, 2, None, 0.2, 0.3, 0.4),
        (2, 2, NAN, 0.2, 0.3, 0.4),
        (2, 2, 0.1, NAN, 0.3, 0.4),
        (2, 2, 0.1, 0.2, 0.3, INFINITY),
        (2, 2, -0.1, 0.2, 0.3, 0.4),
    ],
)
def test_a_distribution_that_no_sample_has_is_left_out(
    values: tuple[int, int, float, float, float, float],
) -> None:
    n, logs, *percentiles = values
    assert statistics(identity_gap=LogDistribution(n, Moments(logs, 0.5, 0.5), *percentiles)) == {}


def test_a_distribution_whose_logarithms_are_not_finite_is_left_out() -> None:
    value = LogDistribution(2, Moments(2, -INFINITY, 0.0), 0.1, 0.2, 0.3, 0.4)
    assert statistics(identity_gap=value) == {}


def test_a_percentile_below_the_one_before_takes_its_place() -> None:
    value = LogDistribution(2, Moments(0, 0.0, 0.0), 0.2, 0.1, 0.3, 0.29)
    (message,) = statistics(residual_ratio=value)[9]
    assert isinstance(message, bytes)
    assert fields(message) == {1: [2], 3: [0.2], 4: [0.2], 5: [0.3], 6: [0.3]}


def test_a_histogram_keeps_its_slots_and_counts_above_zero() -> None:
    histogram = {100: 1, 101: 1, -1: 1, 7: 0, 3: 1 << 41}
    (message,) = statistics(identity_gap_histogram=histogram)[8]
    assert isinstance(message, bytes)
    (counts,) = fields(message)[2]
    assert fields(message)[1] == [bytes([3, 100])]
    assert counts == b"\x80\x80\x80\x80\x80\x20\x01"
    assert statistics(identity_gap_histogram={101: 3, 5: 0}) == {}


def test_pooled_values_and_numbers_that_are_not_finite_are_left_out() -> None:
    left_out = statistics(
        stream_rms=Pooled(4, -1.0),
        branch_rms=Pooled(4, INFINITY),
        dead_fraction=Pooled(0, 0.5),
        constant_fraction=Pooled(8, -0.01),
        weight_norm=NAN,
        gradient_norm=-INFINITY,
        gate_rms=0.0,
    )
    assert set(left_out) == {24, 25}


def test_counters_are_cut_and_contradictions_leave_the_block_out() -> None:
    message = block_statistics(BlockStatistics(0, samples=1 << 50, micro_batches=1 << 40))
    assert message is not None
    assert fields(message) == {2: [1 << 40], 3: [(1 << 32) - 1]}
    assert block_statistics(BlockStatistics(0, samples=3, dropped=2, non_finite=2)) is None


def test_blocks_of_a_frame_rise_and_lie_in_the_map() -> None:
    blocks = [BlockStatistics(ordinal, samples=2) for ordinal in (1, 0, 1, 2, -1)]
    blocks.append(BlockStatistics(0, samples=1, dropped=2))
    messages = frame_fields(Frame(3, 1.0, blocks=blocks))[9]
    assert [fields(m).get(1, [0]) for m in messages if isinstance(m, bytes)] == [[0], [1]]


def test_a_loss_may_be_anything_and_other_numbers_of_a_frame_may_not() -> None:
    written = frame_fields(
        Frame(
            5,
            -3.0,
            loss=INFINITY,
            learning_rate=NAN,
            loss_scale=INFINITY,
            skipped=True,
            recorder_seconds=NAN,
            dropped_frames=-1,
        )
    )
    assert written == {1: [5], 3: [INFINITY], 6: [1]}
    assert math.isnan(float(frame_fields(Frame(0, 1.0, loss=NAN))[3][0]))
    assert frame_fields(Frame(0, 1e300))[2] == [253_402_300_799.0]
    assert 2 not in frame_fields(Frame(0, NAN))


def test_metrics_beyond_4096_and_without_a_key_are_left_out() -> None:
    metrics = {"": 1.0} | {f"k{number}": 1.0 for number in range(5000)} | {"k" * 300: 1.0}
    ((kind, payload),) = fields(wire.metrics_record(1, metrics)).items()
    assert kind == METRICS
    assert isinstance(payload[0], bytes)
    assert len(fields(payload[0])[2]) == 4096


def test_names_of_blocks_fit_and_differ() -> None:
    long = "b" * 600
    names = block_names(["", "a", "a", "a~2", long, long, "(network)", "e\u0301", "é"])
    assert names == [
        "(network)",
        "a",
        "a~2",
        "a~2~3",
        "b" * 512,
        "b" * 510 + "~5",
        "(network)~6",
        "e\u0301",
        "é~8",
    ]


def test_parts_of_a_block_that_cannot_be_are_unknown() -> None:
    block = MapBlock(
        0, "b", kind="concat", shortcut="none", shape=(1,) * 9, parameters=1 << 60,
        drop_probability=1.5, gate="g" * 600,
    )  # fmt: skip
    (map_message,) = fields(wire.block_map_record([block]))[2]
    assert isinstance(map_message, bytes)
    (message,) = fields(map_message)[1]
    assert isinstance(message, bytes)
    assert fields(message) == {2: [b"b"], 3: [2], 4: [2], 9: [1 << 53], 11: [b"g" * 512]}


@pytest.mark.parametrize(
    "block",
    [
        MapBlock(1, "b"),
        MapBlock(0, "b", kind="dense"),
        MapBlock(0, "b", shortcut="none"),
        MapBlock(0, "b", kind="plain"),
    ],
)
def test_blocks_that_are_no_map_are_refused(block: MapBlock) -> None:
    with pytest.raises(ValueError, match=r"0|dense"):
        wire.block_map_record([block])


def test_at_most_16384_blocks_are_written() -> None:
    (message,) = fields(wire.block_map_record(residual_blocks(16_385)))[2]
    assert isinstance(message, bytes)
    assert len(fields(message)[1]) == 16_384


def test_texts_of_an_opening_are_cut() -> None:
    opened = RunOpened(
        bytes(16), bytes(16), "n" * 600, project="\0", started_at=NAN, host="h" * 513
    )
    (message,) = fields(wire.opened_record(opened, bytes(16), 7))[1]
    assert isinstance(message, bytes)
    written = fields(message)
    assert written[5] == [b"n" * 512]
    assert written[6] == ["\ufffd".encode()]
    assert written[13] == [b"h" * 512]
    assert written[2] == [7]
    assert 7 not in written
