"""Journals whose frames hold every statistic of every block: what the intake benchmark delivers.

Encoded with the writer of the golden journals. A few hundred different frames are repeated under
rising steps, so that preparing a million rows takes seconds; the store never sees two equal rows.
"""

from __future__ import annotations

import dataclasses
import math
import pathlib
import random
import struct
import sys

sys.path.insert(
    0, str(pathlib.Path(__file__).resolve().parents[2] / "Support" / "Oracles")
)

from golden_journals import (
    data,
    double,
    integer,
    log_distribution,
    message,
    moments,
    record,
    text,
    varint,
)

BLOCKS = 54
SAMPLES = 128
SEGMENT_BYTES = 16 << 20
EPOCH = 1.75e9
DISTINCT = 199  # frames that differ in more than their step; prime, so that any stride visits all


@dataclasses.dataclass(frozen=True)
class Segment:
    """One segment of a journal: its file's name, its bytes, and where each of its frames ends."""

    name: str
    content: bytes
    frame_ends: list[int]


@dataclasses.dataclass
class PreparedJournal:
    """A journal being written: identities, its head, and frames under rising steps."""

    frame_bodies: list[bytes]
    run: bytes = dataclasses.field(default_factory=lambda: random.randbytes(16))
    attempt: bytes = dataclasses.field(default_factory=lambda: random.randbytes(16))
    journal: bytes = dataclasses.field(default_factory=lambda: random.randbytes(16))

    def head(self, number: int) -> bytes:
        """A segment's header and its first two records: run opened, block map."""
        opened = data(1, self.journal) + integer(2, number) + data(3, self.run)
        opened += (
            data(4, self.attempt)
            + text(5, "intake")
            + double(7, EPOCH)
            + integer(10, 1)
        )
        opened += text(12, "benchmark") + text(13, "host")
        blocks = b"".join(message(1, _block(ordinal)) for ordinal in range(BLOCKS))
        start = b"RPJ1" + struct.pack("<I", number) + self.journal
        return start + record(message(1, opened)) + record(message(2, blocks))

    def frame(self, step: int) -> bytes:
        """The record of a frame; its wall time is the step's, counted in tenths of a second."""
        body = integer(1, step) + double(2, EPOCH + step / 10)
        return record(
            message(3, body + self.frame_bodies[step % len(self.frame_bodies)])
        )

    def segments(self, frames: int, every: int = 1) -> list[Segment]:
        """So many frames, one every so many steps, in segments as a recorder cuts them."""
        segments: list[Segment] = []
        content, ends = bytearray(self.head(0)), []
        for step in range(0, frames * every, every):
            framed = self.frame(step)
            if len(content) + len(framed) > SEGMENT_BYTES:
                segments.append(Segment(self.name(len(segments)), bytes(content), ends))
                content, ends = bytearray(self.head(len(segments))), []
            content += framed
            ends.append(len(content))
        segments.append(Segment(self.name(len(segments)), bytes(content), ends))
        return segments

    def name(self, number: int) -> str:
        """A segment's file name, without its ending."""
        return f"{self.journal.hex()}.{number}"


def frame_bodies(seed: int = 1) -> list[bytes]:
    """Frames without step and time, all statistics filled, each a little different."""
    draw = random.Random(seed)
    bodies = []
    for _ in range(DISTINCT):
        body = double(3, draw.uniform(0.1, 3)) + double(4, 0.1) + double(5, 65536.0)
        body += double(7, draw.uniform(1e-4, 1e-3))
        for ordinal in range(BLOCKS):
            body += message(9, _statistics(ordinal, draw))
        body += message(10, text(1, "accuracy") + double(2, draw.random()))
        bodies.append(body)
    return bodies


def _block(ordinal: int) -> bytes:
    body = integer(1, ordinal) + text(2, f"layer{1 + ordinal // 18}.{ordinal % 18}")
    body += integer(5, ordinal // 18) + data(8, varint(16) + varint(32) + varint(32))
    return body + integer(9, 4672, always=True) + integer(10, 4718592, always=True)


def _statistics(ordinal: int, draw: random.Random) -> bytes:
    """One block's statistics at one step: all of them, none of them zero."""

    def sample(field: int, level: float) -> bytes:
        mean = level * draw.lognormvariate(0, 0.3)
        return message(
            field, moments(SAMPLES, mean, SAMPLES * mean * mean * draw.random())
        )

    def pooled(field: int, n: int, value: float) -> bytes:
        return message(field, integer(1, n) + double(2, value))

    def distribution(values: list[float]) -> bytes:
        logs = [math.log(value) for value in values]
        mean = sum(logs) / len(logs)
        spread = sum((log - mean) ** 2 for log in logs)
        ranks = [values[math.ceil(p * len(values)) - 1] for p in (0.5, 0.9, 0.99, 1)]
        return log_distribution(len(values), (len(values), mean, spread), *ranks)

    # The deeper a block, the closer to identity.
    level = 0.4 * math.exp(-ordinal / 20) * draw.lognormvariate(0, 0.2)
    gaps = sorted(draw.lognormvariate(math.log(level), 0.5) for _ in range(SAMPLES))
    ratios = [gap * draw.uniform(1.0, 1.001) for gap in gaps]
    slots: dict[int, int] = {}
    for gap in gaps:
        slot = min(max(int((math.log2(gap) + 20) * 4), 0), 95)
        slots[slot] = slots.get(slot, 0) + 1
    body = integer(1, ordinal) + integer(2, SAMPLES + 8) + integer(3, 2)
    body += integer(4, 4) + integer(5, 3) + integer(6, 1)
    body += message(7, distribution(gaps))
    body += message(
        8,
        data(1, b"".join(map(varint, slots)))
        + data(2, b"".join(map(varint, slots.values()))),
    )
    body += message(9, distribution(sorted(ratios)))
    for field, typical in ((10, -0.1), (11, 0.2), (12, 0.06), (13, 0.02)):
        body += sample(field, typical)
    elements = SAMPLES * 16 * 32 * 32
    body += pooled(14, elements, draw.uniform(0.5, 2)) + pooled(
        15, elements, draw.uniform(0.01, 1)
    )
    for field, typical in ((16, 0.05), (17, 0.3), (18, 0.004)):
        body += sample(field, typical)
    for field in range(19, 25):
        body += double(field, draw.lognormvariate(-2, 1))
    body += pooled(25, SAMPLES, draw.random()) + pooled(
        26, SAMPLES, draw.uniform(0.001, 0.1)
    )
    return body + pooled(27, elements, draw.uniform(1e-6, 1e-3))
