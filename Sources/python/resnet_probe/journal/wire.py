"""What stands in a journal: a segment's header, records, and the message in each.

Hand-written to Sources/ProbeWire/probe.proto and held byte for byte to the golden journals.
Numbers and texts that a reader would refuse are cut or left out here; `WireFormat.md` has the
limits. Each ``…_record`` returns a payload, which :func:`framed` puts length and checksum before.
"""

import struct
import zlib
from collections.abc import Mapping, Sequence

from resnet_probe.journal.block_map_wire import MappedBlock, block_map
from resnet_probe.journal.frame import Frame
from resnet_probe.journal.limits import (
    MAXIMUM_METRIC_KEY_LENGTH,
    MAXIMUM_METRICS,
    MAXIMUM_TEXT_LENGTH,
    believable_count,
    believable_step,
    believable_time,
    finite,
)
from resnet_probe.journal.protobuf import delimited, double, integer, tag, text, varint
from resnet_probe.journal.run import RunOpened
from resnet_probe.journal.statistics_wire import block_statistics
from resnet_probe.journal.text import clipped

HEADER_LENGTH = 24
"""The bytes of a segment's header."""
MAXIMUM_RECORD_LENGTH = 4 << 20
"""The most bytes of a payload."""
MAXIMUM_SEGMENT_LENGTH = 16 << 20
"""The size past which the next segment is opened."""

_MAGIC = b"RPJ1"
_NUMBER = struct.Struct("<I")
_BLOCK = tag(9, 2)


def file_name(journal: bytes, segment: int) -> str:
    """The name of a segment's file: ``<32 hexadecimal digits>.<number>.rpj``."""
    return f"{journal.hex()}.{segment}.rpj"


def header(journal: bytes, segment: int) -> bytes:
    """The 24 bytes that a segment begins with."""
    return _MAGIC + _NUMBER.pack(segment) + journal


def framed(payload: bytes) -> bytes:
    """A payload with its length and checksum before it."""
    length = _NUMBER.pack(len(payload))
    return length + _NUMBER.pack(zlib.crc32(payload, zlib.crc32(length))) + payload


def opened_record(opened: RunOpened, journal: bytes, segment: int) -> bytes:
    """The payload that every segment's records begin with."""
    body = delimited(1, journal) + integer(2, segment)
    body += delimited(3, opened.run) + delimited(4, opened.attempt)
    body += text(5, clipped(opened.name, MAXIMUM_TEXT_LENGTH))
    body += text(6, clipped(opened.project, MAXIMUM_TEXT_LENGTH))
    body += double(7, believable_time(opened.started_at))
    body += integer(8, believable_step(opened.first_step))
    body += integer(9, opened.rank) + integer(10, opened.world_size)
    if opened.planned_steps is not None:
        body += integer(11, believable_step(opened.planned_steps), always=True)
    body += text(12, clipped(opened.recorder, MAXIMUM_TEXT_LENGTH))
    body += text(13, clipped(opened.host, MAXIMUM_TEXT_LENGTH))
    for key, value in sorted(opened.config.items()):
        body += delimited(14, text(1, key) + text(2, value))
    return delimited(1, body)


def block_map_record(blocks: Sequence[MappedBlock]) -> bytes:
    """The payload of the block map, the second record of every segment.

    Raises:
        ValueError: For blocks that are no map.
    """
    return delimited(2, block_map(blocks))


def frame_record(frame: Frame, blocks: int) -> bytes:
    """The payload of a measured step.

    Blocks go by rising ordinal; those outside a map of ``blocks`` and those that come again are
    left out.
    """
    parts = [
        integer(1, believable_step(frame.step)),
        double(2, believable_time(frame.wall_time)),
    ]
    if frame.loss is not None:
        parts.append(double(3, frame.loss, always=True))
    if frame.learning_rate is not None and finite(frame.learning_rate):
        parts.append(double(4, frame.learning_rate, always=True))
    if frame.loss_scale is not None and finite(frame.loss_scale):
        parts.append(double(5, frame.loss_scale, always=True))
    parts.append(integer(6, bool(frame.skipped)))
    if finite(frame.recorder_seconds):
        parts.append(double(7, max(0.0, frame.recorder_seconds)))
    parts.append(integer(8, believable_count(frame.dropped_frames)))
    last = -1
    for block in sorted(frame.blocks, key=lambda block: block.ordinal):
        if not last < block.ordinal < blocks:
            continue
        body = block_statistics(block)
        if body is not None:
            last = block.ordinal
            parts += (_BLOCK, varint(len(body)), body)
    parts.append(_metrics(10, frame.metrics))
    return delimited(3, b"".join(parts))


def metrics_record(step: int, metrics: Mapping[str, float]) -> bytes:
    """The payload of numbers logged outside a frame."""
    return delimited(4, integer(1, believable_step(step)) + _metrics(2, metrics))


def finished_record(
    completed: bool, finished_at: float, last_step: int, dropped_frames: int
) -> bytes:
    """The payload of the end of an attempt."""
    body = integer(1, 0 if completed else 1) + double(2, believable_time(finished_at))
    body += integer(3, believable_step(last_step)) + integer(4, believable_count(dropped_frames))
    return delimited(5, body)


def _metrics(field: int, metrics: Mapping[str, float]) -> bytes:
    parts: list[bytes] = []
    for key, value in metrics.items():
        name = clipped(key, MAXIMUM_METRIC_KEY_LENGTH)
        if not name or len(parts) == MAXIMUM_METRICS:
            continue
        parts.append(delimited(field, text(1, name) + double(2, value)))
    return b"".join(parts)
