#!/usr/bin/env python3
"""Writes the golden journals that every implementation of the journal is held to.

Standard library only: protobuf's wire format is written out by hand, the checksum is zlib's. Run from
anywhere; writes Tests/Support/Fixtures/*.rpj but ablations.rpj. The values stand again in
GoldenJournals.swift and GoldenExaminations.swift.
"""

import pathlib
import struct
import zlib

FIXTURES = pathlib.Path(__file__).resolve().parent.parent / "Fixtures"
JOURNAL = bytes(range(0x10, 0x20))
RUN = bytes(range(0x20, 0x30))
ATTEMPT = bytes(range(0x30, 0x40))


def varint(value: int) -> bytes:
    out = bytearray()
    while True:
        byte, value = value & 0x7F, value >> 7
        out.append(byte | (0x80 if value else 0))
        if not value:
            return bytes(out)


def integer(field: int, value: int, always: bool = False) -> bytes:
    return varint(field << 3) + varint(value) if value or always else b""


def double(field: int, value: float, always: bool = False) -> bytes:
    if value == 0.0 and not always:
        return b""
    return varint(field << 3 | 1) + struct.pack("<d", value)


def data(field: int, value: bytes, always: bool = False) -> bytes:
    return varint(field << 3 | 2) + varint(len(value)) + value if value or always else b""


def text(field: int, value: str, always: bool = False) -> bytes:
    return data(field, value.encode(), always)


def message(field: int, value: bytes) -> bytes:
    return data(field, value, always=True)


def run_opened(
    segment: int, journal: bytes = JOURNAL, run: bytes = RUN, attempt: bytes = ATTEMPT,
    name: str = "golden",
) -> bytes:
    body = data(1, journal) + integer(2, segment) + data(3, run) + data(4, attempt)
    body += text(5, name) + text(6, "tests") + double(7, 1.75e9) + integer(8, 0)
    body += integer(9, 0) + integer(10, 1) + integer(11, 200, always=True)
    body += text(12, "golden; recorder 0.1.0") + text(13, "host")
    body += message(14, text(1, "lr") + text(2, "0.1"))
    return message(1, body)


def block_map() -> bytes:
    first = text(2, "layer1.0") + integer(7, 1) + data(8, varint(64))
    first += integer(9, 8448, always=True) + integer(10, 8192, always=True)
    second = integer(1, 1) + text(2, "layer1.1") + integer(4, 1) + integer(5, 1)
    second += text(11, "layer1.1.gamma", always=True) + double(12, 0.25)
    return message(2, message(1, first) + message(1, second))


def moments(n: int, mean: float, m2: float) -> bytes:
    return integer(1, n) + double(2, mean) + double(3, m2)


def log_distribution(
    n: int, logs: tuple[int, float, float], p50: float, p90: float, p99: float, top: float
) -> bytes:
    body = integer(1, n) + message(2, moments(*logs))
    for field, value in ((3, p50), (4, p90), (5, p99), (6, top)):
        body += double(field, value, always=True)
    return body


def frame(
    step: int, gap: float, wall_time: float | None = None, loss: float = 2.25, dropped: int = 0
) -> bytes:
    first = integer(2, 64) + integer(3, 1) + integer(5, 1)
    first += message(7, log_distribution(63, (60, -3.0, 1.5), gap, 2 * gap, 3 * gap, 4 * gap))
    first += message(8, data(1, bytes([60, 96, 99])) + data(2, bytes([60, 3, 1])))
    first += message(9, log_distribution(63, (60, -2.5, 2.0), gap, 2 * gap, 3 * gap, 5 * gap))
    first += message(10, moments(63, -0.125, 0.5)) + message(14, integer(1, 4096) + double(2, 1.5))
    first += message(18, moments(64, 0.0078125, 0.001))
    first += double(19, -0.001) + double(21, 12.5) + double(22, 0.75)
    second = integer(1, 1) + integer(2, 64) + integer(3, 1) + integer(6, 64)
    body = integer(1, step) + double(2, 1.75e9 + step if wall_time is None else wall_time)
    body += double(3, loss, always=True) + double(4, 0.1)
    body += double(7, 0.00025) + integer(8, dropped) + message(9, first) + message(9, second)
    body += message(10, text(1, "accuracy") + double(2, 0.5))
    return message(3, body)


def metrics(step: int) -> bytes:
    return message(4, integer(1, step) + message(2, text(1, "lr \x1b[31m") + double(2, 0.05)))


def finished(step: int) -> bytes:
    return message(5, double(2, 1.75e9 + 500) + integer(3, step))


def examination(
    first: int, step: int, planned: int, base_loss: float, base_error: float | None, confidence: float
) -> bytes:
    body = data(1, bytes(range(first, first + 16))) + integer(2, step) + integer(4, 64)
    body += integer(5, planned) + double(6, base_loss)
    if base_error is not None:
        body += double(7, base_error, always=True)
    return body + double(8, confidence)


def similarities() -> list[bytes]:
    both = examination(0x40, 100, 2, 0.5, 0.125, 0.95)
    span = message(2, moments(64, 0.125, 0.5)) + integer(3, 63)
    span += message(4, moments(60, -3.0, 1.5))
    apart = integer(1, 1) + double(5, 0.75, always=True) + double(6, -0.25, always=True)
    alone = examination(0x50, 0, 1, 2.25, None, 0.9)
    # A block that does nothing: all gaps are 0 and have no logarithm.
    still = integer(1, 1) + message(2, moments(64, 0.0, 0.0)) + integer(3, 64)
    still += double(5, 0.0, always=True)
    return [
        message(6, both + message(10, span) + message(10, apart)),
        message(6, alone + integer(9, 1) + message(10, still)),
    ]


def reuse() -> bytes:
    body = examination(0x40, 100, 2, 0.5, 0.125, 0.95) + integer(9, 1)
    stage = integer(2, 16) + double(3, 0.25)
    block = integer(1, 0, always=True) + integer(2, 12)
    return message(7, body + message(10, stage) + message(10, block))


def removal_order(strategy: int, number: int, place: int, ordinals: bytes) -> bytes:
    body = examination(0x40, 100, 2, 0.5, 0.125, 0.95) + integer(9, strategy)
    return message(9, body + integer(10, number) + integer(11, place) + data(12, ordinals))


def record(payload: bytes) -> bytes:
    length = struct.pack("<I", len(payload))
    return length + struct.pack("<I", zlib.crc32(length + payload)) + payload


def segment(
    number: int, payloads: list[bytes], tail: bytes = b"", journal: bytes = JOURNAL
) -> bytes:
    header = b"RPJ1" + struct.pack("<I", number) + journal
    return header + b"".join(record(payload) for payload in payloads) + tail


def main() -> None:
    head = [run_opened(0), block_map()]
    unknown = message(15, b"from a later version")
    files = {
        "complete.rpj": segment(
            0, head + [frame(0, 0.25), frame(10, 0.0625), metrics(11), finished(199)]),
        "second-segment.rpj": segment(1, [run_opened(1), block_map(), frame(20, 0.03125)]),
        "cut.rpj": segment(0, head + [frame(0, 0.25)], record(frame(10, 0.0625))[:100]),
        "zero-filled.rpj": segment(0, head + [frame(0, 0.25)], bytes(64)),
        "unknown-kind.rpj": segment(0, head + [unknown, frame(0, 0.25)]),
        "examinations.rpj": segment(
            3,
            [run_opened(3), block_map(), *similarities(), reuse()]
            + [
                removal_order(0, 0, 0, bytes([1])),
                removal_order(0, 0, 1, bytes([0])),
                removal_order(1, 0, 0, bytes([1, 0])),
                removal_order(2, 2, 0, bytes([0, 1])),
            ],
        ),
    }
    for name, content in files.items():
        assert len(content) <= 2048, (name, len(content))
        (FIXTURES / name).write_bytes(content)


if __name__ == "__main__":
    main()
